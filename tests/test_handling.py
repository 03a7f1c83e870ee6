"""What the overview says of handlers, joined to the groups that brokers report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Histogram, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.console.data import Consumer, load_consumers
from monitor.console.handling import failed_text, p95_text
from monitor.store.writer import Store

NOW = round(time.time(), 3)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(tmp_path / "store.db")
    yield one
    one.close()


def scraped(store: Store, target: str, ago: float, reading: Reading) -> None:
    store.record(Scrape(target, target, NOW - ago, 0.1, reading))


def rows(store: Store) -> dict[tuple[str, str], Consumer]:
    with closing(store.reader()) as reader:
        return {(one.destination, one.group): one for one in load_consumers(reader, NOW)}


def backlog(destination: str, group: str) -> Reading:
    return Reading(samples=[m.BACKLOG_MESSAGES.sample(7, destination, group)])


def handled(ok: int, failed: int, destination: str = "orders", group: str = "billing") -> Reading:
    labels = ("shop", "charge", destination, group)
    outcomes = {"ok": ok, "failed": failed}
    samples: list[Sample] = [m.HANDLER_EVENTS_TOTAL.sample(n, *labels, outcome) for outcome, n in outcomes.items()]
    return Reading(samples=samples, histograms=[durations(ok, *labels, "ok")])


def durations(count: int, *labels: str) -> Histogram:
    """So many events of about 100 ms."""
    counts = [0] * (len(BOUNDS) + 1)
    counts[BOUNDS.index(0.128)] = count
    return m.HANDLER_DURATION_SECONDS.histogram(BOUNDS, tuple(counts), 0.1 * count, *labels)


def test_a_group_and_its_handler_stand_in_one_row(store: Store) -> None:
    scraped(store, "kafka", 60, backlog("orders", "billing"))
    scraped(store, "handlers", 60, handled(0, 0))
    scraped(store, "handlers", 30, handled(90, 10))

    (row,) = rows(store).values()

    assert row.backlog == 7
    assert row.handling is not None
    assert row.handling.services == ("shop",)
    assert row.handling.events == 100
    assert failed_text(row.handling) == "10.0%"
    assert p95_text(row.handling) == "122 ms"  # of the bucket from 91 to 128 ms


def test_a_handler_that_tells_no_group_is_joined_by_its_destination(store: Store) -> None:
    scraped(store, "kafka", 60, backlog("orders", "billing"))
    scraped(store, "handlers", 60, handled(0, 0, group=""))
    scraped(store, "handlers", 30, handled(5, 0, group=""))

    (row,) = rows(store).values()

    assert row.group == "billing"
    assert row.handling is not None


def test_a_handler_of_another_group_is_not_joined(store: Store) -> None:
    scraped(store, "kafka", 60, backlog("orders", "billing"))
    scraped(store, "handlers", 60, handled(1, 0, group="shipping"))

    assert rows(store)["orders", "billing"].handling is None


def test_a_handler_that_no_broker_knows_of_has_a_row_of_its_own(store: Store) -> None:
    scraped(store, "handlers", 60, handled(1, 0))

    row = rows(store)["orders", "billing"]

    assert row.backlog is None
    assert row.handling is not None


def test_a_handler_without_events_has_no_share_of_failures(store: Store) -> None:
    scraped(store, "handlers", 60, handled(5, 5))

    handling = rows(store)["orders", "billing"].handling

    assert handling is not None
    assert failed_text(handling) == "–"
    assert p95_text(handling) == "–"
