"""The tables of histograms: what was added to a series' buckets, by scrape, by ten minutes, by hour.

A row holds the growth since the reading before, decided when it is written: where the count of a series fell, it began
anew and all of it is growth. So whatever a window covers is a plain sum of rows, from whichever table has them. A
row stands for the time up to and with its own; what grew while nobody read is told at the reading after.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from operator import sub
from typing import Any, NamedTuple

from collectors.base import Histogram
from monitor.percentiles import Increase, coarsened, common, merged
from monitor.store.counts import pack, unpack, unpacked
from monitor.store.rollup import HISTOGRAM_ROLLUPS, Rollup

Bounds = tuple[float, ...]
#: Later than all that is stored, in milliseconds.
_NO_END = 2**62
#: Runs a query and returns all its rows.
Query = Callable[[str, Iterable[object]], list[tuple[Any, ...]]]


class Standing(NamedTuple):
    """A histogram as it was read last."""

    bounds: Bounds
    counts: tuple[int, ...]
    sum: float


def grown(before: Standing, now: Standing) -> Standing:
    """What was added between two readings, in the bounds that both have.

    A reset is decided for the series as a whole: its count fell. A single bucket may seem to fall where an application
    tells its buckets one after the other while it counts; that is no growth, and no reset.
    """
    if began_anew(before, now):
        return now
    if before.bounds == now.bounds:
        bounds, old, new = now.bounds, before.counts, now.counts
    else:
        bounds = common([before.bounds, now.bounds])
        old, new = (tuple(map(int, coarsened(one.bounds, one.counts, bounds))) for one in (before, now))
    counts = tuple(map(sub, new, old))
    if min(counts) < 0:
        counts = tuple([max(0, count) for count in counts])
    return Standing(bounds, counts, now.sum - before.sum)


def began_anew(before: Standing | None, now: Standing) -> bool:
    return before is not None and sum(now.counts) < sum(before.counts)


class TargetHistograms:
    """The histograms of one target as they stand, so that only growth is written.

    A series that is new while the target was read before counts from 0: its recorder began since. What is there at the
    first good reading of a target was counted at times unknown, and is no growth. A series that comes back has grown by
    what it counted in its absence.
    """

    def __init__(self, db: sqlite3.Connection, target: str) -> None:
        (read_before,) = db.execute(
            "SELECT EXISTS (SELECT 1 FROM scrape WHERE target = ? AND ok)", (target,)
        ).fetchone()
        self._read_before = bool(read_before)
        self._ids: dict[Bounds, int] = {}
        bounds = all_bounds(lambda sql, values: db.execute(sql, tuple(values)).fetchall())
        rows = db.execute(
            "SELECT series, bounds, counts, sum FROM histogram_latest"
            " WHERE series IN (SELECT id FROM series WHERE target = ?)",
            (target,),
        )
        self._standing = {
            series: Standing(bounds[of], unpacked(counts, len(bounds[of]) + 1), _known(total))
            for series, of, counts, total in rows
        }

    def write(self, db: sqlite3.Connection, ts: int, histograms: Iterable[tuple[int, Histogram]]) -> None:
        """Write the growth of a good reading, by series."""
        latest, growth = [], []
        for series, one in histograms:
            now, before = Standing(one.bounds, one.counts, one.sum), self._standing.get(series)
            if now == before:
                continue
            self._standing[series] = now
            latest.append((series, *self._row(db, now)))
            if before is not None or self._read_before:
                added = now if before is None else grown(before, now)
                if any(added.counts) or began_anew(before, now):
                    growth.append((ts, series, *self._row(db, added), self._lost(before, now)))
        db.executemany("INSERT OR REPLACE INTO histogram_latest VALUES (?, ?, ?, ?)", latest)
        db.executemany("INSERT OR REPLACE INTO histogram VALUES (?, ?, ?, ?, ?, ?)", growth)
        self._read_before = True

    def _lost(self, before: Standing | None, now: Standing) -> bytes | None:
        """What stood before a histogram began anew, in the bounds that it has now."""
        return pack(before.counts) if before and before.bounds == now.bounds and began_anew(before, now) else None

    def _row(self, db: sqlite3.Connection, one: Standing) -> tuple[int, bytes, float | None]:
        if one.bounds not in self._ids:
            cursor = db.execute(
                "INSERT INTO histogram_bounds (bounds) VALUES (?)"
                " ON CONFLICT DO UPDATE SET bounds = excluded.bounds RETURNING id",
                (json.dumps([float(bound) for bound in one.bounds]),),
            )
            self._ids[one.bounds] = cursor.fetchone()[0]
        return self._ids[one.bounds], pack(one.counts), one.sum if math.isfinite(one.sum) else None


def all_bounds(query: Query) -> dict[int, Bounds]:
    return {id: tuple(json.loads(text)) for id, text in query("SELECT id, bounds FROM histogram_bounds", ())}


def standing_bounds(query: Query, series: Collection[int]) -> dict[int, Bounds]:
    """The bounds that each series had when it was read last."""
    bounds = all_bounds(query)
    sql = "SELECT series, bounds FROM histogram_latest WHERE series IN (SELECT value FROM json_each(?))"
    return {one: bounds[of] for one, of in query(sql, (json.dumps(list(series)),))}


class Stood(NamedTuple):
    """What a histogram had counted in all until a time in milliseconds, after which it began anew, or without end."""

    until: int
    total: Increase


def stood(query: Query, series: dict[int, dict[str, str]], at: int) -> dict[int, Stood]:
    """What each series had counted in all when it first began anew after `at`, or when it was read last."""
    bounds, those = all_bounds(query), "series IN (SELECT value FROM json_each(?))"
    last = f"SELECT series, {_NO_END}, bounds, counts FROM histogram_latest WHERE {those}"
    anew = f"SELECT series, min(ts) - 1, bounds, before FROM histogram WHERE before IS NOT NULL AND ts > ? AND {those}"
    ids = json.dumps(list(series))
    return {
        one: Stood(until, Increase(series[one], bounds[of], unpacked(blob, len(bounds[of]) + 1), math.nan))
        for one, until, of, blob in [*query(last, (ids,)), *query(f"{anew} GROUP BY series", (at, ids))]
    }


class Window(NamedTuple):
    """A stretch of time in milliseconds without its beginning, in slots of one length."""

    start: int
    end: int
    slots: int = 1

    def slot(self, ts: int) -> int:
        """The slot that a time within the window belongs to; the border of two belongs to the earlier one."""
        return ((ts - self.start) * self.slots - 1) // (self.end - self.start)

    def shares(self, after: int, until: int) -> list[tuple[int, float]]:
        """The slots that a stretch reaches into, and how much of the stretch lies in each."""
        low, high = max(after, self.start), min(until, self.end)
        first, last = self.slot(low + 1), self.slot(high)
        if first == last and (low, high) == (after, until):
            return [(first, 1)]
        width = (self.end - self.start) / self.slots
        edges = [low, *(self.start + width * at for at in range(first + 1, last + 1)), high]
        return [(first + at, (edges[at + 1] - edges[at]) / (until - after)) for at in range(last - first + 1)]


class Level(NamedTuple):
    """A table of growth: the width of its rows (0: a scrape), and the time for which it has them all."""

    table: str
    width: int
    since: int
    until: float


class Tile(NamedTuple):
    """A part of a window, and the table to read it from."""

    level: Level
    start: int
    end: int


def tiles(start: int, end: int, levels: list[Level], longest: int) -> list[Tile]:
    """Cover a window without gap or overlap; `levels` come from the widest to the finest.

    Each time is read from the widest table not wider than `longest` whose rows lie within, or from what is left of it.
    """
    if start >= end:
        return []
    wide, *finer = levels
    if not finer:
        return [Tile(wide, start, end)]
    since = max(start, min(end, finer[0].since))
    gone = [Tile(wide, start, since)] if start < since else []
    first, last = -(-since // wide.width) * wide.width, int(min(end, wide.until)) // wide.width * wide.width
    if wide.width > longest or first >= last:
        return gone + tiles(since, end, finer, longest)
    before, after = tiles(since, first, finer, longest), tiles(last, end, finer, longest)
    return [*gone, *before, Tile(wide, first, last), *after]


def levels(query: Query) -> list[Level]:
    since: dict[str, int] = dict(query("SELECT source, since FROM histogram_since", ()))
    until: dict[str, int] = dict(query("SELECT rollup, until FROM rollup_progress", ()))
    rolled = [
        Level(rollup.table, rollup.width, since.get(rollup.table, 0), until.get(rollup.table, 0))
        for rollup in reversed(HISTOGRAM_ROLLUPS)
    ]
    return [*rolled, Level("histogram", 0, since.get("histogram", 0), math.inf)]


def increases_by_slot(
    query: Query, series: dict[int, dict[str, str]], window: Window, longest: int
) -> dict[int, dict[int, Increase]]:
    """Per series, by its id, and slot what was counted; slots without any are absent. `series` holds the labels."""
    bounds = all_bounds(query)
    counts: dict[tuple[int, int], dict[int, list[float]]] = defaultdict(dict)
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for tile in tiles(window.start, window.end, levels(query), longest):
        for one, ts, of, blob, total in _rows(query, tile, series):
            if not blob:  # it began anew, and has counted nothing since
                continue
            first, run = unpack(blob)
            for slot, share in window.shares(ts, ts + tile.level.width) if tile.level.width else [(window.slot(ts), 1)]:
                sums[one, slot] += share * _known(total)
                into = counts[one, slot].setdefault(of, [0] * (len(bounds[of]) + 1))
                for at, count in enumerate(run, first):
                    into[at] += share * count
    found: dict[int, dict[int, Increase]] = defaultdict(dict)
    for (one, slot), by_bounds in counts.items():
        whole = merged(Increase({}, bounds[of], tuple(own), 0.0) for of, own in by_bounds.items())
        found[one][slot] = whole._replace(labels=series[one], sum=sums[one, slot])
    return found


def _rows(query: Query, tile: Tile, series: Collection[int]) -> list[tuple[Any, ...]]:
    table, width = tile.level.table, tile.level.width
    condition = "ts > ? AND ts < ?" if width else "ts > ? AND ts <= ?"
    return query(
        f"SELECT series, ts, bounds, counts, sum FROM {table} WHERE {condition}"
        " AND series IN (SELECT value FROM json_each(?))",
        (tile.start - width, tile.end, json.dumps(list(series))),
    )


def histogram_rows(db: sqlite3.Connection, rollup: Rollup, start: int) -> list[tuple[object, ...]]:
    """The rows of a rollup of histograms, by series and bounds: what was counted after `start`, its end included."""
    counts: dict[tuple[int, int], list[int]] = {}
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for series, bounds, blob, total in db.execute(
        "SELECT series, bounds, counts, sum FROM histogram WHERE ts > ? AND ts <= ?", (start, start + rollup.width)
    ):
        first, run = unpack(blob)
        into = counts.setdefault((series, bounds), [])
        into += [0] * (first + len(run) - len(into))
        for at, count in enumerate(run, first):
            into[at] += count
        sums[series, bounds] += _known(total)
    return [
        (series, start, bounds, pack(own), None if math.isnan(sums[series, bounds]) else sums[series, bounds])
        for (series, bounds), own in counts.items()
    ]


def _known(total: float | None) -> float:
    """A sum that is not a number is NULL in SQLite."""
    return math.nan if total is None else total
