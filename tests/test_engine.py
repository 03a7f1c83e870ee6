"""What the engine reads when it judges a target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Reading, Sample, Scrape
from monitor.alerts.engine import TargetReadings
from monitor.store.reader import Reader, Series
from monitor.store.writer import Store

NOW = 1_700_000_000.0


class CountingReader(Reader):
    """Notes which windows are read."""

    windows: tuple[str, ...] = ()

    def window(self, metric: str, *arguments: object, **named: object) -> list[Series]:
        self.windows += (metric,)
        return super().window(metric, *arguments, **named)  # type: ignore[arg-type]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[CountingReader]:
    """Over a broker with a backlog, and an application that was read too."""
    with closing(Store(tmp_path / "store.db")) as store:
        store.record(scraped("kafka", m.BACKLOG_MESSAGES.sample(7, "orders", "billing")))
        store.record(scraped("app", m.HANDLER_IN_PROGRESS.sample(1, "shop", "charge", "orders", "billing")))
        with closing(CountingReader(tmp_path / "store.db")) as made:
            yield made


def scraped(target: str, *samples: Sample) -> Scrape:
    return Scrape(target, "test", NOW, 0.1, Reading(samples=list(samples)))


def test_what_the_target_never_had_is_not_read(reader: CountingReader) -> None:
    assert TargetReadings(reader, "app").window("backlog_messages", NOW - 60, NOW) == []

    assert reader.windows == ()


def test_over_all_targets_it_is_read(reader: CountingReader) -> None:
    (series,) = TargetReadings(reader, "app").window("backlog_messages", NOW - 60, NOW, everywhere=True)

    assert series.labels["target"] == "kafka"


def test_what_two_rules_want_is_read_once(reader: CountingReader) -> None:
    readings = TargetReadings(reader, "app")

    first, second = (readings.window("handler_in_progress", NOW - 60, NOW) for _ in range(2))

    assert first == second != []
    assert reader.windows == ("handler_in_progress",)


def test_whether_a_target_could_be_read_is_known_of_every_target(reader: CountingReader) -> None:
    (series,) = TargetReadings(reader, "app").latest("collector_up", NOW)

    assert (series.labels["target"], series.points) == ("app", [(NOW, 1.0)])
