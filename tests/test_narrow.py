"""What is asked of a few series is read another way than all of a metric, and is the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.store.reader import Reader
from monitor.store.series import FEW
from monitor.store.writer import Store

BEGAN, STEP, STEPS = 1_700_000_000.0, 15.0, 60
METRIC = m.BACKLOG_MESSAGES
#: A few series of one target, and more than a few of all.
SERIES = FEW


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two targets with times of their own; series rest, change, end and come back, and at times a target fails."""
    path, rng = tmp_path_factory.mktemp("narrow") / "store.db", random.Random(3)
    standing = {(target, n): float(n) for target in ("one", "other") for n in range(SERIES)}
    with closing(Store(path)) as store:
        for step in range(STEPS):
            for target, late in (("one", 0.0), ("other", 0.4)):
                for n in range(SERIES):
                    if rng.random() < 0.2 and n % 5:
                        standing[target, n] += rng.randint(-1, 2)
                samples = [
                    METRIC.sample(standing[target, n], f"d-{n}", "g")
                    for n in range(SERIES)
                    if rng.random() < (0.9 if n % 3 else 1)
                ]
                failed = rng.random() < 0.1
                reading = Reading() if failed else Reading(samples)
                at = BEGAN + step * STEP + late
                store.record(Scrape(target, "kafka", at, 0.1, reading, "down" if failed else None))
        yield path


@pytest.mark.parametrize(("start", "end"), [(0, 900), (100, 400), (300.4, 315), (-60, 30), (600, 2000)])
def test_a_window_of_one_series_is_that_of_it_among_all(path: Path, start: float, end: float) -> None:
    with closing(Reader(path)) as reader:
        among = reader.window(METRIC.name, BEGAN + start, BEGAN + end)
        alone = [
            one
            for target in ("one", "other")
            for n in range(SERIES)
            for one in reader.window(
                METRIC.name, BEGAN + start, BEGAN + end, {"target": target, "destination": f"d-{n}"}
            )
        ]

    assert among
    assert sorted(alone, key=lambda one: list(one.labels.values())) == sorted(
        among, key=lambda one: list(one.labels.values())
    )


def test_the_changes_of_other_series_cost_nothing(path: Path) -> None:
    def steps(where: dict[str, str]) -> int:
        """Thousands of the steps that SQLite takes."""
        taken: list[None] = []
        with closing(Reader(path)) as reader:
            reader.connection.set_progress_handler(lambda: taken.append(None), 1000)
            reader.window(METRIC.name, BEGAN, BEGAN + 900, where)
        return len(taken)

    assert steps({"target": "one", "destination": "d-7"}) < steps({}) / 3
