"""Histograms in the store: what fell into the buckets within a window, however it is read."""

from __future__ import annotations

import math
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from collectors import metrics as m
from collectors.base import Histogram, Reading, Scrape
from monitor.store.histograms import Level, Standing, Window, grown, tiles
from monitor.store.migrations import migrations
from monitor.store.reader import Increase, Reader
from monitor.store.writer import Store, StoreError

T0 = 1_800_000_000.0  # on a full hour
HOUR = 3600.0
BOUNDS = (1.0, 2.0, 4.0)
METRIC = m.HANDLER_QUEUE_SECONDS.name


def histogram(
    *counts: int, handler: str = "charge", bounds: tuple[float, ...] = BOUNDS, total: float = 0.0
) -> Histogram:
    return m.HANDLER_QUEUE_SECONDS.histogram(bounds, counts, total, "billing", handler, "orders", "billing")


def make_scrape(at: float, *histograms: Histogram, error: str | None = None) -> Scrape:
    return Scrape("apps", "handlers", T0 + at, 0.1, Reading(histograms=list(histograms)), error)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(path)
    yield made
    made.close()


def increases(store: Store, start: float, end: float, **where: str) -> list[Increase]:
    reader = store.reader()
    found = reader.increases(METRIC, T0 + start, T0 + end, where)
    reader.close()
    return found


def counts(store: Store, start: float, end: float, **where: str) -> list[tuple[float, ...]]:
    return [one.counts for one in increases(store, start, end, **where)]


def trend(store: Store, start: float, end: float, points: int) -> list[tuple[float, tuple[float, ...]]]:
    """The slots of the only series, with times since T0."""
    reader = store.reader()
    found = reader.increase_trend(METRIC, T0 + start, T0 + end, points)
    reader.close()
    return [(round(at - T0, 3), one.counts) for _, slots in found for at, one in slots]


def maintained(store: Store, at: float, slice_rows: int = 5000) -> None:
    while store.maintain(T0 + at, slice_rows):
        pass


