"""Reading the samples of a store: the one place that turns stored changes back into ordinary series.

Only what changed is written. A value read at any time is the last one written before it, unless the series has
ended or the last good scrape of its target is older than the staleness bound.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from collectors import metrics as m
from monitor.store.rollup import ROLLUPS
from monitor.store.schema import misfit

#: As in Prometheus: a reading older than this says nothing about now.
STALE_SECONDS = 300.0

#: A trend over more than this is read from the rollups.
HEAD_TREND_SECONDS = 3600.0

#: The changes of so many series are looked up one by one; of more, those of the whole metric are read.
FEW = 20

#: Read from the scrapes themselves; not stored twice.
FROM_SCRAPES = (m.COLLECTOR_UP.name, m.COLLECTOR_LAST_SUCCESS.name)

Where = Mapping[str, str]


class StoreError(Exception):
    """The store cannot be opened, read or written. The message names its path."""


class NoStoreError(StoreError):
    """There is no store yet."""


class Series(NamedTuple):
    """Points of one series, oldest first; `labels` include target and system, times are epoch seconds."""

    metric: str
    labels: dict[str, str]
    points: Sequence[tuple[float, float]]


class SeriesReader:
    """Read-only view of the samples of a store. Every read is a short transaction of its own."""

    def __init__(self, path: Path | str, connection: sqlite3.Connection | None = None) -> None:
        self.path = str(path)
        self._db = connection or _open_read_only(self.path)

    @property
    def connection(self) -> sqlite3.Connection:
        return self._db

    def close(self) -> None:
        self._db.close()

    def latest(self, metric: str, now: float, where: Where | None = None) -> list[Series]:
        """The present value of each series, one point each, stamped with the last good scrape of its target."""
        if metric == m.COLLECTOR_UP.name:
            return self._latest_scrapes(now, where)
        if metric in FROM_SCRAPES:
            return [s._replace(points=s.points[-1:]) for s in self.window(metric, now - STALE_SECONDS, now, where)]
        good = self._good_times(now - STALE_SECONDS - 0.001, now)  # the bound itself is not stale
        return [
            Series(metric, labels, [(good[labels["target"]][-1], value)])
            for _, labels, _, value in self._series(metric, where)
            if value is not None and labels["target"] in good
        ]

    def _latest_scrapes(self, now: float, where: Where | None) -> list[Series]:
        """Whether each target could be read the last time."""
        rows = self._all(
            "SELECT target, system, max(ts), ok FROM scrape WHERE ts > ? AND ts <= ? AND target = coalesce(?, target)"
            " GROUP BY target",
            (milliseconds(now - STALE_SECONDS), milliseconds(now), (where or {}).get("target")),
        )
        found = [
            Series(m.COLLECTOR_UP.name, {"target": target, "system": system}, [(ts / 1000, float(bool(ok)))])
            for target, system, ts, ok in rows
        ]
        return [one for one in found if all(one.labels.get(name) == text for name, text in (where or {}).items())]

    def metrics(self, target: str) -> set[str]:
        """The names of the metrics of which the target ever had a series."""
        rows = self._all("SELECT DISTINCT metric FROM series WHERE target = ?", (target,))
        return {metric for (metric,) in rows} | set(FROM_SCRAPES)

    def window(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Series]:
        """Samples in (start, end]: one at every good scrape of the target, with the value that stood then."""
        if metric in FROM_SCRAPES:
            return self._scrapes_as_series(metric, start, end, where)
        return list(self._windows(metric, self._series(metric, where), start, end))

    def _windows(self, metric: str, wanted: list[Found], start: float, end: float) -> Iterator[Series]:
        """Of these series those that had a value in (start, end]."""
        times = self._good_times(start, end)
        changes = self._changes_of(wanted, start, end) if len(wanted) <= FEW else self._changes(metric, start, end)
        for series, labels, changed_at, value in wanted:
            steps = changes.get(series)
            if steps is None:
                at_rest = changed_at <= start
                steps = [(changed_at, value, None)] if at_rest else self._standing(series, labels["target"], end)
            points = points_at(times.get(labels["target"], ()), steps, start)
            if points:
                yield Series(metric, labels, points)

    def trend(
        self, metric: str, start: float, end: float, points: int = 60, where: Where | None = None
    ) -> list[Series]:
        """The window thinned to at most so many points, each the last of its slot.

        Where the samples are gone, or many more than are wanted, it is read from the rollups.
        """
        slot = (end - start) / points
        fitting = [rollup for rollup in ROLLUPS if rollup.width <= slot * 1000]
        if fitting and end - start > HEAD_TREND_SECONDS:
            return self._rolled_trend(fitting[-1].table, metric, start, end, slot, where)
        return [
            series._replace(
                points=list({int((ts - start) / slot): (ts, value) for ts, value in series.points}.values())
            )
            for series in self.window(metric, start, end, where)
        ]

    def _rolled_trend(
        self, table: str, metric: str, start: float, end: float, slot: float, where: Where | None
    ) -> list[Series]:
        """At the last good scrape of each slot, the value that stood; what is not rolled up yet is read as it is."""
        times = self._last_times(start, end, slot, (where or {}).get("target"))
        wanted, made = self._series(metric, where), defaultdict[int, list[Step]](list)
        for series, ts, last in self._all(
            f"SELECT series, ts, last FROM json_each(?1) CROSS JOIN {table} ON series = value WHERE ts <= ?2 AND ts >="
            f" coalesce((SELECT max(ts) FROM {table} WHERE series = value AND ts <= ?3), 0) ORDER BY series, ts",
            (json.dumps([one[0] for one in wanted]), milliseconds(end), milliseconds(start)),
        ):
            made[series].append((ts / 1000, last, None))
        found = []
        for series, labels, changed_at, value in wanted:
            steps = made[series]
            if changed_at <= end and (not steps or changed_at > steps[-1][0]):
                steps.append((changed_at, value, None))
            points = points_at(times.get(labels["target"], ()), steps, start)
            if points:
                found.append(Series(metric, labels, points))
        return found

    def _last_times(self, start: float, end: float, slot: float, target: str | None) -> dict[str, list[float]]:
        """By target the last good scrape of each slot of so many seconds; of one target, or of all."""
        of_target, wanted = ("AND target = ?", [target]) if target is not None else ("", [])
        times: dict[str, list[float]] = defaultdict(list)
        for name, ts in self._all(
            f"SELECT target, max(ts) FROM scrape WHERE ok AND ts > ? AND ts <= ? {of_target}"
            " GROUP BY target, CAST((ts - ?) / ? AS INTEGER) ORDER BY 2",
            (milliseconds(start), milliseconds(end), *wanted, milliseconds(start), slot * 1000),
        ):
            times[name].append(ts / 1000)
        return times

    def _all(self, sql: str, parameters: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, tuple(parameters)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from None

    def _good_times(self, start: float, end: float) -> dict[str, list[float]]:
        times: dict[str, list[float]] = defaultdict(list)
        sql = "SELECT target, ts FROM scrape WHERE ok AND ts > ? AND ts <= ? ORDER BY ts"
        for target, ts in self._all(sql, (milliseconds(start), milliseconds(end))):
            times[target].append(ts / 1000)
        return times

    def _series(self, metric: str, where: Where | None) -> list[Found]:
        """Id, labels, time and value of the last change of each series of a metric."""
        target = (where or {}).get("target")
        of_target, wanted = (" AND target = ?", [target]) if target is not None else ("", [])
        rows = self._all(
            "SELECT id, target, system, labels, ts, value FROM series JOIN latest ON series = id"
            f" WHERE metric = ?{of_target}",
            (metric, *wanted),
        )
        found = []
        for series, target, system, text, ts, value in rows:
            labels = {"target": target, "system": system, **_labels(text)}
            if all(labels.get(name) == wanted for name, wanted in (where or {}).items()):
                found.append((series, labels, ts / 1000, value))
        return found

    def _changes(self, metric: str, start: float, end: float) -> dict[int, list[Step]]:
        rows = self._all(
            "SELECT series, head.ts, value, prev FROM (SELECT DISTINCT ts FROM scrape WHERE ts > ? AND ts <= ?) AS read"
            " CROSS JOIN head ON head.ts = read.ts AND series IN (SELECT id FROM series WHERE metric = ?)"
            " ORDER BY read.ts",
            (milliseconds(start), milliseconds(end), metric),
        )
        return _by_series(rows)

    def _changes_of(self, series: Iterable[Found], start: float, end: float) -> dict[int, list[Step]]:
        """As `_changes`, looked up at each scrape of their target: other series changed as often, and are not read."""
        rows: list[tuple[Any, ...]] = []
        for one, labels, _, _ in series:
            rows += self._all(
                "SELECT series, head.ts, value, prev FROM scrape"
                " CROSS JOIN head ON head.ts = scrape.ts AND series = ?"
                " WHERE target = ? AND scrape.ts > ? AND scrape.ts <= ? ORDER BY scrape.ts",
                (one, labels["target"], milliseconds(start), milliseconds(end)),
            )
        return _by_series(rows)

    def _standing(self, series: int, target: str, at: float) -> list[Step]:
        """The value that stood at a time after which the series changed: what its next change replaced."""
        rows = self._all(
            "SELECT prev FROM scrape CROSS JOIN head ON head.ts = scrape.ts AND series = ?"
            " WHERE target = ? AND scrape.ts > ? ORDER BY scrape.ts LIMIT 1",
            (series, target, milliseconds(at)),
        )
        return [(float("-inf"), rows[0][0], None)] if rows else []

    def _scrapes_as_series(self, metric: str, start: float, end: float, where: Where | None) -> list[Series]:
        rows = self._all(
            "SELECT target, system, ts, ok FROM scrape WHERE ts > ? AND ts <= ? AND target = coalesce(?, target)"
            " ORDER BY ts",
            (milliseconds(start), milliseconds(end), (where or {}).get("target")),
        )
        good = self._last_success_of({row[0] for row in rows}, start) if metric == m.COLLECTOR_LAST_SUCCESS.name else {}
        found: dict[str, list[tuple[float, float]]] = {}
        named: dict[str, dict[str, str]] = {}
        for target, system, ts, ok in rows:
            labels = {"target": target, "system": system}
            if any(labels.get(name) != wanted for name, wanted in (where or {}).items()):
                continue
            at: float = ts / 1000
            if ok:
                good[target] = at
            value = float(bool(ok)) if metric == m.COLLECTOR_UP.name else good.get(target)
            if value is not None:
                named.setdefault(target, labels)
                found.setdefault(target, []).append((at, value))
        return [Series(metric, named[target], points) for target, points in found.items()]

    def _last_success_of(self, targets: Iterable[str], at: float) -> dict[str, float]:
        """When each target was last read well, of all that was ever scraped."""
        sql = "SELECT ts FROM scrape WHERE ok AND target = ? AND ts <= ? ORDER BY ts DESC LIMIT 1"
        return {target: ts / 1000 for target in targets for (ts,) in self._all(sql, (target, milliseconds(at)))}


#: Id, labels, time and value of the last change of a series.
Found = tuple[int, dict[str, str], float, float | None]

#: When, the value from then on, and the value before; None where there is none.
Step = tuple[float, float | None, float | None]


def milliseconds(seconds: float) -> int:
    """As the store counts time; rounded as it is when written, so that a bound includes what was written at it."""
    return round(seconds * 1000)


@lru_cache(maxsize=100_000)
def _labels(text: str) -> dict[str, str]:
    """Labels as they are stored; the same ones are read with every page. Nobody writes to what this returns."""
    found: dict[str, str] = json.loads(text)
    return found


def _by_series(rows: Iterable[tuple[Any, ...]]) -> dict[int, list[Step]]:
    """Steps from rows of (series, milliseconds, value, value before)."""
    steps: dict[int, list[Step]] = defaultdict(list)
    for series, ts, value, before in rows:
        steps[series].append((ts / 1000, value, before))
    return steps


def points_at(times: Sequence[float], steps: list[Step], start: float) -> list[tuple[float, float]]:
    """The value that stood at each time, the earliest first; before the first step, what that step replaced."""
    if not steps:
        return []
    later = times[bisect_right(times, start) :]
    borders = [bisect_left(later, at) for at, _, _ in steps]
    values = [steps[0][2]] * borders[0]
    for (_, value, _), begin, end in zip(steps, borders, [*borders[1:], len(later)], strict=True):
        values += [value] * (end - begin)
    return [(at, value) for at, value in zip(later, values, strict=True) if value is not None]


def _open_read_only(path: str) -> sqlite3.Connection:
    if not Path(path).exists():
        raise NoStoreError(f"{path}: no such store; is the agent running?")
    try:
        db = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=5, check_same_thread=False)
        applied = {
            name for (name,) in db.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'eda_monitor'")
        }
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {_unreadable(error)}") from None
    if wrong := misfit(applied):
        db.close()
        raise StoreError(f"{path}: {wrong}")
    return db


def _unreadable(error: sqlite3.Error) -> str:
    if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
        return "another program has locked it; expected one that lets others read: end it, or give it a copy"
    return (
        f"is not a store of eda-monitor: {error}; expected the file that the agent writes: see [store] path, or move"
        " the file away, and the agent begins a new one"
    )
