"""How long calls took, over time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Histogram, Reading, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.console.durations import cells, failure_shares, percentile_lines, percentiles
from monitor.console.place import Place
from monitor.percentiles import Increase
from monitor.store.writer import Store

NOW = 1_700_000_000.0
HANDLER = ("shop", "charge", "orders", "billing")
PLACE = Place((("destination", "orders"), ("group", "billing")))
AT_128_MS = BOUNDS.index(0.128)


def counted(*counts: int, bounds: tuple[float, ...] = (0.1, 1.0)) -> Increase:
    return Increase({}, bounds, counts, 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "s.db")) as store:
        yield store


def handled(store: Store, ago: float, calls: int, ok: int, failed: int) -> None:
    counts = [0] * (len(BOUNDS) + 1)
    counts[AT_128_MS] = calls
    samples = [
        m.HANDLER_EVENTS_TOTAL.sample(ok, *HANDLER, "ok"),
        m.HANDLER_EVENTS_TOTAL.sample(failed, *HANDLER, "failed"),
        m.HANDLER_FAILURES_TOTAL.sample(failed, *HANDLER, "Timeout"),
    ]
    histogram = Histogram(m.HANDLER_DURATION_SECONDS, (*HANDLER, "ok"), BOUNDS, tuple(counts), 0.1 * calls)
    store.record(Scrape("services", "handlers", NOW - ago, 0.1, Reading(samples, [histogram])))


def test_each_bucket_that_holds_any_is_a_cell() -> None:
    first, second = cells([(60, counted(0, 3, 2))], slot=60)

    assert first == (0, 60, 0.1, 1.0, 3)
    assert second == (0, 60, 1.0, 2.0, 2)


def test_the_first_bucket_begins_where_a_logarithm_has_it() -> None:
    assert cells([(60, counted(4, 0, 0))], slot=60) == [(0, 60, 0.05, 0.1, 4)]


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile_lines([(60, counted(0, 0, 0))], slot=60) == []


def test_a_line_is_broken_where_nothing_was_handled_for_long() -> None:
    line = percentile_lines([(60, counted(4, 0, 0)), (2000, counted(4, 0, 0))], slot=60)[0]

    assert [value == value for _, value in line.points] == [True, False, True]


def test_percentiles_are_those_of_the_place(store: Store) -> None:
    handled(store, 120, 0, 0, 0)
    handled(store, 60, 100, 100, 0)

    with closing(store.reader()) as reader:
        found = {line.name: line.points for line in percentiles(reader, m.HANDLER_DURATION_SECONDS, PLACE, NOW)}
        others = percentiles(reader, m.HANDLER_DURATION_SECONDS, Place((("destination", "else"),)), NOW)

    assert list(found) == ["p50", "p95", "p99"]
    assert all(0.09 <= value <= 0.128 for points in found.values() for _, value in points)
    assert others == []


def test_what_no_handler_tells_has_no_line(store: Store) -> None:
    handled(store, 60, 100, 100, 0)

    with closing(store.reader()) as reader:
        assert percentiles(reader, m.HANDLER_QUEUE_SECONDS, PLACE, NOW) == []


def test_failures_are_told_as_the_share_of_the_events(store: Store) -> None:
    handled(store, 180, 0, 0, 0)
    handled(store, 120, 0, 75, 25)
    handled(store, 60, 0, 175, 25)

    with closing(store.reader()) as reader:
        (line,) = failure_shares(reader, PLACE, NOW)

    assert (line.name, [value for _, value in line.points]) == ("Timeout", [0.25, 0])


def test_without_events_no_share_is_told(store: Store) -> None:
    handled(store, 120, 0, 5, 0)
    handled(store, 60, 0, 5, 0)

    with closing(store.reader()) as reader:
        assert [line.points for line in failure_shares(reader, PLACE, NOW)] == [[]]
