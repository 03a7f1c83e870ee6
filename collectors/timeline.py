"""When a message that still waits was written, read from (time, messages ever written) of a log or a queue. Pure."""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import NamedTuple

#: Points kept a partition. When they are full every second old one goes, so that the reach doubles.
POINTS = 120

LOWER_BOUND, INTERPOLATED, EXACT = 1.0, 2.0, 3.0


class Age(NamedTuple):
    """How long the record at an offset has been there; `quality` says how that is known."""

    seconds: float
    quality: float


class Timeline:
    """(time, log end) of one partition: times and ends both rise.

    Only changes are noted, so that a quiet partition costs nothing: the last end still stood at the time of the
    last reading, which is the same for all partitions of a cluster and is passed in as `seen`.
    """

    __slots__ = ("ends", "times")

    def __init__(self, times: array[float] | None = None, ends: array[int] | None = None) -> None:
        self.times = array("d") if times is None else times
        self.ends = array("q") if ends is None else ends

    def add(self, now: float, end: int, seen: float) -> bool:
        """Note the log end; True when it changed. An end that fell means another log: what was known of it goes."""
        if not self.ends or end < self.ends[-1]:
            self.times, self.ends = array("d", [now]), array("q", [end])
            return True
        if end == self.ends[-1]:
            return False
        if seen > self.times[-1]:
            self._append(seen, self.ends[-1])
        self._append(now, end)
        return True

    def age(self, offset: int, now: float) -> Age | None:
        """Age of the record at an offset; None when there is no such record yet, and at first sight.

        It was written between the last point whose end is at most its offset, and the next.
        """
        if not self.ends or offset >= self.ends[-1]:
            return None
        after = bisect_right(self.ends, offset)
        if after == 0:
            return Age(now - self.times[0], LOWER_BOUND) if now > self.times[0] else None
        left, right = after - 1, bisect_left(self.ends, self.ends[after])
        share = (offset + 1 - self.ends[left]) / (self.ends[right] - self.ends[left])
        written = self.times[left] + share * (self.times[right] - self.times[left])
        return Age(max(0.0, now - written), INTERPOLATED)

    def rate(self, now: float, seconds: float) -> float | None:
        """Records written a second over about the last `seconds`; None when that is not known."""
        if not self.ends or self.times[0] >= now:
            return None
        at = max(0, bisect_right(self.times, now - seconds) - 1)
        return (self.ends[-1] - self.ends[at]) / (now - max(self.times[at], now - seconds))

    def _append(self, time: float, end: int) -> None:
        self.times.append(time)
        self.ends.append(end)
        if len(self.times) > POINTS:
            half = len(self.times) // 2
            self.times = self.times[:half:2] + self.times[half:]
            self.ends = self.ends[:half:2] + self.ends[half:]


def packed(timelines: Mapping[int, Timeline]) -> bytes:
    """The timelines of a topic's partitions, to be remembered: all times, then all ends as differences."""
    times = [time for one in timelines.values() for time in one.times]
    ends = [step for one in timelines.values() for step in _differences(one.ends)]
    heads = [number for partition, one in timelines.items() for number in (partition, len(one.times))]
    body = struct.pack(f"<I{len(heads)}I", len(timelines), *heads)
    return zlib.compress(body + struct.pack(f"<{len(times)}d{len(ends)}q", *times, *ends), 1)


def unpacked(blob: bytes) -> dict[int, Timeline]:
    """The timelines by partition; raises ValueError when they cannot be read."""
    try:
        body = zlib.decompress(blob)
        (count,) = struct.unpack_from("<I", body)
        heads = struct.unpack_from(f"<{2 * count}I", body, 4)
        total = sum(heads[1::2])
        values = struct.unpack_from(f"<{total}d{total}q", body, 4 + 8 * count)
    except (struct.error, zlib.error) as error:
        raise ValueError(f"not a timeline: {error}") from None
    found, at = {}, 0
    for partition, points in zip(heads[::2], heads[1::2], strict=True):
        ends = accumulate(values[total + at : total + at + points])
        found[partition] = Timeline(array("d", values[at : at + points]), array("q", ends))
        at += points
    return found


def _differences(ends: array[int]) -> list[int]:
    return [*ends[:1], *(after - before for before, after in pairwise(ends))]