def rows(path: Path, table: str) -> int:
    db = sqlite3.connect(path)
    (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    db.close()
    return int(count)


def test_an_increase_is_what_was_counted_since_the_last_reading_before_the_window(store: Store) -> None:
    store.record(make_scrape(0, histogram(1, 1, 0, 0)))
    store.record(make_scrape(15, histogram(2, 1, 0, 1, total=9.0)))
    store.record(make_scrape(30, histogram(2, 4, 0, 1, total=14.0)))

    (both,) = increases(store, 0, 30)

    assert (both.bounds, both.counts, both.sum) == (BOUNDS, (1, 3, 0, 1), 14.0)
    assert both.labels["handler"] == "charge"
    assert both.labels["target"] == "apps"
    assert counts(store, 15, 30) == [(0, 3, 0, 0)]


def test_the_value_of_its_series_is_how_many_events_were_counted(store: Store) -> None:
    store.record(make_scrape(0, histogram(1, 1, 0, 5)))
    reader = store.reader()

    (series,) = reader.latest(METRIC, T0)

    assert series.points == [(T0, 7.0)]
    reader.close()


def test_where_chooses_the_series(store: Store) -> None:
    for at in (0, 1):
        store.record(make_scrape(at, histogram(at, 0, 0, 0), histogram(0, at, 0, 0, handler="refund")))

    assert counts(store, 0, 1, handler="refund") == [(0, 1, 0, 0)]


def test_a_reset_counts_from_zero(store: Store) -> None:
    store.record(make_scrape(0, histogram(5, 5, 0, 0, total=50.0)))
    store.record(make_scrape(15, histogram(0, 9, 0, 0, total=9.0)))

    (one,) = increases(store, 0, 15)

    assert (one.counts, one.sum) == ((0, 9, 0, 0), 9.0)


def test_a_bucket_that_seems_to_fall_is_no_reset() -> None:
    """Where an application tells its buckets one after the other while it counts."""
    before, now = Standing(BOUNDS, (5, 3, 0, 0), 0.0), Standing(BOUNDS, (7, 2, 0, 0), 0.0)

    assert grown(before, now).counts == (2, 0, 0, 0)


def test_what_is_there_at_the_first_good_reading_of_a_target_was_not_counted_then(store: Store) -> None:
    store.record(make_scrape(0, error="down"))
    store.record(make_scrape(15, histogram(9, 9, 9, 9)))

    assert counts(store, -1, 15) == [(0, 0, 0, 0)]


def test_a_series_born_while_its_target_was_read_counts_from_zero(store: Store) -> None:
    store.record(make_scrape(0))
    store.record(make_scrape(15, histogram(1, 2, 0, 0)))

    assert counts(store, 0, 15) == [(1, 2, 0, 0)]


def test_a_series_that_ended_is_in_no_later_window(store: Store) -> None:
    for at, histograms in ((0, [histogram(0, 0, 0, 0)]), (15, [histogram(1, 0, 0, 0)]), (30, []), (45, [])):
        store.record(make_scrape(at, *histograms))

    assert counts(store, 0, 45) == [(1, 0, 0, 0)]
    assert counts(store, 30, 45) == []
    assert trend(store, 0, 45, 3) == [(15, (1, 0, 0, 0))]


def test_a_series_that_comes_back_has_grown_by_what_it_counted_in_its_absence(store: Store) -> None:
    for at, histograms in ((0, [histogram(1, 0, 0, 0)]), (15, []), (30, [histogram(4, 0, 0, 0)])):
        store.record(make_scrape(at, *histograms))

    assert counts(store, 15, 30) == [(3, 0, 0, 0)]


def test_what_grew_while_nobody_read_is_told_at_the_reading_after(store: Store) -> None:
    store.record(make_scrape(0, histogram(1, 0, 0, 0)))
    store.record(make_scrape(15, error="down"))
    store.record(make_scrape(30, histogram(3, 0, 0, 0)))

    assert counts(store, 0, 20) == []
    assert counts(store, 20, 30) == [(2, 0, 0, 0)]


def test_a_series_that_was_read_and_idle_counted_zero(store: Store) -> None:
    for at in (0, 15, 30):
        store.record(make_scrape(at, histogram(3, 0, 0, 0)))

    (idle,) = increases(store, 15, 30)

    assert (idle.bounds, idle.counts) == (BOUNDS, (0, 0, 0, 0))
    assert rows(Path(store.path), "histogram") == 0


def test_a_series_born_after_the_window_is_not_in_it(store: Store) -> None:
    for at, histograms in ((0, []), (15, []), (30, [histogram(1, 0, 0, 0)])):
        store.record(make_scrape(at, *histograms))

    assert counts(store, 0, 15) == []


def test_changed_bounds_are_told_in_those_that_both_have(store: Store) -> None:
    finer = (1.0, 1.5, 2.0, 4.0)
    store.record(make_scrape(0, histogram(0, 0, 0, 0)))
    store.record(make_scrape(15, histogram(1, 2, 0, 0)))
    store.record(make_scrape(30, histogram(1, 1, 2, 3, 0, bounds=finer)))
    store.record(make_scrape(45, histogram(1, 1, 3, 3, 0, bounds=finer)))

    assert counts(store, 30, 45) == [(0, 0, 1, 0, 0)]
    assert [(one.bounds, one.counts) for one in increases(store, 15, 30)] == [(BOUNDS, (0, 1, 3, 0))]
    assert [(one.bounds, one.counts) for one in increases(store, 0, 45)] == [(BOUNDS, (1, 4, 3, 0))]


def test_a_sum_that_is_no_number_is_not_known_and_the_counts_are(store: Store) -> None:
    store.record(make_scrape(0, histogram(0, 0, 0, 0)))
    store.record(make_scrape(15, histogram(1, 0, 0, 0, total=math.nan)))

    (one,) = increases(store, 0, 15)

    assert math.isnan(one.sum)
    assert one.counts == (1, 0, 0, 0)


def test_a_count_beyond_all_measure_fails_nothing(store: Store) -> None:
    for at, count in ((0, 0), (15, 2**70)):
        store.record(make_scrape(at, histogram(count, 1, 0, 0)))

    assert counts(store, 0, 15) == [(2**64 - 1, 0, 0, 0)]


def test_a_restart_of_the_agent_neither_loses_nor_doubles(store: Store, path: Path) -> None:
    store.record(make_scrape(0, histogram(1, 0, 0, 0)))
    store.close()
    again = Store(path)

    again.record(make_scrape(15, histogram(1, 0, 2, 0)))

    assert counts(again, -1, 15) == [(0, 0, 2, 0)]
    again.close()


def test_what_was_rolled_back_is_told_with_the_next_scrape(store: Store) -> None:
    store.record(make_scrape(0, histogram(0, 0, 0, 0)))
    with pytest.raises(ZeroDivisionError):
        store.record(make_scrape(15, histogram(1, 0, 0, 0)), lambda tx: [1 / 0].clear())  # type: ignore[func-returns-value]

    store.record(make_scrape(30, histogram(1, 0, 0, 0)))

    assert counts(store, 0, 30) == [(1, 0, 0, 0)]


def test_a_trend_has_a_slot_for_each_stretch_in_which_it_was_read(store: Store) -> None:
    for at, count in ((0, 0), (10, 1), (20, 3), (40, 3), (60, 7)):
        store.record(make_scrape(at, histogram(count, 0, 0, 0)))

    slots = trend(store, 0, 60, 3)

    assert slots == [(20, (3, 0, 0, 0)), (40, (0, 0, 0, 0)), (60, (4, 0, 0, 0))]


def test_within_a_judgement_the_scrape_itself_is_read(store: Store) -> None:
    store.record(make_scrape(0, histogram(0, 0, 0, 0)))
    seen: list[Increase] = []

    store.record(
        make_scrape(15, histogram(2, 0, 0, 0)), lambda tx: seen.extend(tx.reader.increases(METRIC, T0, T0 + 15))
    )

    assert [one.counts for one in seen] == [(2, 0, 0, 0)]


READINGS = st.lists(
    st.tuples(
        st.integers(5, 900),
        st.one_of(st.none(), st.lists(st.integers(0, 9), min_size=4, max_size=4)),
        st.sampled_from(["grow", "grow", "grow", "reset", "failed"]),
    ),
    min_size=1,
    max_size=60,
)


def brute_force(read: list[tuple[float, tuple[int, ...] | None]], start: float, end: float) -> tuple[int, ...]:
    """The increase between good readings, those without the series left out; all of a reading whose count fell."""
    own = [0, 0, 0, 0]
    known: tuple[int, ...] | None = None
    for number, (at, now) in enumerate(read):
        if now is None:
            continue
        base = known if known is not None and sum(now) >= sum(known) else (0, 0, 0, 0)
        if start < at <= end and not (known is None and number == 0):
            own = [have + max(0, late - early) for have, late, early in zip(own, now, base, strict=True)]
        known = now
    return tuple(own)


def recorded(
    store: Store, steps: list[tuple[int, list[int] | None, str]]
) -> tuple[list[tuple[float, tuple[int, ...] | None]], float]:
    """What was read, None where the series was not there, and when it ended."""
    at, standing, read = 0.0, (0, 0, 0, 0), list[tuple[float, tuple[int, ...] | None]]()
    for gap, added, how in steps:
        at += gap
        if how == "failed":
            store.record(make_scrape(at, error="down"))
        elif added is None:
            store.record(make_scrape(at))
            read.append((at, None))
        else:
            base = standing if how == "grow" else (0, 0, 0, 0)
            standing = tuple(have + more for have, more in zip(base, added, strict=True))  # type: ignore[assignment]
            store.record(make_scrape(at, histogram(*standing)))
            read.append((at, standing))
    return read, at


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(READINGS, st.integers(0, 20_000), st.integers(1, 20_000))
def test_however_it_is_kept_a_window_holds_what_was_counted_in_it(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, list[int] | None, str]],
    start: int,
    length: int,
) -> None:
    """From the head, from the head with rollups, and, where it falls on full ten minutes, from rollups alone."""
    with closing(Store(tmp_path_factory.mktemp("rollup") / "store.db")) as store:
        read, at = recorded(store, steps)

        def told(start: float, end: float) -> tuple[float, ...]:
            return (counts(store, start, end) or [(0, 0, 0, 0)])[0]

        expected = brute_force(read, start, start + length)
        assert told(start, start + length) == expected
        maintained(store, at + 4000)
        assert told(start, start + length) == expected
        assert told(-1, at) == brute_force(read, -1, at)
        maintained(store, at + 8 * HOUR)
        assert rows(Path(store.path), "histogram") == 0
        start, end = start // 600 * 600, -(-(start + length) // 600) * 600
        assert told(start, end) == brute_force(read, start, end)
        assert told(0, 40 * HOUR) == brute_force(read, 0, 40 * HOUR)


