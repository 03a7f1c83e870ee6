"""Histograms in the store: what fell into the buckets within a window, however it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Histogram, Reading, Scrape
from monitor.reader import Increase
from monitor.store import Store

T0 = 1_800_000_000.0
BOUNDS = (1.0, 2.0, 4.0)
METRIC = m.HANDLER_QUEUE_SECONDS.name


def histogram(
    *counts: int, handler: str = "charge", bounds: tuple[float, ...] = BOUNDS, total: float = 0.0
) -> Histogram:
    return m.HANDLER_QUEUE_SECONDS.histogram(bounds, counts, total, "billing", handler, "orders", "billing")


def make_scrape(at: float, *histograms: Histogram, error: str | None = None) -> Scrape:
    return Scrape("apps", "handlers", T0 + at, 0.1, Reading(histograms=list(histograms)), error)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.db")
    yield made
    made.close()


def increases(store: Store, start: float, end: float) -> list[Increase]:
    reader = store.reader()
    found = reader.increases(METRIC, T0 + start, T0 + end)
    reader.close()
    return found


def counts(store: Store, start: float, end: float) -> list[tuple[float, ...]]:
    return [one.counts for one in increases(store, start, end)]


def test_an_increase_is_what_was_counted_since_the_last_reading_before_the_window(store: Store) -> None:
    for at, one in (
        (0, histogram(1, 1, 0, 0)),
        (15, histogram(2, 1, 0, 1, total=9.0)),
        (30, histogram(2, 4, 0, 1, total=14.0)),
    ):
        store.record(make_scrape(at, one))

    (both,) = increases(store, 0, 30)

    assert (both.bounds, both.counts, both.sum) == (BOUNDS, (1, 3, 0, 1), 14.0)
    assert counts(store, 15, 30) == [(0, 3, 0, 0)]
