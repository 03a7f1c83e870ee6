"""The age of a backlog, read from a timeline of (time, log end) a partition. Pure."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import NamedTuple

#: Points kept a partition. When they are full every second old one goes, so that the reach doubles.
POINTS = 120

LOWER_BOUND, INTERPOLATED = 1.0, 2.0


class Age(NamedTuple):
    """How long ago the log end stood at an offset; `quality` says how that is known."""

    seconds: float
    quality: float


class Timeline:
    """(time, log end) of one partition: times and ends both rise."""

    def __init__(self, times: list[float] | None = None, ends: list[int] | None = None) -> None:
        self.times, self.ends = times or [], ends or []

    def add(self, time: float, end: int) -> None:
        """Note the log end. An end that fell means another log: what was known of the old one goes."""
        if self.ends and end < self.ends[-1]:
            self.times, self.ends = [], []
        if len(self.ends) >= 2 and self.ends[-1] == self.ends[-2] == end:
            self.times[-1] = time
            return
        self.times.append(time)
        self.ends.append(end)
        if len(self.times) > POINTS:
            keep = [*range(0, len(self.times) // 2, 2), *range(len(self.times) // 2, len(self.times))]
            self.times, self.ends = [self.times[i] for i in keep], [self.ends[i] for i in keep]

    def age(self, committed: int, now: float) -> Age | None:
        """Age of the record at the committed offset; None when there is none, or nothing is known.

        That record was written between the last point whose end is at most its offset, and the next.
        """
        if not self.ends or committed >= self.ends[-1]:
            return None
        after = bisect_right(self.ends, committed)
        if after == 0:
            return Age(max(0.0, now - self.times[0]), LOWER_BOUND)
        left, right = after - 1, bisect_left(self.ends, self.ends[after])
        share = (committed + 1 - self.ends[left]) / (self.ends[right] - self.ends[left])
        written = self.times[left] + share * (self.times[right] - self.times[left])
        return Age(max(0.0, now - written), INTERPOLATED)


def packed(timelines: Mapping[int, Timeline]) -> bytes:
    """The timelines of a topic's partitions, to be remembered."""
    return json.dumps({p: [[round(t, 3) for t in one.times], one.ends] for p, one in timelines.items()}).encode()


def unpacked(blob: bytes) -> dict[int, Timeline]:
    return {int(p): Timeline(times, ends) for p, (times, ends) in json.loads(blob).items()}
