"""What counters rose by, added up by SQLite: what was read in between stays there."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from monitor.derive import increase
from monitor.store.series import FROM_SCRAPES, Found, Series, SeriesReader, Where, milliseconds


class Rise(NamedTuple):
    """What a counter rose by from its first to its last reading in a window, over resets: after one it began at 0.

    `seconds` are from the first reading to the last, `resting` from its last change.
    """

    labels: dict[str, str]
    increase: float
    seconds: float
    resting: float

    @property
    def rate(self) -> float | None:
        """By a second; None where it was read less than twice."""
        return self.increase / self.seconds if self.seconds else None


def risen(one: Series) -> Rise:
    """What a series of a window rose by."""
    first, last = one.points[0][0], one.points[-1][0]
    changed = max((at for (_, before), (at, value) in pairwise(one.points) if value != before), default=first)
    return Rise(one.labels, increase([value for _, value in one.points]), last - first, last - changed)


class RiseReader(SeriesReader):
    """Read-only view of the samples of a store, and of what its counters rose by."""

    def rises(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Rise]:
        """What `risen` says of each series of the window (start, end]."""
        if metric in FROM_SCRAPES:
            return [risen(one) for one in self.window(metric, start, end, where)]
        times, of_target = self._good_times(start, end), defaultdict[str, list[Found]](list)
        for one in self._series(metric, where):
            of_target[one[1]["target"]].append(one)
        found, broken = list[Rise](), list[Found]()
        for target, wanted in of_target.items():
            if target not in times:
                continue
            first, last = times[target][0], times[target][-1]
            added = self._added([one[0] for one in wanted], target, first, end)
            for series, labels, changed_at, value in wanted:
                rose, at, is_broken = added.get(series, (0.0, first, changed_at > first))
                if is_broken:
                    broken.append((series, labels, changed_at, value))
                elif series in added or value is not None:
                    found.append(Rise(labels, rose, last - first, last - at))
        return found + [risen(one) for one in self._windows(metric, broken, start, end)]

    def _added(self, series: list[int], target: str, first: float, end: float) -> dict[int, tuple[float, float, bool]]:
        """Of series that changed in (first, end]: the sum of it, when they did last, and whether one began or ended."""
        rows = self._all(
            "SELECT series, sum(iif(value >= prev, value - prev, value)), max(head.ts),"
            " max(value IS NULL OR prev IS NULL) FROM scrape"
            " CROSS JOIN head ON head.ts = scrape.ts AND series IN (SELECT value FROM json_each(?))"
            " WHERE target = ? AND scrape.ts > ? AND scrape.ts <= ? GROUP BY series",
            (json.dumps(series), target, milliseconds(first), milliseconds(end)),
        )
        return {one: (rose or 0.0, at / 1000, bool(broken)) for one, rose, at, broken in rows}