def filled(store: Store, hours: int, maintain: bool = True) -> None:
    """One event every ten minutes."""
    for number in range(hours * 6 + 1):
        store.record(make_scrape(600 * number, histogram(number, 0, 0, 0)))
        if maintain and number % 6 == 0:
            maintained(store, 600 * number)


def test_where_only_rollups_are_left_a_bucket_on_the_border_counts_by_its_part(store: Store) -> None:
    filled(store, 12)

    assert counts(store, 300, 900) == [(1.0, 0, 0, 0)]
    assert counts(store, 300, 600) == [(0.5, 0, 0, 0)]


def test_a_trend_over_days_is_read_from_the_rollups(store: Store) -> None:
    filled(store, 48)

    assert [count for _, (count, *_) in trend(store, 0, 48 * HOUR, 48)] == [6] * 48
    assert sum(count for _, (count, *_) in trend(store, 0, 48 * HOUR, 7)) == pytest.approx(48 * 6)


def test_samples_go_after_six_hours_and_ten_minutes_after_two_weeks(store: Store, path: Path) -> None:
    filled(store, 12)
    assert rows(path, "histogram") <= 6 * 6 + 1
    assert rows(path, "histogram_10m") >= 11 * 6

    maintained(store, 15 * 24 * HOUR)

    assert rows(path, "histogram_10m") == 0
    assert counts(store, 0, 12 * HOUR) == [(72, 0, 0, 0)]


