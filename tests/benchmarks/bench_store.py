"""The store against raw SQLite in one run: speed of writing, bytes at rest, and how long reading takes."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from pathlib import Path

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.store.writer import Store

SERIES, ROUNDS = 4_000, 20
INTERVAL, HOURS, CHANGING = 15, 2, 0.4
DEMO_SERIES, DAYS = 60, (0.25, 2, 8)
START = 1_700_000_000.0


def scrape(at: float, values: list[float]) -> Scrape:
    samples = [m.BACKLOG_MESSAGES.sample(value, f"topic-{n % 100}", f"group-{n}") for n, value in enumerate(values)]
    return Scrape("bench", "kafka", at, 0.1, Reading(samples=samples))


def record_seconds(folder: Path) -> float:
    store = Store(folder / "speed.db")
    scrapes = [scrape(START + INTERVAL * n, [float(n * SERIES + s) for s in range(SERIES)]) for n in range(ROUNDS)]
    store.record(scrapes[0])
    began = time.perf_counter()
    for one in scrapes[1:]:
        store.record(one)
    taken = time.perf_counter() - began
    store.close()
    return taken


def raw_seconds(folder: Path) -> float:
    """The same rows into tables of the same kind, nothing else."""
    db = sqlite3.connect(folder / "raw.db", isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        "CREATE TABLE head (ts INTEGER, series INTEGER, value REAL, prev REAL, PRIMARY KEY (ts, series)) WITHOUT ROWID;"
        "CREATE TABLE latest (series INTEGER PRIMARY KEY, ts INTEGER, value REAL);"
    )
    rounds = [
        (
            [(n, s, float(n * SERIES + s), float(n)) for s in range(SERIES)],
            [(s, n, float(n * SERIES + s)) for s in range(SERIES)],
        )
        for n in range(ROUNDS)
    ]
    began = time.perf_counter()
    for head, latest in rounds[1:]:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?)", head)
        db.executemany("INSERT OR REPLACE INTO latest VALUES (?, ?, ?)", latest)
        db.execute("COMMIT")
    taken = time.perf_counter() - began
    db.close()
    return taken


def filled(file: Path, series: int, days: float) -> Store:
    """A store of traffic in which 40 % of the series change at a scrape, half of them ever, maintained as it goes."""
    random.seed(7)
    store = Store(file)
    values = [float(random.randint(0, 500)) for _ in range(series)]
    for step in range(int(days * 86400 / INTERVAL)):
        for one in range(int(series * CHANGING * 2)):
            if random.random() < 0.5:
                values[one] += random.randint(1, 30)
        store.record(scrape(START + INTERVAL * step, values))
        if step % 20 == 0:
            while store.maintain(START + INTERVAL * step):
                pass
    return store


def bytes_a_sample(folder: Path, days: float) -> float:
    """At rest; a sample is one value at one scrape, whether it had to be written or not."""
    file = folder / f"{days}.db"
    filled(file, DEMO_SERIES, days).close()
    return file.stat().st_size / (DEMO_SERIES * days * 86400 / INTERVAL)


def timed(call: object) -> float:
    began = time.perf_counter()
    call()  # type: ignore[operator]
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, raw = record_seconds(folder), raw_seconds(folder)
        print(f"writing, {SERIES:,} series that all change")
        print(f"  record        {SERIES * (ROUNDS - 1) / ours:10,.0f} samples/s")
        print(f"  executemany   {SERIES * (ROUNDS - 1) / raw:10,.0f} samples/s   ratio {raw / ours:.2f} (>= 0.60)")
        store, now = filled(folder / "read.db", SERIES, HOURS / 24), START + HOURS * 3600
        reader = store.reader()
        metric = m.BACKLOG_MESSAGES.name
        print(f"reading, {SERIES:,} series, {HOURS} h")
        print(f"  latest            {timed(lambda: reader.latest(metric, now)):6.0f} ms")
        print(f"  window of 10 min  {timed(lambda: reader.window(metric, now - 600, now)):6.0f} ms")
        print(f"  trend of 15 min   {timed(lambda: reader.trend(metric, now - 900, now)):6.0f} ms")
        print(f"  trend of 2 h      {timed(lambda: reader.trend(metric, now - 7200, now)):6.0f} ms")
        reader.close()
        store.close()
        print(f"at rest, {DEMO_SERIES} series as in the demo, {CHANGING:.0%} change in a scrape, rollups included")
        for days in DAYS:
            print(f"  after {days:4} days {bytes_a_sample(folder, days):6.2f} bytes a sample (at most 4)")


if __name__ == "__main__":
    main()
