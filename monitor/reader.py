"""Reading the store: the one place that turns stored changes back into ordinary samples.

Only what changed is written. A value read at any time is the last one written before it, unless the series has
ended or the last good scrape of its target is older than the staleness bound.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from collectors import metrics as m
from collectors.base import PartError, Skipped
from monitor.histograms import Window, increases_by_slot, standing_bounds, standing_totals
from monitor.percentiles import Increase
from monitor.rollup import HISTOGRAM_ROLLUPS, ROLLUPS

#: As in Prometheus: a reading older than this says nothing about now.
STALE_SECONDS = 300.0

#: A trend over more than this is read from the rollups.
HEAD_TREND_SECONDS = 3600.0

#: Read from the scrapes themselves; not stored twice.
_FROM_SCRAPES = (m.COLLECTOR_UP.name, m.COLLECTOR_LAST_SUCCESS.name)

Where = Mapping[str, str]


class StoreError(Exception):
    """The store cannot be opened, read or written. The message names its path."""


class Series(NamedTuple):
    """Points of one series, oldest first; `labels` include target and system, times are epoch seconds."""

    metric: str
    labels: dict[str, str]
    points: list[tuple[float, float]]


class TargetRow(NamedTuple):
    """The last scrape of a target."""

    name: str
    system: str
    last_scrape_at: float
    last_success_at: float | None
    up: bool
    error: str | None
    duration_seconds: float
    requests: int
    skipped: list[Skipped]
    errors: list[PartError]


@dataclass(frozen=True, slots=True)
class AlertState:
    """Where one instance of a rule stands. `last_true_at` is when its condition last held."""

    rule: str
    fingerprint: str
    labels: dict[str, str]
    state: str
    active_at: float
    fired_at: float | None
    resolved_at: float | None
    value: float
    annotations: dict[str, str]
    last_true_at: float


class Transition(NamedTuple):
    """A stored change of state."""

    rule: str
    fingerprint: str
    labels: dict[str, str]
    old: str
    new: str
    at: float
    value: float


class Notification(NamedTuple):
    """A message about transitions, sent or waiting."""

    id: int
    receiver: str
    payload: str
    created_at: float
    attempts: int
    sent_at: float | None
    last_error: str | None


class Reader:
    """Read-only view of a store. Every read is a short transaction of its own."""

    def __init__(self, path: Path | str, connection: sqlite3.Connection | None = None) -> None:
        self.path = str(path)
        self._db = connection or _open_read_only(self.path)

    @property
    def connection(self) -> sqlite3.Connection:
        return self._db

    def close(self) -> None:
        self._db.close()

    def targets(self, now: float) -> list[TargetRow]:
        """The last scrape of every target that was scraped within a day of `now`."""
        rows = self._all(
            "SELECT max(ts), scrape.target, system, ok, error, duration_seconds, requests, skipped, errors FROM scrape"
            " JOIN gaps ON gaps.target = scrape.target WHERE ts > ? AND ts <= ? GROUP BY scrape.target"
            " ORDER BY scrape.target",
            (_ms(now - 86400), _ms(now)),
        )
        good = self._last_success(now)
        return [
            TargetRow(
                name, system, ts / 1000, good.get(name), bool(ok), error, duration, requests,
                [Skipped(*one) for one in json.loads(skipped)], [PartError(*one) for one in json.loads(errors)],
            )
            for ts, name, system, ok, error, duration, requests, skipped, errors in rows
        ]  # fmt: skip

    def latest(self, metric: str, now: float, where: Where | None = None) -> list[Series]:
        """The present value of each series, one point each, stamped with the last good scrape of its target."""
        if metric in _FROM_SCRAPES:
            return [s._replace(points=s.points[-1:]) for s in self.window(metric, now - STALE_SECONDS, now, where)]
        good = self._last_success(now)
        return [
            Series(metric, labels, [(good[labels["target"]], value)])
            for _, labels, _, value in self._series(metric, where)
            if value is not None and now - good.get(labels["target"], float("-inf")) <= STALE_SECONDS
        ]

    def window(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Series]:
        """Samples in (start, end]: one at every good scrape of the target, with the value that stood then."""
        if metric in _FROM_SCRAPES:
            return self._scrapes_as_series(metric, start, end, where)
        times = self._good_times(start, end)
        changes = self._changes(metric, start, end)
        found = []
        for series, labels, changed_at, value in self._series(metric, where):
            steps = changes.get(series)
            if steps is None:
                steps = [(changed_at, value, None)] if changed_at <= start else self._standing(series, end)
            points = _points(times.get(labels["target"], ()), steps, start)
            if points:
                found.append(Series(metric, labels, points))
        return found

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
        times: dict[str, list[float]] = defaultdict(list)
        for target, ts in self._all(
            "SELECT target, max(ts) FROM scrape WHERE ok AND ts > ? AND ts <= ?"
            " GROUP BY target, CAST((ts - ?) / ? AS INTEGER) ORDER BY 2",
            (_ms(start), _ms(end), _ms(start), slot * 1000),
        ):
            times[target].append(ts / 1000)
        found = []
        for series, labels, changed_at, value in self._series(metric, where):
            rows = self._all(
                f"SELECT ts, last FROM {table} WHERE series = ? AND ts <= ? AND ts >="
                f" coalesce((SELECT max(ts) FROM {table} WHERE series = ? AND ts <= ?), 0) ORDER BY ts",
                (series, _ms(end), series, _ms(start)),
            )
            steps: list[_Step] = [(ts / 1000, last, None) for ts, last in rows]
            if changed_at <= end and (not steps or changed_at > steps[-1][0]):
                steps.append((changed_at, value, None))
            points = _points(times.get(labels["target"], ()), steps, start)
            if points:
                found.append(Series(metric, labels, points))
        return found

    def increases(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Increase]:
        """What fell into the buckets of each series in (start, end]; of a series that was read and idle, zeros.

        It is told from the last reading before the window. See `histograms` for births, resets and gaps.
        """
        return [one for _, slots in self.increase_trend(metric, start, end, 1, where) for _, one in slots]

    def increase_trend(
        self, metric: str, start: float, end: float, points: int = 60, where: Where | None = None
    ) -> list[tuple[dict[str, str], list[tuple[float, Increase]]]]:
        """The increases of each series in slots of one length, each stamped with its end.

        Slots in which the series was not read are left out. A long window is read from the rollups; where only they are
        left, a bucket across the border of two slots counts in each by its part.
        """
        slot = (end - start) / points
        fitting = [r.width for r in HISTOGRAM_ROLLUPS if r.width <= slot * 1000 and end - start > HEAD_TREND_SECONDS]
        window = Window(_ms(start), _ms(end), points)
        found = []
        with self._one_moment():
            series = {one: labels for one, labels, _, _ in self._series(metric, where)}
            counted = increases_by_slot(self._all, series, window, max(fitting, default=0))
            bounds = standing_bounds(self._all, series)
            read = {
                tuple(one.labels.items()): {window.slot(_ms(at)) for at, _ in one.points}
                for one in self.trend(metric, start, end, points, where)
            }
        for one, labels in series.items():
            idle = Increase(labels, bounds.get(one, ()), (0,) * (len(bounds.get(one, ())) + 1), 0.0)
            slots = sorted(counted.get(one, {}).keys() | read.get(tuple(labels.items()), set()))
            if slots:
                found.append((labels, [(start + slot * (at + 1), counted.get(one, {}).get(at, idle)) for at in slots]))
        return found

    def totals(self, metric: str, where: Where | None = None) -> list[Increase]:
        """What each histogram had counted in all when it was read last."""
        return standing_totals(self._all, {one: labels for one, labels, _, _ in self._series(metric, where)})

    def metrics(self, target: str) -> set[str]:
        """The names of the metrics of which the target ever had a series."""
        rows = self._all("SELECT DISTINCT metric FROM series WHERE target = ?", (target,))
        return {metric for (metric,) in rows} | set(_FROM_SCRAPES)

    @contextmanager
    def _one_moment(self) -> Iterator[None]:
        """All reads within see the store as it is at the first."""
        if self._db.in_transaction:
            yield
            return
        self._all("BEGIN")
        try:
            yield
        finally:
            self._all("COMMIT")

    def alerts(self) -> list[AlertState]:
        """Every alert that is pending, firing or resolved and not yet forgotten."""
        return [_alert(row) for row in self._all(f"SELECT {_ALERT} FROM alert_state ORDER BY state, active_at")]

    def transitions(self, since: float) -> list[Transition]:
        rows = self._all(
            "SELECT rule, fingerprint, labels, old, new, at, value FROM transition WHERE at >= ? ORDER BY id", (since,)
        )
        return [Transition(rule, fp, json.loads(labels), *rest) for rule, fp, labels, *rest in rows]

    def notifications(self, limit: int) -> list[Notification]:
        """The newest notifications first."""
        return [
            Notification(*row)
            for row in self._all(
                "SELECT id, receiver, payload, created_at, attempts, sent_at, last_error"
                " FROM outbox ORDER BY id DESC LIMIT ?",
                (limit,),
            )
        ]

    def _all(self, sql: str, parameters: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, tuple(parameters)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from None

    def _last_success(self, now: float) -> dict[str, float]:
        rows = self._all("SELECT target, max(ts) FROM scrape WHERE ok AND ts <= ? GROUP BY target", (_ms(now),))
        return {target: ts / 1000 for target, ts in rows}

    def _good_times(self, start: float, end: float) -> dict[str, list[float]]:
        times: dict[str, list[float]] = defaultdict(list)
        sql = "SELECT target, ts FROM scrape WHERE ok AND ts > ? AND ts <= ? ORDER BY ts"
        for target, ts in self._all(sql, (_ms(start), _ms(end))):
            times[target].append(ts / 1000)
        return times

    def _series(self, metric: str, where: Where | None) -> list[tuple[int, dict[str, str], float, float | None]]:
        """Id, labels, time and value of the last change of each series of a metric."""
        rows = self._all(
            "SELECT id, target, system, labels, ts, value FROM series JOIN latest ON series = id WHERE metric = ?",
            (metric,),
        )
        found = []
        for series, target, system, text, ts, value in rows:
            labels = {"target": target, "system": system, **json.loads(text)}
            if all(labels.get(name) == wanted for name, wanted in (where or {}).items()):
                found.append((series, labels, ts / 1000, value))
        return found

    def _changes(self, metric: str, start: float, end: float) -> dict[int, list[_Step]]:
        rows = self._all(
            "SELECT series, ts, value, prev FROM head WHERE ts > ? AND ts <= ?"
            " AND series IN (SELECT id FROM series WHERE metric = ?) ORDER BY ts",
            (_ms(start), _ms(end), metric),
        )
        changes: dict[int, list[_Step]] = defaultdict(list)
        for series, ts, value, prev in rows:
            changes[series].append((ts / 1000, value, prev))
        return changes

    def _standing(self, series: int, at: float) -> list[_Step]:
        """The value that stood at a time after which the series changed: what its next change replaced."""
        rows = self._all("SELECT prev FROM head WHERE ts > ? AND series = ? ORDER BY ts LIMIT 1", (_ms(at), series))
        return [(float("-inf"), rows[0][0], None)] if rows else []

    def _scrapes_as_series(self, metric: str, start: float, end: float, where: Where | None) -> list[Series]:
        rows = self._all(
            "SELECT target, system, ts, ok FROM scrape WHERE ts > ? AND ts <= ? ORDER BY ts", (_ms(start), _ms(end))
        )
        good = self._last_success(start)
        found: dict[str, Series] = {}
        for target, system, ts, ok in rows:
            labels = {"target": target, "system": system}
            if any(labels.get(name) != wanted for name, wanted in (where or {}).items()):
                continue
            at: float = ts / 1000
            if ok:
                good[target] = at
            value = float(bool(ok)) if metric == m.COLLECTOR_UP.name else good.get(target)
            if value is not None:
                found.setdefault(target, Series(metric, labels, [])).points.append((at, value))
        return list(found.values())


#: When, the value from then on, and the value before; None where there is none.
_Step = tuple[float, float | None, float | None]

_ALERT = "rule, fingerprint, labels, state, active_at, fired_at, resolved_at, value, annotations, last_true_at"


def _ms(seconds: float) -> int:
    """As the store counts time; rounded as it is when written, so that a bound includes what was written at it."""
    return round(seconds * 1000)


def _alert(row: tuple[Any, ...]) -> AlertState:
    rule, fingerprint, labels, state, active, fired, resolved, value, annotations, last_true = row
    return AlertState(
        rule, fingerprint, json.loads(labels), state, active, fired, resolved, value, json.loads(annotations), last_true
    )  # fmt: skip


def _points(times: Iterable[float], steps: list[_Step], start: float) -> list[tuple[float, float]]:
    """The value that stood at each time; before the first step, what that step replaced."""
    if not steps:
        return []
    starts = [at for at, _, _ in steps]
    points = []
    for time in times:
        index = bisect_right(starts, time) - 1
        value = steps[index][1] if index >= 0 else steps[0][2]
        if value is not None and time > start:
            points.append((time, value))
    return points


def _open_read_only(path: str) -> sqlite3.Connection:
    if not Path(path).exists():
        raise StoreError(f"{path}: no such store; is the agent running?")
    try:
        db = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=5, check_same_thread=False)
        db.execute("SELECT 1 FROM series LIMIT 1")
    except sqlite3.Error as error:
        raise StoreError(f"{path}: is not a store of eda-monitor: {error}") from None
    return db
