"""What counters rose by is what the readings of the window say, whatever happened to the store."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest
from given import series
from test_recent import EVERY, T0, Story

from collectors import metrics as m
from monitor.store.reader import Reader
from monitor.store.rises import Rise, risen
from monitor.store.writer import Store


def in_order(found: list[Rise]) -> list[tuple[object, ...]]:
    return sorted(
        (sorted(one.labels.items()), one.increase, round(one.seconds, 3), round(one.resting, 3)) for one in found
    )


@pytest.mark.parametrize("seed", range(20))
def test_they_are_what_the_windows_readings_say(seed: int, tmp_path: Path) -> None:
    story, rng = Story(seed), random.Random(seed)
    with closing(Store(tmp_path / "store.db")) as store:
        for number in range(120):
            store.record(story.scrape(T0 + number * EVERY))
    with closing(Reader(tmp_path / "store.db")) as reader:
        for _ in range(20):
            start = T0 + EVERY * rng.uniform(-5, 120)
            end = start + EVERY * rng.uniform(0, 60)
            for metric in (m.BACKLOG_MESSAGES, m.CONSUMERS, m.COLLECTOR_UP):
                for where in (None, {"target": "target-1"}, {"destination": "d1"}):
                    read = [risen(one) for one in reader.window(metric.name, start, end, where)]

                    assert in_order(reader.rises(metric.name, start, end, where)) == in_order(read)


def test_a_counter_that_begins_anew_rose_by_what_it_counted_since() -> None:
    (rise,) = [risen(one) for one in [series("messages_in_total", (0, 5), (10, 9), (20, 2), (30, 2))]]

    assert (rise.increase, rise.seconds, rise.resting) == (6, 30, 10)
    assert rise.rate == 0.2


def test_of_one_reading_no_rate_is_known() -> None:
    assert risen(series("messages_in_total", (0, 5))).rate is None
