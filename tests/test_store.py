"""The store: what is written, what is read back, and what happens when it cannot."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import PartError, Reading, Sample, Scrape, Skipped
from monitor.store.writer import Reader, Store, StoreError

T0 = 1_800_000_000.0


def make_scrape(at: float, *samples: Sample, error: str | None = None, **memory: bytes | None) -> Scrape:
    reading = Reading(samples=list(samples), memory=dict(memory), skipped=[Skipped("g", "denied")])
    reading.errors.append(PartError("topic a", "denied"))
    return Scrape("orders", "kafka", T0 + at, 0.1, reading, error)


def total(value: float, destination: str = "d") -> Sample:
    return m.MESSAGES_IN_TOTAL.sample(value, destination)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(path)
    yield made
    made.close()


def read(path: Path, start: float, end: float) -> list[tuple[float, float]]:
    """The points of the only series in (T0 + start, T0 + end], with times since T0."""
    reader = Reader(path)
    series = reader.window("messages_in_total", T0 + start, T0 + end)
    reader.close()
    return [(round(at - T0, 3), value) for one in series for at, value in one.points]


def test_a_window_has_a_sample_at_every_good_scrape_though_only_changes_are_written(store: Store, path: Path) -> None:
    for at, value in ((0, 5), (15, 5), (30, 6), (45, 6)):
        store.record(make_scrape(at, total(value)))

    assert read(path, 0, 45) == [(15, 5), (30, 6), (45, 6)]
    assert sqlite3.connect(path).execute("SELECT count(*) FROM head").fetchone() == (2,)


def test_a_window_of_the_past_holds_what_stood_then(store: Store, path: Path) -> None:
    for at, value in ((0, 5), (15, 5), (30, 6), (45, 7)):
        store.record(make_scrape(at, total(value)))

    assert read(path, 0, 15) == [(15, 5)]


def test_a_failed_scrape_is_a_fact_without_samples(store: Store, path: Path) -> None:
    store.record(make_scrape(0, total(5)))
    store.record(make_scrape(15, error="gone"))
    store.record(make_scrape(30, total(5)))

    assert read(path, -1, 30) == [(0, 5), (30, 5)]


def test_a_series_that_is_not_reported_any_more_ends(store: Store, path: Path) -> None:
    store.record(make_scrape(0, total(5), total(1, "other")))
    store.record(make_scrape(15, total(1, "other")))
    reader = store.reader()

    (only,) = reader.latest("messages_in_total", T0 + 15)

    assert only.labels == {"target": "orders", "system": "kafka", "destination": "other"}
    reader.close()


def test_a_series_that_comes_back_has_a_gap(store: Store, path: Path) -> None:
    for at, samples in ((0, [total(5)]), (15, []), (30, [total(5)])):
        store.record(make_scrape(at, *samples))

    assert read(path, -1, 30) == [(0, 5), (30, 5)]


def test_what_is_older_than_five_minutes_is_not_now(store: Store) -> None:
    store.record(make_scrape(0, total(5)))
    reader = store.reader()

    assert len(reader.latest("messages_in_total", T0 + 300)) == 1
    assert reader.latest("messages_in_total", T0 + 301) == []
    reader.close()


def test_collector_up_is_read_from_the_scrapes(store: Store) -> None:
    store.record(make_scrape(0))
    store.record(make_scrape(15, error="gone"))
    reader = store.reader()

    (up,) = reader.window("collector_up", T0 - 1, T0 + 15)
    (success,) = reader.latest("collector_last_success_timestamp_seconds", T0 + 15)

    (now,) = reader.latest("collector_up", T0 + 20)
    assert [value for _, value in up.points] == [1, 0]
    assert now.points == [(T0 + 15, 0)]
    assert success.points[-1][1] == T0
    reader.close()


def test_a_target_is_told_with_its_error_and_what_was_skipped(store: Store) -> None:
    store.record(make_scrape(0))
    store.record(make_scrape(15, error="gone"))
    reader = store.reader()

    (row,) = reader.targets(T0 + 16)

    assert (row.up, row.error, row.last_success_at) == (False, "gone", T0)
    assert row.skipped == [Skipped("g", "denied")]
    assert row.errors == [PartError("topic a", "denied")]
    reader.close()


def test_memory_is_kept_across_restarts_and_forgotten_on_request(store: Store, path: Path) -> None:
    store.record(make_scrape(0, a=b"1", b=b"2"))
    store.record(make_scrape(15, a=None))
    store.close()

    again = Store(path)

    assert again.memory("orders") == {"b": b"2"}
    again.close()


def test_a_restart_writes_nothing_that_stands_already(store: Store, path: Path) -> None:
    store.record(make_scrape(0, total(5)))
    store.close()
    again = Store(path)
    again.record(make_scrape(15, total(5)))
    again.close()

    assert read(path, -1, 15) == [(0, 5), (15, 5)]
    assert sqlite3.connect(path).execute("SELECT count(*) FROM head").fetchone() == (1,)


def test_what_a_judge_fails_at_leaves_nothing_of_the_scrape(store: Store, path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        store.record(make_scrape(0, total(5)), lambda tx: [1 / 0].clear())  # type: ignore[func-returns-value]

    assert read(path, -1, 15) == []


def test_a_second_agent_is_told_so(store: Store, path: Path) -> None:
    with pytest.raises(StoreError, match="another agent has it"):
        Store(path)


def test_a_file_that_is_no_database_is_told_so(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)

    with pytest.raises(StoreError, match="is not an SQLite database"):
        Store(path)


def test_a_store_of_a_newer_program_is_told_so(store: Store, path: Path) -> None:
    store.close()
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('eda_monitor', 'later', '2030')"
        )
    db.close()

    with pytest.raises(StoreError, match="newer program"):
        Store(path)


def test_it_goes_on_after_a_full_disk(store: Store, path: Path) -> None:
    store.record(make_scrape(0, total(5)))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        store.record(make_scrape(15, *(total(1, f"d{n}") for n in range(5000))))
    store._db.execute("PRAGMA max_page_count = 1000000")

    store.record(make_scrape(30, total(6)))

    assert read(path, -1, 30) == [(0, 5), (30, 6)]


def test_a_message_waits_until_it_is_done(store: Store) -> None:
    store.record(make_scrape(0), lambda tx: tx.enqueue("ops", "{}", T0))
    (row,) = store.outbox_of("ops")
    store.outbox_retry(row.id, T0 + 10, "refused")

    assert [(r.attempts, r.next_try_at) for r in store.outbox_of("ops")] == [(1, T0 + 10)]
    assert store.outbox_of("other") == []

    store.outbox_done(row.id, T0 + 11)

    assert store.outbox_of("ops") == []


def test_maintenance_keeps_what_stands_and_drops_what_is_old(store: Store, path: Path) -> None:
    store.record(make_scrape(0, total(5)))
    later = 7 * 3600.0
    store.record(make_scrape(later, total(5)))

    while store.maintain(T0 + later, slice_rows=1):
        pass

    assert read(path, later - 1, later) == [(later, 5)]
    assert sqlite3.connect(path).execute("SELECT count(*) FROM head").fetchone() == (0,)


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.store.writer import Store
store = Store(sys.argv[1])
at = max((t.last_scrape_at for t in store.reader().targets(4e9)), default=1.8e9)
while True:
    at += 1
    store.record(Scrape("orders", "kafka", at, 0.0,
        Reading(samples=[m.MESSAGES_IN_TOTAL.sample(at, f"d{n}") for n in range(300)])))
    print(at, flush=True)
"""


def test_a_killed_writer_leaves_whole_scrapes(path: Path) -> None:
    root = str(Path(__file__).parent.parent)
    for _ in range(4):
        command = [sys.executable, "-c", WRITER, str(path), root]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(5):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)

        Store(path).close()
        db = sqlite3.connect(path)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        partial = db.execute("SELECT count(*) FROM (SELECT 1 FROM head GROUP BY ts HAVING count(*) != 300)")
        assert partial.fetchone() == (0,)
        db.close()
