"""What the verdict on a group is built on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Histogram, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.console.evidence import evidence
from monitor.store.writer import Store
from monitor.verdicts import Evidence

NOW = 1_700_000_000.0
KEY = ("kafka", "orders", "shipping")
HANDLER = ("shop", "orders", "orders")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "s.db")) as store:
        yield store


def read(store: Store, ago: float, *samples: Sample, target: str = "kafka", calls: int = 0, seconds: float = 0) -> None:
    counts = (calls, *[0] * len(BOUNDS))
    labels = (*HANDLER, "shipping", "ok")
    histograms = [Histogram(m.HANDLER_DURATION_SECONDS, labels, BOUNDS, counts, seconds)] if seconds else []
    store.record(Scrape(target, "kafka", NOW - ago, 0.1, Reading(samples=list(samples), histograms=histograms)))


def of(store: Store) -> Evidence:
    """The same, whether it is asked of all groups or of one."""
    with closing(store.reader()) as reader:
        found = evidence(reader, NOW)[KEY]
        assert evidence(reader, NOW, {"target": "kafka", "destination": "orders"})[KEY] == found
        return found


def waits(backlog: float) -> Sample:
    return m.BACKLOG_MESSAGES.sample(backlog, "orders", "shipping")


def test_of_a_backlog_alone_all_else_is_unknown(store: Store) -> None:
    read(store, 5, waits(3))

    assert of(store) == Evidence(backlog=3)


def test_rates_are_of_ten_minutes_and_of_half_an_hour_earlier(store: Store) -> None:
    for ago, into, out in ((2100, 0, 0), (2000, 200, 100), (110, 1000, 500), (10, 2000, 800)):
        read(
            store, ago, waits(1), m.MESSAGES_IN_TOTAL.sample(into, "orders"),
            m.MESSAGES_OUT_TOTAL.sample(out, "orders", "shipping"),
        )  # fmt: skip

    found = of(store)

    assert (found.rate_in, found.rate_in_before, found.rate_out, found.resting) == (10, 2, 3, 0)


def test_a_group_rests_since_it_last_finished_something(store: Store) -> None:
    for ago, out in ((300, 5), (200, 9), (100, 9), (10, 9)):
        read(store, ago, waits(1), m.MESSAGES_OUT_TOTAL.sample(out, "orders", "shipping"))

    assert of(store).resting == 190


def test_who_finished_nothing_as_long_as_it_was_read_rests_so_long_at_least(store: Store) -> None:
    for ago in (300, 100, 10):
        read(store, ago, waits(1), m.MESSAGES_OUT_TOTAL.sample(9, "orders", "shipping"))

    assert of(store).resting == 290


def test_handlers_of_another_target_are_joined(store: Store) -> None:
    read(store, 5, waits(1))
    for ago, ok, failed in ((100, 0, 0), (50, 30, 10)):
        samples = [
            m.HANDLER_EVENTS_TOTAL.sample(ok, *HANDLER, "shipping", "ok"),
            m.HANDLER_EVENTS_TOTAL.sample(failed, *HANDLER, "shipping", "failed"),
            m.HANDLER_FAILURES_TOTAL.sample(failed, *HANDLER, "shipping", "Timeout"),
            m.HANDLER_FAILURES_TOTAL.sample(failed / 2, *HANDLER, "shipping", "ValueError"),
        ]
        read(store, ago, *samples, target="handlers", calls=ok + 1, seconds=1 + ok * 0.2)

    found = of(store)

    assert (found.failed_share, found.reason) == (0.25, "Timeout")
    assert found.mean == pytest.approx(0.2)
    assert found.mean_before is None


def test_handlers_of_another_group_are_not_joined(store: Store) -> None:
    read(store, 5, waits(1))
    for ago, count in ((100, 0), (50, 30)):
        read(store, ago, m.HANDLER_EVENTS_TOTAL.sample(count, *HANDLER, "billing", "failed"), target="handlers")

    assert of(store).failed_share is None


def test_the_state_of_the_group_is_of_all_its_destinations(store: Store) -> None:
    read(store, 5, waits(1), m.GROUP_STATE.sample(5, "shipping"))

    assert of(store).group_state == 5
