"""What histograms had counted in all at a time, over restarts of what counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.store.writer import Store

T0 = 1_800_000_000.0
METRIC = m.HANDLER_QUEUE_SECONDS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "store.db")) as made:
        yield made


def read(store: Store, at: float, *counts: int, bounds: tuple[float, ...] = (1.0, 2.0)) -> None:
    histogram = METRIC.histogram(bounds, counts, 0.0, "billing", "charge", "orders", "billing")
    store.record(Scrape("apps", "handlers", T0 + at, 0.1, Reading(histograms=[histogram])))


def standing(store: Store, at: float) -> list[tuple[float, ...]]:
    with closing(store.reader()) as reader:
        return [one.counts for one in reader.standing(METRIC.name, T0 + at)]


def test_what_was_added_later_is_not_of_it(store: Store) -> None:
    read(store, 0, 1, 0, 0)
    read(store, 15, 3, 1, 0)
    read(store, 30, 5, 1, 2)

    assert standing(store, 15) == [(3, 1, 0)]


def test_before_a_histogram_began_anew_it_had_what_it_lost(store: Store) -> None:
    read(store, 0, 1, 2, 0)
    read(store, 15, 4, 2, 0)
    read(store, 30, 0, 1, 0)
    read(store, 45, 2, 1, 0)
    read(store, 60, 0, 0, 0)

    assert [standing(store, at) for at in (0, 15, 30, 45, 60)] == [
        [(1, 2, 0)],
        [(4, 2, 0)],
        [(0, 1, 0)],
        [(2, 1, 0)],
        [(0, 0, 0)],
    ]


def test_in_other_bounds_it_is_not_known(store: Store) -> None:
    read(store, 0, 1, 2, 0)
    read(store, 15, 1, 4, 0, bounds=(1.0, 5.0))

    assert standing(store, 0) == []


def test_beginning_anew_without_events_is_growth_of_nothing(store: Store) -> None:
    read(store, 0, 1, 2, 0)
    read(store, 15, 0, 0, 0)

    with closing(store.reader()) as reader:
        (grown,) = reader.increases(METRIC.name, T0, T0 + 15)
        assert (grown.bounds, grown.counts) == ((1.0, 2.0), (0, 0, 0))