def test_after_a_long_rest_nothing_goes_before_it_is_rolled_up(store: Store, path: Path) -> None:
    filled(store, 3, maintain=False)

    maintained(store, 24 * HOUR)

    assert rows(path, "histogram") == 0
    assert rows(path, "head") == 0
    assert counts(store, 0, 3 * HOUR) == [(18, 0, 0, 0)]
    db = sqlite3.connect(path)
    assert db.execute("SELECT sum(increase) FROM rollup_1m").fetchone() == (18.0,)
    db.close()


def test_maintenance_that_is_cut_off_anywhere_is_made_good(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(path)
    filled(store, 8, maintain=False)
    store.close()

    for cut in range(1, 60):
        store = Store(path)
        with monkeypatch.context() as patch:
            patch.setattr(store, "_transaction", cut_off_after(store, cut % 7 + 1))
            with pytest.raises(StoreError, match="cut off"):
                maintained(store, 9 * HOUR, slice_rows=3)
        assert counts(store, 0, 8 * HOUR) == [(48, 0, 0, 0)]
        store.close()


def cut_off_after(store: Store, writes: int) -> object:
    left = iter(range(writes))
    real = store._transaction

    def transaction() -> object:
        if next(left, None) is None:
            raise StoreError("cut off")
        return real()

    return transaction


def test_what_maintenance_moves_while_it_is_read_is_told_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(store, 8, maintain=False)
    reader = store.reader()
    read = reader._all

    def read_and_maintain(sql: str, parameters: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        found = read(sql, parameters)
        if "histogram_since" in sql:
            maintained(store, 20 * HOUR)
        return found

    monkeypatch.setattr(reader, "_all", read_and_maintain)

    (one,) = reader.increases(METRIC, T0, T0 + 8 * HOUR)

    reader.close()
    assert one.counts == (48, 0, 0, 0)
    assert rows(Path(store.path), "histogram") == 0


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.store.writer import Store
store = Store(sys.argv[1])
at = (store.reader().connection.execute("SELECT max(ts) FROM scrape").fetchone()[0] or 1.8e12) / 1000
while True:
    at += 60
    total = round(at - 1.8e9)
    shown = [m.HANDLER_QUEUE_SECONDS.histogram((1.0,), (total, 60), 0.0, "s", f"h{n}", "d", "g") for n in range(20)]
    store.record(Scrape("apps", "handlers", at, 0.0, Reading(histograms=shown)))
    store.maintain(at, 50)
    print(at, flush=True)
"""


def test_a_killed_agent_loses_and_doubles_nothing(path: Path) -> None:
    root = str(Path(__file__).parent.parent)
    for readings in (300, 170, 130):
        command = [sys.executable, "-c", WRITER, str(path), root]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(readings):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)

        reader = Reader(path)
        (last,) = reader.connection.execute("SELECT max(ts) / 1000.0 FROM scrape").fetchone()
        told = reader.increases(METRIC, T0 - 1, last)
        reader.close()

        assert {one.counts for one in told} == {(last - T0 - 60, 0)}
        assert len(told) == 20


def test_a_store_of_the_first_schema_is_brought_up_to_date(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    migrations.apply(Database(db, execute_plugins=False), stop_before="histograms")
    db.execute("INSERT INTO scrape VALUES (?, 'apps', 'handlers', 1, 0.1, 1, NULL)", (T0 * 1000 - 15_000,))
    db.close()

    store = Store(path)
    store.record(make_scrape(0, histogram(2, 0, 0, 0)))

    assert counts(store, -1, 0) == [(2, 0, 0, 0)]
    store.close()


def test_handlers_can_be_looked_at_with_sql(store: Store, path: Path) -> None:
    duration = m.HANDLER_DURATION_SECONDS
    shown = duration.histogram(BOUNDS, (3, 1, 0, 0), 6.0, "billing", "charge", "orders", "billing", "ok")
    store.record(make_scrape(0, shown))
    db = sqlite3.connect(path)

    row = db.execute("SELECT handler, destination, outcome, calls, mean_seconds FROM handlers").fetchone()

    assert row == ("charge", "orders", "ok", 4.0, 1.5)
    db.close()


TEN, SIXTY = 600_000, 3_600_000


@given(
    st.integers(0, 10 * SIXTY), st.integers(0, 10 * SIXTY), st.integers(0, 10), st.integers(0, 40), st.integers(0, 60),
    st.integers(0, 10), st.sampled_from([0, TEN, SIXTY]),
)  # fmt: skip
def test_tiles_cover_a_window_once_and_only_where_the_rows_are(
    start: int, length: int, since_ten: int, since_head: int, until_ten: int, until_hour: int, longest: int
) -> None:
    since = [0, since_ten * SIXTY, max(since_ten * SIXTY, since_head * TEN)]
    until = [max(until_hour * SIXTY, since[1], -(-since[2] // SIXTY) * SIXTY), max(until_ten * TEN, since[2]), math.inf]
    levels = [
        Level(name, width, *span)
        for name, width, span in zip("hth", (SIXTY, TEN, 0), zip(since, until, strict=True), strict=True)
    ]

    found = tiles(start, start + length, levels, longest)

    edges = [start, *(edge for tile in found for edge in (tile.start, tile.end)), start + length]
    assert all(edges[at] == edges[at + 1] for at in range(0, len(edges), 2))
    for tile in found:
        assert tile.level.since <= tile.start or tile.level.width == SIXTY
        assert tile.end <= tile.level.until


@given(st.integers(1, 10**7), st.integers(1, 60), st.integers(-(10**6), 10**7), st.integers(1, 10**6))
def test_the_shares_of_a_stretch_are_the_part_of_it_that_lies_in_the_window(
    length: int, slots: int, after: int, width: int
) -> None:
    low, high = max(after, 0), min(after + width, length)
    if low >= high:
        return

    shares = Window(0, length, slots).shares(after, after + width)

    assert sum(share for _, share in shares) == pytest.approx((high - low) / width)
    assert all(0 <= slot < slots and share >= 0 for slot, share in shares)
