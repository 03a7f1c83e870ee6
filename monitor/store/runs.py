"""Points of which many in a row have the same value, told as runs: what is made of them then costs by change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import overload

Point = tuple[float, float]


class Runs(Sequence[Point]):
    """(time, value) of a series, oldest first: `values[n]` stood for the next `lengths[n]` of the `times`."""

    __slots__ = ("lengths", "times", "values")

    def __init__(self, times: Sequence[float], values: Sequence[float], lengths: Sequence[int]) -> None:
        self.times, self.values, self.lengths = times, values, lengths

    @classmethod
    def of(cls, times: Sequence[float], values: Sequence[float], borders: Sequence[int]) -> Runs:
        """Each value stands up to its border, an index into `times`; where it is NaN there are no points."""
        lengths = [borders[0], *(after - before for before, after in pairwise(borders))]
        if all(value == value for value in values) and lengths[0]:
            return cls(times, values, lengths)
        stood = [(border, length, value) for border, length, value in zip(borders, lengths, values, strict=True)
                 if length and value == value]  # fmt: skip
        kept = [at for border, length, _ in stood for at in times[border - length : border]]
        return cls(kept, [value for _, _, value in stood], [length for _, length, _ in stood])

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[Point]:
        expanded = (value for value, length in zip(self.values, self.lengths, strict=True) for _ in range(length))
        return zip(self.times, expanded, strict=True)

    @overload
    def __getitem__(self, at: int) -> Point: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Point]: ...
    def __getitem__(self, at: int | slice) -> Point | Sequence[Point]:
        if isinstance(at, slice):
            return list(self)[at]
        if at == -1 and self.times:
            return self.times[-1], self.values[-1]
        if at == 0 and self.times:
            return self.times[0], self.values[0]
        index = range(len(self.times))[at]
        return self.times[index], self.values[bisect_right(list(accumulate(self.lengths)), index)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))
