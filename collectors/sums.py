"""Counters made from the period sums of a metrics service. Pure.

CloudWatch and Azure Monitor tell no counters, but sums of short periods, which may come late, be asked for twice and
grow while they are young. So a counter is the sum over all periods of the most that was ever said of each: asking again
changes nothing, the order of answers does not matter, and a period is counted once. Periods older than any late point
are settled: they are one number, and what is said of them later is not heard.

Absent is 0 only where the service answered for the time: a counter that was never answered for does not exist.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

#: What is counted, and where: the name of a metric and the values of its labels, the destination first.
Key = tuple[str, ...]


class Window(NamedTuple):
    """Epoch seconds to ask for, `end` exclusive; of `missed` seconds before it nothing will ever be known."""

    start: float
    end: float
    missed: float = 0.0


@dataclass(slots=True)
class _Counter:
    settled: float
    #: Before it every period is settled.
    floor: float
    #: Up to it the service has answered.
    until: float
    open: dict[int, float] = field(default_factory=dict)
    total: float = 0.0

    def note(self, points: Iterable[tuple[float, float]], end: float, settles: float) -> None:
        for at, value in points:
            if at >= self.floor and math.isfinite(value) and value > self.open.get(int(at), 0.0):
                self.open[int(at)] = value
        # the sum of fractions depends on their order by a last digit, and a counter that falls would count anew
        self.total = max(self.total, self.settled + math.fsum(self.open.values()))
        self.until = max(self.until, end)
        self.floor = max(self.floor, self.until - settles)
        for at in [at for at in self.open if at < self.floor]:
            self.settled += self.open.pop(at)


class Sums:
    """The counters of one target.

    `period` is the length of the service's periods, `lateness` how long after its begin the last point of one has
    come, `reach` how far back the service can be asked; all in seconds. `name` is that of its memory: of two in one
    target each needs its own.
    """

    def __init__(self, period: float, lateness: float, reach: float, name: str = "sums") -> None:
        self.period, self.lateness, self.reach = period, lateness, reach
        self._prefix = f"{name}/"
        self._counters: dict[Key, _Counter] = {}
        self._changed: set[str] = set()

    def window(self, keys: Collection[Key], now: float) -> Window:
        """The time to ask for, so that no period of these counters is left out; of new ones as far as points are late.

        After a pause of the agent it reaches back to where the last answer ended, but no further than `reach`.
        """
        end = self._aligned(now) + self.period
        floors = [self._counters[key].floor if key in self._counters else now - self.lateness for key in keys]
        wanted = self._aligned(min(floors, default=now - self.lateness))
        start = max(wanted, self._aligned(now - self.reach))
        return Window(start, end, start - wanted)

    def windows(self, keys: Iterable[Key], now: float) -> dict[Window, list[Key]]:
        """The same for each counter by itself, those of one window together: one that was long not answered for
        makes no other's window wider."""
        found: dict[Window, list[Key]] = {}
        for key in keys:
            found.setdefault(self.window([key], now), []).append(key)
        return found

    def note(self, key: Key, points: Iterable[tuple[float, float]], window: Window) -> None:
        """Note that the service answered for the window with these points: (start of the period, its sum)."""
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = _Counter(0.0, window.start, window.start)
        counter.note(points, window.end, self.period + self.lateness)
        self._changed.add(_group(key))

    def total(self, key: Key) -> float | None:
        """The counter: it never falls. None where the service never answered for it."""
        counter = self._counters.get(key)
        return None if counter is None else counter.total

    def totals(self, since: float) -> Iterable[tuple[Key, float]]:
        """Every counter of which the service said something up to `since` or later; an older one is stale."""
        return ((key, counter.total) for key, counter in self._counters.items() if counter.until >= since)

    def keep(self, keys: Collection[Key]) -> None:
        """Forget all counters but these: what they count is gone."""
        for key in self._counters.keys() - set(keys):
            del self._counters[key]
            self._changed.add(_group(key))

    def take_changes(self) -> dict[str, bytes | None]:
        """What a `Reading` is to remember: one entry a destination; None forgets it."""
        changes: dict[str, bytes | None] = dict.fromkeys((self._prefix + group for group in self._changed), None)
        rows: dict[str, list[object]] = {}
        for key, one in self._counters.items():
            if _group(key) in self._changed:
                row = [key, one.settled, one.floor, one.until, one.total, list(one.open.items())]
                rows.setdefault(_group(key), []).append(row)
        for group, stored in rows.items():
            changes[self._prefix + group] = json.dumps(stored, separators=(",", ":")).encode()
        self._changed.clear()
        return changes

    def restore(self, memory: Mapping[str, bytes]) -> None:
        """Put back what was remembered; what cannot be read is as if it had never been."""
        for name, blob in memory.items():
            if not name.startswith(self._prefix):
                continue
            try:
                for key, settled, floor, until, total, points in json.loads(blob):
                    periods = {int(at): float(value) for at, value in points}
                    self._counters[tuple(key)] = _Counter(settled, floor, until, periods, total)
            except (ValueError, TypeError):
                continue

    def _aligned(self, at: float) -> float:
        return at // self.period * self.period


def _group(key: Key) -> str:
    return key[1] if len(key) > 1 else ""
