"""The latest changes of series, kept in memory between scrapes, so that rules need not read them anew every time.

Loaded from the store when it is first asked for, then fed with what every scrape changes. It holds a metric back to the
longest window that was asked of it, and answers as `SeriesReader` does.
"""

from __future__ import annotations

import json
import math
import sqlite3
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from monitor.store.changes import Change
from monitor.store.reader import AlertState, Reader, Series
from monitor.store.runs import Runs
from monitor.store.series import FROM_SCRAPES, STALE_SECONDS, Found, Where, milliseconds

#: Slow targets are judged late: as much longer than the longest window is kept.
LATE_SECONDS = 120.0
#: Longer windows are read from the store.
MOST_SECONDS = 6 * 3600.0
#: How many changes of a series may be past the window before they are dropped.
_SLACK = 64
#: Later than anything.
_NEVER = 1e12


class _Kept:
    """A series: when it changed, to what (NaN: it ended), and what stood before the first of these changes."""

    __slots__ = ("ats", "before", "id", "labels", "values")

    def __init__(self, id: int, labels: dict[str, str], before: float) -> None:
        self.id, self.labels, self.before = id, labels, before
        self.ats, self.values = array("d"), array("d")

    def add(self, at: float, value: float | None, since: float) -> None:
        self.ats.append(at)
        self.values.append(math.nan if value is None else value)
        if len(self.ats) > _SLACK and self.ats[_SLACK // 2] < since:
            gone = bisect_right(self.ats, since)
            self.before = self.values[gone - 1]
            del self.ats[:gone], self.values[:gone]

    @property
    def value(self) -> float:
        return self.values[-1] if self.values else self.before

    def points(self, times: Sequence[float], start: float, end: float) -> Runs | None:
        """What stood at these times, all of them in (start, end]; None where there was nothing."""
        ats, values = self.ats, self.values
        first, last = bisect_right(ats, start), bisect_right(ats, end)
        stood = values[first - 1] if first else self.before
        if first == last:
            return None if stood != stood else Runs(times, (stood,), (len(times),))
        borders = [bisect_left(times, at) for at in ats[first:last]]
        return Runs.of(times, [stood, *values[first:last]], [*borders, len(times)])


class _Metric:
    """The series of a metric by target, complete from `since` on."""

    def __init__(self, keep: float, since: float) -> None:
        self.keep, self.since = keep, since
        self.series: dict[str, dict[int, _Kept]] = defaultdict(dict)


class Recent:
    """What is kept of all targets. Not safe for several threads at once: the store's lock guards it."""

    def __init__(self) -> None:
        self._disordered_until = -math.inf
        self.clear()

    def clear(self) -> None:
        """Forget everything; it is loaded again when asked for."""
        self.metrics: dict[str, _Metric] = {}
        self.times: dict[str, list[float]] = {}
        self.times_since = math.inf
        self.newest = -math.inf
        self.names: dict[str, tuple[int, set[str]]] = {}
        self.alerts: dict[tuple[Any, ...], AlertState] = {}
        self._by_id: dict[int, tuple[_Metric, _Kept] | None] = {}

    def trusted(self, now: float) -> bool:
        """Whether the scrapes before came one after the other; not so for a while after the clock was set back."""
        return now > self._disordered_until

    def distrust(self, until: float) -> None:
        """Leave everything to the store while a window may reach back to then."""
        self.clear()
        self._disordered_until = max(self._disordered_until, until + MOST_SECONDS)

    def add(self, db: sqlite3.Connection, target: str, ts: int, changes: Iterable[Change]) -> None:
        """Take in a good scrape, in the transaction that writes it."""
        (newest,) = db.execute("SELECT max(ts) FROM scrape WHERE ts > ? AND target = ?", (ts, target)).fetchone()
        at, times = ts / 1000, self.times.setdefault(target, [])
        if newest is not None or at in times[-1:]:  # the clock was set back: what stood when is for the store to say
            self.distrust((newest or ts) / 1000)
            return
        times.append(at)
        self.newest = max(self.newest, at)
        if times[0] < at - 2 * MOST_SECONDS:
            self.times_since = max(self.times_since, at - MOST_SECONDS - LATE_SECONDS)
            del times[: bisect_right(times, self.times_since)]
        for _, series, value, before in changes:
            if series not in self._by_id:
                self._meet(db, series, before)
            known = self._by_id[series]
            if known is not None:
                metric, kept = known
                metric.since = max(metric.since, at - metric.keep)
                kept.add(at, value, metric.since)

    def _meet(self, db: sqlite3.Connection, series: int, before: float | None) -> None:
        name, target, system, labels = db.execute(
            "SELECT metric, target, system, labels FROM series WHERE id = ?", (series,)
        ).fetchone()
        metric = self.metrics.get(name)
        if metric is None:
            self._by_id[series] = None
        else:
            self.keep(metric, target, _Kept(series, _labels(target, system, labels), _number(before)))

    def keep(self, metric: _Metric, target: str, kept: _Kept) -> None:
        metric.series[target][kept.id] = kept
        self._by_id[kept.id] = metric, kept

    def drop(self, metric: _Metric, target: str, gone: Iterable[_Kept]) -> None:
        for kept in gone:
            del metric.series[target][kept.id], self._by_id[kept.id]


class RecentReader(Reader):
    """Reads a store through what is kept in memory of it, within the transaction of a scrape."""

    def __init__(self, path: str, connection: sqlite3.Connection, recent: Recent) -> None:
        super().__init__(path, connection)
        self._recent = recent
        self._alerts: dict[tuple[Any, ...], AlertState] = {}

    def metrics(self, target: str) -> set[str]:
        ((newest,),) = self._all("SELECT coalesce(max(id), 0) FROM series")
        if self._recent.names.get(target, (-1,))[0] != newest:
            self._recent.names[target] = newest, super().metrics(target)
        return self._recent.names[target][1]

    def alerts(self) -> list[AlertState]:
        """What a row tells is not told anew as long as it stays: most do."""
        found = super().alerts()
        self._recent.alerts, self._alerts = self._alerts, {}
        return found

    def _alert(self, row: tuple[Any, ...]) -> AlertState:
        state = self._alerts[row] = self._recent.alerts.get(row) or super()._alert(row)
        return state

    def latest(self, metric: str, now: float, where: Where | None = None) -> list[Series]:
        if metric in FROM_SCRAPES or not self._holds(now, where):
            return super().latest(metric, now, where)
        kept, found = self._metric(metric, now, STALE_SECONDS), list[Series]()
        if kept is None:
            return super().latest(metric, now, where)
        for target, series in _of(kept.series, where):
            times = self._times(target, now - STALE_SECONDS - 0.001, now)
            if times:
                at = times[-1]
                found += [
                    Series(metric, one.labels, [(at, value)])
                    for one in series.values()
                    if (value := one.value) == value
                ]
        return found

    def window(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Series]:
        ago = max(end, self._recent.newest) - start
        if metric in FROM_SCRAPES or ago > MOST_SECONDS or not self._holds(end, where):
            return super().window(metric, start, end, where)
        kept, found = self._metric(metric, end, end - start), list[Series]()
        if kept is None:
            return super().window(metric, start, end, where)
        start, end = milliseconds(start) / 1000, milliseconds(end) / 1000
        for target, series in _of(kept.series, where):
            times = self._times(target, start, end)
            ended = []
            for one in series.values():
                points = one.points(times, start, end) if times else None
                if points:
                    found.append(Series(metric, one.labels, points))
                elif one.value != one.value and (not one.ats or one.ats[-1] < end - kept.keep):
                    ended.append(one)
            self._recent.drop(kept, target, ended)
        return found

    def _series(self, metric: str, where: Where | None) -> list[Found]:
        kept = self._recent.metrics.get(metric)
        if kept is None or not _is_simple(where):
            return super()._series(metric, where)
        return [
            (one.id, one.labels, one.ats[-1] if one.ats else 0.0, None if one.value != one.value else one.value)
            for _, series in _of(kept.series, where)
            for one in series.values()
        ]

    def _good_times(self, start: float, end: float) -> dict[str, list[float]]:
        recent = self._recent
        if start < recent.times_since or not recent.trusted(end):
            return super()._good_times(start, end)
        start, end = milliseconds(start) / 1000, milliseconds(end) / 1000
        found = {target: list(self._times(target, start, end)) for target in recent.times}
        return {target: times for target, times in found.items() if times}

    def _holds(self, now: float, where: Where | None) -> bool:
        return _is_simple(where) and self._recent.trusted(now)

    def _metric(self, name: str, now: float, seconds: float) -> _Metric | None:
        """What is kept of a metric, at least for so long; None where the clock was set back within that time."""
        kept, since = self._recent.metrics.get(name), now - seconds
        if kept is None or since < kept.since:
            now = max(now, self._recent.newest)  # a window of a while ago is to be held after the next scrape, too
            return self._loaded(name, now, max(now - since, kept.keep - LATE_SECONDS if kept else 0.0) + LATE_SECONDS)
        return kept

    def _loaded(self, name: str, now: float, keep: float) -> _Metric | None:
        since = milliseconds(now - keep) / 1000
        steps = self._changes(name, since, _NEVER)
        metric = self._recent.metrics[name] = _Metric(keep, since)
        for id, labels, _, value in super()._series(name, None):
            own = steps.get(id, [])
            if own and [one[1] for one in own] != [*(one[2] for one in own[1:]), value]:
                self._recent.distrust(now)
                return None
            kept = _Kept(id, labels, _number(own[0][2] if own else value))
            for at, changed, _ in own:
                kept.add(at, changed, since)
            self._recent.keep(metric, labels["target"], kept)
        return metric

    def _times(self, target: str, start: float, end: float) -> Sequence[float]:
        recent = self._recent
        if start < recent.times_since:
            keep = max(end - start, MOST_SECONDS if math.isinf(recent.times_since) else 0) + LATE_SECONDS
            recent.times = super()._good_times(end - keep, _NEVER)
            recent.times_since = end - keep
        times = recent.times.get(target, [])
        return times[bisect_right(times, start) : bisect_right(times, end)]


def _of(series: dict[str, dict[int, _Kept]], where: Where | None) -> list[tuple[str, dict[int, _Kept]]]:
    """The series by target, of all of them or of one."""
    if not where:
        return list(series.items())
    return [(where["target"], series[where["target"]])] if where["target"] in series else []


def _is_simple(where: Where | None) -> bool:
    return not where or where.keys() == {"target"}


def _labels(target: str, system: str, text: str) -> dict[str, str]:
    return {"target": target, "system": system, **json.loads(text)}


def _number(value: float | None) -> float:
    return math.nan if value is None else value
