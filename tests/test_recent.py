"""What is kept in memory answers as the store does, whatever happened to it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Metric, Reading, Sample, Scrape
from monitor.percentiles import Increase
from monitor.store.reader import Reader, Series
from monitor.store.runs import Runs
from monitor.store.writer import Store, Tx

T0, EVERY = 1_700_000_000.0, 15.0
BOUNDS = (0.1, 1.0)


class GoneError(Exception):
    """A judge that fails."""


class Story:
    """Scrapes of three targets whose series come, change, go and come back; some scrapes fail."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.values: dict[tuple[str, Metric, str], float] = {}

    def scrape(self, at: float) -> Scrape:
        rng, target = self.rng, f"target-{self.rng.randint(0, 2)}"
        for number in range(5):
            for metric in (m.BACKLOG_MESSAGES, m.CONSUMERS):
                key = target, metric, f"d{number}"
                if rng.random() < 0.3:
                    self.values[key] = rng.randint(0, 5)
                if rng.random() < 0.05:
                    self.values.pop(key, None)
        samples = [
            Sample(metric, (name, "g"), value) for (of, metric, name), value in self.values.items() if of == target
        ]
        histogram = m.HANDLER_QUEUE_SECONDS.histogram(BOUNDS, (int(at - T0), 1, 2), 1.0, *"shdg")
        failed = "gone" if rng.random() < 0.1 else None
        reading = Reading() if failed else Reading(samples=samples, histograms=[histogram])
        return Scrape(target, "kafka", round(at, 3), 0.1, reading, failed)


def plain(found: Iterable[Series | Increase]) -> list[object]:
    """Comparable, in an order of its own."""
    told = [
        (one.metric, sorted(one.labels.items()), list(one.points)) if isinstance(one, Series)
        else (sorted(one.labels.items()), one.bounds, one.counts)
        for one in found
    ]  # fmt: skip
    return sorted(told, key=repr)


def compare(kept: Reader, store: Reader, now: float, target: str, rng: random.Random) -> None:
    """Ask both for the same."""
    where = rng.choice([None, {"target": target}, {"target": target}])
    metric = rng.choice(["backlog_messages", "consumers", "handler_queue_seconds", "collector_up"])
    seconds = rng.choice([60.0, 300.0, 300.0, 1800.0])
    assert plain(kept.latest(metric, now, where)) == plain(store.latest(metric, now, where))
    assert plain(kept.window(metric, now - seconds, now, where)) == plain(
        store.window(metric, now - seconds, now, where)
    )
    then = now - rng.choice([400.0, 1800.0])
    assert plain(kept.window(metric, then - 300, then, where)) == plain(store.window(metric, then - 300, then, where))
    of = "handler_queue_seconds"
    assert plain(kept.increases(of, now - seconds, now, where)) == plain(store.increases(of, now - seconds, now, where))
    assert kept.metrics(target) == store.metrics(target)


@pytest.mark.parametrize("seed", range(int(os.environ.get("RECENT_SEEDS", "6"))))
def test_it_answers_as_the_store_over_restarts_failures_and_a_clock_that_is_set_back(seed: int, tmp_path: Path) -> None:
    story, at, path = Story(seed), T0, tmp_path / "store.db"
    store, asked = Store(path), 0

    def judge(tx: Tx) -> None:
        nonlocal asked
        asked += 1
        compare(tx.reader, Reader(str(path), tx.reader.connection), scrape.started_at, scrape.target, story.rng)
        if story.rng.random() < 0.03:
            raise GoneError

    for step in range(500):
        at += story.rng.choice([1.0, EVERY / 3, EVERY, EVERY])
        if step == 350 and seed % 2:
            at -= 400
        if story.rng.random() < 0.01:
            store.close()
            store = Store(path)
        scrape = story.scrape(at)
        with suppress(GoneError):
            store.record(scrape, judge)
    store.close()
    assert asked == 500


def test_what_is_past_every_window_is_dropped(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store.db")) as store:
        for step in range(2000):
            at = T0 + EVERY * step
            sample = m.CONSUMERS.sample(step, "d", "g")
            store.record(
                Scrape("t", "kafka", at, 0.1, Reading(samples=[sample])),
                lambda tx, at=at: [tx.reader.window("consumers", at - 60, at)].clear(),  # type: ignore[misc]
            )
        ((kept,),) = [one.series["t"].values() for one in store._recent.metrics.values()]

        assert len(kept.ats) < 100


def test_a_window_longer_than_any_that_is_kept_tells_what_changed_before_those(tmp_path: Path) -> None:
    hours, found = 7, list[list[Series]]()

    def judge(tx: Tx, at: float) -> None:
        if at > T0 + hours * 3600 - 600:  # as after a restart: nothing is kept before
            tx.reader.window("consumers", at - 60, at)
            found.append(tx.reader.window("consumers", at - hours * 3600, at, {"target": "t"}))

    with closing(Store(tmp_path / "store.db")) as store:
        for step in range(hours * 12):
            at = T0 + 300 * step
            reading = Reading([m.CONSUMERS.sample(5 if step < 40 else 9, "d", "g")])
            store.record(Scrape("t", "kafka", at, 0.1, reading), lambda tx, at=at: judge(tx, at))  # type: ignore[misc]

    ((last,),) = found[-1:]
    assert [value for _, value in last.points] == [5] * 40 + [9] * (hours * 12 - 40)


def test_a_window_of_a_while_ago_is_loaded_once_not_after_every_scrape(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store.db")) as store:
        held = set[int]()
        for step in range(300):
            at = T0 + EVERY * step
            sample = m.CONSUMERS.sample(step, "d", "g")
            store.record(
                Scrape("t", "kafka", at, 0.1, Reading(samples=[sample])),
                lambda tx, at=at: [tx.reader.window("consumers", at - 2100, at - 1800)].clear(),  # type: ignore[misc]
            )
            held.add(id(store._recent.metrics["consumers"]))

        assert len(held) == 1


def test_runs_are_the_points_that_they_stand_for() -> None:
    runs = Runs.of([1, 2, 3, 4, 5, 6], [7.0, float("nan"), 8.0, 7.0], [2, 3, 5, 6])

    assert list(runs) == [(1, 7.0), (2, 7.0), (4, 8.0), (5, 8.0), (6, 7.0)]
    assert [runs[at] for at in range(-5, 5)] == [*list(runs), *list(runs)]
    assert (len(runs), runs[1:3]) == (5, [(2, 7.0), (4, 8.0)])
