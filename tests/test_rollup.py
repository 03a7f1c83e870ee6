"""Rollups against a brute-force fold of everything that was read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.store.reader import Reader
from monitor.store.rollup import Bucket, rolled
from monitor.store.writer import Store, StoreError

START = 1_699_999_200.0  # on a full hour


def scrape(at: float, value: float | None, *, ok: bool = True) -> Scrape:
    samples = [] if value is None else [m.DEAD_LETTERED_MESSAGES_TOTAL.sample(value, "dlq", "orders", "")]
    return Scrape("t", "kafka", at, 0.1, Reading(samples=samples if ok else []), None if ok else "down")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.db")
    yield made
    made.close()


def maintained(store: Store, now: float) -> None:
    while store.maintain(now):
        pass


def buckets(store: Store, table: str = "rollup_1m") -> dict[int, Bucket]:
    db = sqlite3.connect(store.path)
    rows = db.execute(f"SELECT ts, n, sum, min, max, last, increase FROM {table} ORDER BY ts").fetchall()
    db.close()
    return {ts: Bucket(*rest) for ts, *rest in rows}


def test_readings_that_changed_nothing_count_with_the_value_that_stood() -> None:
    assert rolled([0, 15, 30, 45], [(30, 5.0, 2.0)], counter=False) == Bucket(4, 14.0, 2.0, 5.0, 5.0, None)


def test_a_reset_counts_from_zero_and_a_birth_from_where_it_began() -> None:
    steps = [(0, 100.0, None), (15, 110.0, 100.0), (30, 3.0, 110.0)]

    assert rolled([0, 15, 30], steps, counter=True).increase == 13.0


def test_a_series_that_ended_has_no_last_value() -> None:
    assert rolled([0, 15, 30], [(15, None, 7.0)], counter=False) == Bucket(1, 7.0, 7.0, 7.0, None, None)


readings = st.lists(
    st.tuples(st.integers(5, 90), st.sampled_from([None, 0.0, 1.0, 2.0, 5.0, 9.0]), st.booleans()),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings)
def test_rollups_equal_a_fold_of_all_that_was_read(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, float | None, bool]]
) -> None:
    store = Store(tmp_path_factory.mktemp("rollup") / "store.db")
    now, read = START, []
    for gap, value, ok in steps:
        now += gap
        store.record(scrape(now, value, ok=ok))
        if ok:
            read.append((round(now * 1000), value))
    maintained(store, now + 4000)

    for width, table in ((60_000, "rollup_1m"), (600_000, "rollup_10m"), (3_600_000, "rollup_1h")):
        for start, bucket in buckets(store, table).items():
            values = [value for ts, value in read if start <= ts < start + width and value is not None]
            assert bucket.n == len(values)
            assert bucket.sum == (sum(values) if values else None)
            assert (bucket.min, bucket.max) == ((min(values), max(values)) if values else (None, None))
            assert bucket.last == [value for ts, value in read if start <= ts < start + width][-1]
        told = sum(bucket.increase or 0.0 for bucket in buckets(store, table).values())
        grown = sum(b - a if b >= a else b for (_, a), (_, b) in pairwise(read) if a is not None and b is not None)
        assert told == grown
    store.close()


def test_making_a_bucket_again_changes_nothing(store: Store) -> None:
    for number in range(20):
        store.record(scrape(START + 15 * number, float(number)))
    maintained(store, START + 4000)
    before = buckets(store)
    db = sqlite3.connect(store.path)
    db.execute("DELETE FROM rollup_progress")
    db.commit()
    db.close()

    maintained(store, START + 4000)

    assert buckets(store) == before
    assert len(before) == 5


def test_a_bucket_is_made_only_when_late_scrapes_cannot_come_any_more(store: Store) -> None:
    store.record(scrape(START, 1.0))

    maintained(store, START + 100)

    assert buckets(store) == {}


def test_rollups_go_when_their_time_is_over(store: Store) -> None:
    store.record(scrape(START, 1.0))
    maintained(store, START + 4000)
    assert buckets(store)

    maintained(store, START + 3 * 86400)

    assert buckets(store) == {}
    assert buckets(store, "rollup_10m")


def test_a_trend_over_days_is_read_from_the_rollups_when_the_samples_are_gone(store: Store) -> None:
    for hour in range(48):
        for minute in range(0, 60, 10):
            store.record(scrape(START + hour * 3600 + minute * 60 + 1, float(hour)))
        maintained(store, START + hour * 3600 + 3599)
    end = START + 48 * 3600
    maintained(store, end + 7200)
    reader = Reader(store.path)

    (trend,) = reader.trend(m.DEAD_LETTERED_MESSAGES_TOTAL.name, START, end, points=48)

    reader.close()
    assert [value for _, value in trend.points] == [float(hour) for hour in range(48)]


def test_a_locked_store_fails_that_scrape_and_not_the_next(store: Store) -> None:
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.record(scrape(START, 1.0))
    holder.execute("ROLLBACK")
    holder.close()

    store.record(scrape(START + 15, 2.0))

    reader = store.reader()
    (series,) = reader.latest(m.DEAD_LETTERED_MESSAGES_TOTAL.name, START + 15)
    reader.close()
    assert series.points[-1][1] == 2.0


def test_the_write_ahead_log_stays_small_while_someone_reads(store: Store) -> None:
    reader = store.reader()
    for number in range(300):
        store.record(scrape(START + 15 * number, float(number)))
        reader.latest(m.DEAD_LETTERED_MESSAGES_TOTAL.name, START + 15 * number)
        if number % 10 == 0:
            store.maintain(START + 15 * number)
    reader.close()

    assert store.sizes()["wal_bytes"] < 5_000_000
