"""What an alert tells of what changed around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import Histogram, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.alerts.changed import Around
from monitor.alerts.engine import Engine, TargetReadings
from monitor.alerts.links import dashboard_link
from monitor.alerts.routing import Alerting
from monitor.alerts.rules import default_rules
from monitor.derive import rate_text
from monitor.store.reader import Series
from monitor.store.writer import Store

NOW = 1_700_000_000.0
ORDERS = {"target": "kafka", "destination": "orders", "group": "shipping"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "s.db")) as store:
        yield store


def read(store: Store, ago: float, *samples: Sample, target: str = "kafka", counts: tuple[int, ...] = ()) -> None:
    labels = ("shop", "orders", "orders", "shipping", "ok")
    histograms = [Histogram(m.HANDLER_DURATION_SECONDS, labels, BOUNDS, counts, 1.0)] if counts else []
    store.record(Scrape(target, "kafka", NOW - ago, 0.1, Reading(samples=list(samples), histograms=histograms)))


def flow(into: float, out: float) -> list[Sample]:
    return [
        m.MESSAGES_IN_TOTAL.sample(into, "orders"),
        m.MESSAGES_OUT_TOTAL.sample(out, "orders", "shipping"),
        m.MESSAGES_OUT_TOTAL.sample(out * 9, "orders", "another"),
    ]


def handled(ok: float, failed: float) -> list[Sample]:
    pairs = (("ok", ok), ("failed", failed))
    return [m.HANDLER_EVENTS_TOTAL.sample(n, "shop", "orders", "orders", "shipping", outcome) for outcome, n in pairs]


def told(store: Store, labels: dict[str, str], target: str = "kafka") -> str:
    with closing(store.reader()) as reader:
        return Around(TargetReadings(reader, target), NOW).changed(labels)


def test_rates_are_told_with_what_they_were(store: Store) -> None:
    for ago, into, out in ((2000, 0, 0), (1900, 300, 300), (200, 1000, 600), (100, 2200, 600)):
        read(store, ago, *flow(into, out))

    assert told(store, ORDERS) == "in 12/s (was 3/s), out 0/s (was 3/s)"


def test_what_was_not_read_then_is_not_told(store: Store) -> None:
    for ago, into in ((200, 0), (100, 100)):
        read(store, ago, m.MESSAGES_IN_TOTAL.sample(into, "orders"))

    assert told(store, ORDERS) == "in 1/s"


def test_dead_letters_are_told_with_their_source(store: Store) -> None:
    for ago, into in ((200, 0), (100, 100)):
        read(store, ago, m.MESSAGES_IN_TOTAL.sample(into, "orders"), m.MESSAGES_IN_TOTAL.sample(0, "orders.dlq"))

    assert told(store, {"target": "kafka", "destination": "orders.dlq", "source": "orders"}) == "in 1/s"


def test_handlers_of_another_target_are_told(store: Store) -> None:
    for step, ago in enumerate((200, 100)):
        counts = [0] * (len(BOUNDS) + 1)
        counts[10] = 40 * step
        read(store, ago, *handled(30 * step, 10 * step), target="handlers", counts=tuple(counts))

    said = told(store, ORDERS)

    assert said.startswith("handler p95 ")
    assert said.endswith("handler fails 25.0%")


def test_a_handler_is_told_with_the_flow_of_what_it_reads(store: Store) -> None:
    for ago, into in ((200, 0), (100, 100)):
        read(store, ago, *flow(into, into))
        read(store, ago, *handled(into, 0), target="handlers")

    said = told(store, {**ORDERS, "target": "handlers", "service": "shop", "handler": "orders"}, "handlers")

    assert said == "in 1/s, out 1/s, handler fails 0.0%"


def test_of_destinations_of_the_same_name_in_two_brokers_no_flow_is_told(store: Store) -> None:
    for ago, into in ((200, 0), (100, 100)):
        read(store, ago, *flow(into, into))
        read(store, ago, *flow(into, into), target="another")
        read(store, ago, *handled(into, 0), target="handlers")

    assert told(store, {**ORDERS, "target": "handlers"}, "handlers") == "handler fails 0.0%"


def test_another_service_that_reads_the_same_is_not_told(store: Store) -> None:
    for ago, count in ((200, 0), (100, 40)):
        read(store, ago, *handled(count, count), target="handlers")

    assert told(store, {**ORDERS, "service": "another"}) == ""


def test_what_a_group_handles_goes_before_what_tells_no_group(store: Store) -> None:
    for ago, count in ((200, 0), (100, 40)):
        unknown = m.HANDLER_EVENTS_TOTAL.sample(count, "shop", "orders", "orders", "", "failed")
        read(store, ago, *handled(count, 0), unknown, target="handlers")

    assert told(store, ORDERS) == "handler fails 0.0%"


def test_what_several_groups_read_together_is_not_told(store: Store) -> None:
    for ago, into in ((200, 0), (100, 100)):
        read(store, ago, *flow(into, into))

    assert told(store, {"target": "kafka", "destination": "orders"}) == "in 1/s"


def test_nothing_is_read_before_an_alert_asks_and_then_each_thing_once(store: Store) -> None:
    class Counted(TargetReadings):
        read = 0

        def window(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Series]:
            self.read += 1
            return super().window(metric, start, end, everywhere)

    with closing(store.reader()) as reader:
        readings = Counted(reader, "kafka")
        around = Around(readings, NOW)
        assert readings.read == 0

        around.changed(ORDERS)
        first = readings.read
        around.changed({**ORDERS, "group": "another"})

    assert 0 < first == readings.read


@pytest.mark.parametrize(("rate", "text"), [(0, "0/s"), (0.254, "0.254/s"), (12.34, "12.3/s"), (12345.6, "12,346/s")])
def test_a_rate_is_told_in_figures_that_are_read_at_a_glance(rate: float, text: str) -> None:
    assert rate_text(rate) == text


def test_of_what_is_no_destination_nothing_is_told(store: Store) -> None:
    read(store, 100, *flow(1, 1))

    assert told(store, {"target": "kafka"}) == ""


def test_an_alert_keeps_what_was_told_when_it_began_to_fire(store: Store) -> None:
    engine = Engine(default_rules(), Alerting(grafana_url="http://g"), "")

    def judge(ago: float, dead: float, into: float) -> tuple[str, str]:
        samples = [
            m.DEAD_LETTERED_MESSAGES_TOTAL.sample(dead, "orders.dlq", "orders", ""),
            m.MESSAGES_IN_TOTAL.sample(into, "orders"),
        ]
        scrape = Scrape("kafka", "kafka", NOW - ago, 0.1, Reading(samples=samples))
        store.record(scrape, lambda tx: engine.judge(tx, scrape.started_at, "kafka"))
        with closing(store.reader()) as reader:
            texts = [one.annotations for one in reader.alerts() if one.rule == "DeadLettersGrowing"]
        return (texts[0]["changed"], texts[0]["dashboard_url"]) if texts else ("", "")

    then = dashboard_link(
        "http://g", {"target": "kafka", "destination": "orders.dlq", "source": "orders"}, "", NOW - 80
    )
    assert judge(100, 0, 0) == ("", "")
    assert judge(80, 5, 100) == ("in 5/s", then)
    assert judge(60, 9, 900) == ("in 5/s", then)
