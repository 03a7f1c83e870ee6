"""The health of the monitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Reading, Sample, Scrape
from monitor.console.house import Cycle, House, load_cycles, load_house
from monitor.store.reader import ITSELF
from monitor.store.writer import Store

NOW = 1_700_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "s.db")) as store:
        yield store


def read(store: Store, ago: float, *samples: Sample, target: str = "shop", error: str | None = None) -> None:
    store.record(Scrape(target, "kafka", NOW - ago, 0.5, Reading(list(samples)), error))


def cycles(store: Store) -> list[Cycle]:
    with closing(store.reader()) as reader:
        return load_cycles(reader, NOW)


def house(store: Store) -> House:
    with closing(store.reader()) as reader:
        return load_house(reader, NOW)


def took(**phases: float) -> list[Sample]:
    return [m.COLLECTOR_DURATION_SECONDS.sample(seconds, phase) for phase, seconds in phases.items()]


def test_the_phases_of_the_last_cycle_are_told_the_longest_first(store: Store) -> None:
    read(store, 5, *took(offsets=0.1, topics=0.3, collect=0.5))

    assert [phase for phase, _ in cycles(store)[0].phases] == ["collect", "topics", "offsets"]


def test_cycles_that_were_left_out_are_counted(store: Store) -> None:
    for ago, count in ((300, 2), (5, 5)):
        read(store, ago, m.COLLECTOR_OVERRUNS_TOTAL.sample(count))

    assert cycles(store)[0].overruns == 3


def test_what_is_not_told_is_not_known(store: Store) -> None:
    read(store, 5)

    (one,) = cycles(store)

    assert (one.interval, one.phases, one.overruns, one.is_late) == (None, (), None, False)


def test_a_cycle_that_takes_nearly_all_its_time_is_late(store: Store) -> None:
    read(store, 5, m.COLLECTOR_INTERVAL_SECONDS.sample(0.6))

    assert cycles(store)[0].is_late


def test_what_cannot_be_read_comes_first_with_the_share_of_its_failures(store: Store) -> None:
    read(store, 20)
    read(store, 5, target="a", error=None)
    read(store, 5, error="refused")

    first, _ = cycles(store)

    assert (first.row.name, first.failed_share) == ("shop", 0.5)


def test_the_store_grows_by_so_much_a_day(store: Store) -> None:
    for ago, size in ((1800, 1_000_000), (0, 1_500_000)):
        read(store, ago, m.STORE_BYTES.sample(size), target=ITSELF)

    found = house(store)

    assert (found.store, found.growth) == (1_500_000, 24_000_000)


def test_of_one_reading_no_growth_is_known(store: Store) -> None:
    read(store, 5, m.STORE_BYTES.sample(1), target=ITSELF)

    assert house(store).growth is None
    assert house(store).waiting is None


def test_receivers_of_which_messages_were_given_up_are_named(store: Store) -> None:
    for ago, count in ((300, 1), (5, 3)):
        read(store, ago, m.NOTIFICATIONS_FAILED_TOTAL.sample(count, "ops"), target=ITSELF)

    assert house(store).failed == (("ops", 2),)
