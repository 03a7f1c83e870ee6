"""Rollups: what a series did in a minute, ten minutes, an hour, kept when the samples themselves are gone.

A bucket is written only for series that changed in it; in any other the last value before it stood. Each width is made
from the samples, which are kept for long enough, so that no width depends on another. Making a bucket twice gives the
same rows: a killed agent makes the last one again.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from collectors.metrics import METRICS

#: A bucket is made when it ended so long ago: a slow scrape is recorded late, under the time it began.
LATE_MS = 120_000


class Rollup(NamedTuple):
    """A table of buckets; width and retention in milliseconds. Made from the table `source`.

    A bucket holds its beginning and not its end; one with `ends_with` holds its end and not its beginning.
    """

    table: str
    width: int
    keep: int
    source: str = "head"
    columns: int = 8
    ends_with: bool = False

    def oldest(self, now: float) -> int:
        """Buckets before that are past their retention; on a full hour, so that wider ones end where it begins."""
        return (int(now * 1000) - self.keep) // _HOUR * _HOUR


_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000

ROLLUPS = (
    Rollup("rollup_1m", _MINUTE, 2 * _DAY),
    Rollup("rollup_10m", 10 * _MINUTE, 14 * _DAY),
    Rollup("rollup_1h", _HOUR, 400 * _DAY),
)

#: What histograms gained, see `histograms`.
HISTOGRAM_ROLLUPS = (
    Rollup("histogram_10m", 10 * _MINUTE, 14 * _DAY, "histogram", 5, ends_with=True),
    Rollup("histogram_1h", _HOUR, 400 * _DAY, "histogram", 5, ends_with=True),
)

#: (time, value, value before) of a change; a value of None ends the series, one before of None is its birth.
Step = tuple[int, float | None, float | None]


class Bucket(NamedTuple):
    """What was read in a bucket. `last` is None when the series ended; `increase` is None for gauges."""

    n: int
    sum: float | None
    min: float | None
    max: float | None
    last: float | None
    increase: float | None


def rolled(times: Sequence[int], steps: Sequence[Step], *, counter: bool) -> Bucket:
    """Fold the readings at `times`, those that changed nothing included; both rise, and each step is at a time."""
    values: list[float] = []
    standing = steps[0][2]
    at = 0
    for step_at, value, _ in steps:
        until = bisect_left(times, step_at)
        if standing is not None:
            values += [standing] * (until - at)
        at, standing = until, value
    if standing is not None:
        values += [standing] * (len(times) - at)
    increase = _increase(steps) if counter else None
    if not values:
        return Bucket(0, None, None, None, standing, increase)
    return Bucket(len(values), sum(values), min(values), max(values), standing, increase)


def _increase(steps: Iterable[Step]) -> float:
    """Growth over resets, from the last value before the bucket; a birth counts from where it began."""
    return sum(
        value - before if value >= before else value
        for _, value, before in steps
        if value is not None and before is not None
    )


def next_bucket(db: sqlite3.Connection, rollup: Rollup, now: float) -> int | None:
    """Start of the oldest bucket that is due and not yet made; None when there is none."""
    row = db.execute("SELECT until FROM rollup_progress WHERE rollup = ?", (rollup.table,)).fetchone()
    since, shift = row[0] if row is not None else 0, int(rollup.ends_with)
    (first,) = db.execute(f"SELECT min(ts) FROM {rollup.source} WHERE ts >= ?", (since + shift,)).fetchone()
    if first is None:
        return None
    start: int = (first - shift) // rollup.width * rollup.width
    return start if start + rollup.width + LATE_MS <= now * 1000 else None


def bucket_rows(db: sqlite3.Connection, rollup: Rollup, start: int) -> list[tuple[object, ...]]:
    """The rows of a bucket, of the series that changed in it."""
    end = start + rollup.width
    times: dict[str, list[int]] = defaultdict(list)
    for target, ts in db.execute(
        "SELECT target, ts FROM scrape WHERE ok AND ts >= ? AND ts < ? ORDER BY ts", (start, end)
    ):
        times[target].append(ts)
    steps: dict[int, list[Step]] = defaultdict(list)
    for series, *step in db.execute(
        "SELECT series, ts, value, prev FROM head WHERE ts >= ? AND ts < ? ORDER BY ts", (start, end)
    ):
        steps[series].append((step[0], step[1], step[2]))
    rows: list[tuple[object, ...]] = []
    for series, target, metric in db.execute("SELECT id, target, metric FROM series"):
        if series in steps:
            counter = metric in METRICS and METRICS[metric].kind != "gauge"  # of a histogram it is the count
            rows.append((series, start, *rolled(times[target], steps[series], counter=counter)))
    return rows


def old_series(db: sqlite3.Connection, rollup: Rollup, now: float, limit: int = 500) -> list[tuple[int, int]]:
    """(series, time) before which buckets are past their retention, for a slice of series."""
    bound = rollup.oldest(now)
    rows = db.execute(
        f"SELECT id FROM series WHERE (SELECT min(ts) FROM {rollup.table} WHERE series = id) < ? LIMIT ?",
        (bound, limit),
    )
    return [(series, bound) for (series,) in rows]


def made_until(db: sqlite3.Connection, rollups: Sequence[Rollup]) -> int:
    """The time up to which every one of these has been made; what is older is not needed for them any more."""
    until: dict[str, int] = dict(db.execute("SELECT rollup, until FROM rollup_progress").fetchall())
    return min(until.get(rollup.table, 0) for rollup in rollups)


def insert_sql(rollup: Rollup) -> str:
    return f"INSERT OR REPLACE INTO {rollup.table} VALUES ({', '.join('?' * rollup.columns)})"


def delete_sql(rollup: Rollup) -> str:
    return f"DELETE FROM {rollup.table} WHERE series = ? AND ts < ?"
