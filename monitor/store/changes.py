"""The series of a target as they stand, so that only what changed is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from collectors.base import Metric, Reading, Sample, Scrape
from monitor.store.histograms import TargetHistograms

#: (time, series, value from then on, value before); None where there is none.
Change = tuple[int, int, float | None, float | None]


class _Standing:
    """A series as it stands: its value, None when it has ended, and the scrape that last had it."""

    __slots__ = ("id", "seen", "value")

    def __init__(self, id: int, value: float | None, seen: int) -> None:
        self.id, self.value, self.seen = id, value, seen


class TargetSeries:
    """The series of one target as they stand, so that only changes are written."""

    def __init__(self, db: sqlite3.Connection, name: str) -> None:
        self.name = name
        self.gaps: tuple[str, str] | None = None
        rows = db.execute(
            "SELECT id, metric, labels, value FROM series JOIN latest ON latest.series = id WHERE target = ?", (name,)
        )
        self.series = {
            (metric, tuple(json.loads(labels).values())): _Standing(series, value, 0)
            for series, metric, labels, value in rows
        }
        self.histograms = TargetHistograms(db, name)

    def write_gaps(self, db: sqlite3.Connection, reading: Reading) -> None:
        """What was left out and what failed; there may be thousands of names, so only when they change."""
        gaps = json.dumps(reading.skipped), json.dumps(reading.errors)
        if gaps != self.gaps:
            db.execute("INSERT OR REPLACE INTO gaps VALUES (?, ?, ?)", (self.name, *gaps))
            self.gaps = gaps

    def write(self, db: sqlite3.Connection, scrape: Scrape, ts: int) -> list[Change]:
        """Write what changed; returns it."""
        changes = self._changes(db, scrape, ts)
        db.executemany("INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?)", changes)
        db.executemany("INSERT OR REPLACE INTO latest VALUES (?2, ?1, ?3)", [change[:3] for change in changes])
        named = ((self.series.get((one.metric.name, one.labels)), one) for one in scrape.reading.histograms)
        self.histograms.write(db, ts, [(standing.id, one) for standing, one in named if standing is not None])
        return changes

    def _changes(self, db: sqlite3.Connection, scrape: Scrape, ts: int) -> list[Change]:
        """What is not as it stood; a series that is absent has ended."""
        changes: list[Change] = []
        series = self.series
        for metric, labels, value in _samples(scrape.reading):
            standing = series.get((metric.name, labels))
            if standing is None:
                if metric.foreign:
                    continue
                standing = series[metric.name, labels] = self._named(db, scrape, metric, labels)
            standing.seen = ts
            if standing.value != value:
                changes.append((ts, standing.id, value, standing.value))
                standing.value = value
        for standing in series.values():
            if standing.seen != ts and standing.value is not None:
                changes.append((ts, standing.id, None, standing.value))
                standing.value = None
        return changes

    def _named(self, db: sqlite3.Connection, scrape: Scrape, metric: Metric, labels: tuple[str, ...]) -> _Standing:
        text = json.dumps(dict(zip(metric.labels, labels, strict=True)), ensure_ascii=False)
        cursor = db.execute(
            "INSERT INTO series (target, system, metric, labels) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET system = excluded.system RETURNING id",
            (self.name, scrape.system, metric.name, text),
        )
        return _Standing(cursor.fetchone()[0], None, 0)


def _samples(reading: Reading) -> Iterator[Sample]:
    """All samples; the value of a histogram is how many events it counted."""
    yield from reading.samples
    for metric, labels, _, counts, _ in reading.histograms:
        yield Sample(metric, labels, float(sum(counts)))
