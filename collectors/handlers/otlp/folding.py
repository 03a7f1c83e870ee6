"""Exponential histograms become distributions with bounds that never move. Pure.

A sender changes the scale of an exponential histogram as its values spread, so its own bounds are no bounds for a
series that is to be compared over time. All scales from 1 on are subdivisions of the powers of √2, so these are the
bounds: the fold is exact, whatever the scale and its changes; only of a scale below 1, which needs values that spread
over 2^160, a bucket is wider than ours and goes where its upper edge lies, never too low. Steps of √2 keep percentiles
within 6 %. They are no powers of √2 of 1 ms, as `geometry.BOUNDS` are, except for a histogram in milliseconds, whose
bounds come to be just those.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

#: By unit, the exponent of the first bound in steps of √2, and how many bounds there are: about 1 ms to 12 min.
_SPANS = {"s": (-20, 40), "ms": (0, 40), "us": (20, 40), "ns": (40, 40)}
#: Of other units nothing is known: 0.001 to 3,000,000.
_ANY = (-20, 64)
#: No double lies beyond these steps of √2.
_FARTHEST = 4096


class Exponential(NamedTuple):
    """An exponential histogram: bucket i of `counts` has the upper bound 2^((offset + i + 1) / 2^scale), inclusive.

    `low` counts what is not positive: below each of our bounds. `zeros` lie at most at `threshold`.
    """

    scale: int
    offset: int
    counts: Sequence[int]
    zeros: int
    threshold: float
    low: int


@cache
def bounds_of(unit: str) -> tuple[float, ...]:
    """The bounds of every exponential histogram in this unit; in milliseconds to six places, as `geometry` is."""
    first, number = _SPANS.get(unit, _ANY)
    steps = (2.0 ** (step / 2) for step in range(first, first + number))
    return tuple(round(bound, 6) for bound in steps) if unit == "ms" else tuple(steps)


def folded(one: Exponential, unit: str) -> tuple[int, ...]:
    """How many fell into the buckets of `bounds_of(unit)`, one more than there are bounds."""
    bounds = bounds_of(unit)
    first, number = _SPANS.get(unit, _ANY)
    counts = [0] * (number + 1)
    counts[0] += one.low
    counts[bisect_left(bounds, one.threshold)] += one.zeros
    for index, count in enumerate(one.counts, one.offset + 1):
        if count:
            counts[min(max(_steps(index, one.scale) - first, 0), number)] += count
    return tuple(counts)


def _steps(index: int, scale: int) -> int:
    """The least whole number of steps of √2 that reaches 2^(index / 2^scale)."""
    if scale >= 1:
        return -(-index >> (scale - 1))
    return max(-_FARTHEST, min(_FARTHEST, index)) << min(1 - scale, 12)
