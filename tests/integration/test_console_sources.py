"""The console's figures are the same from the store of an agent, from Prometheus, and from VictoriaMetrics."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import or_skip
from scripted import HOSTILE, Scripted, broker, handlers, lost
from typer.testing import CliRunner

from collectors.base import TargetSettings
from monitor.cli import app
from monitor.config import parse
from monitor.console import timelines
from monitor.console.data import Consumer, load_consumers, load_dead_letters
from monitor.console.evidence import evidence
from monitor.console.flows import load_destinations
from monitor.console.handling import Handling, handlings
from monitor.console.overview import load_overview
from monitor.console.place import Place
from monitor.console.prometheus.api import Api
from monitor.console.prometheus.source import PrometheusSource
from monitor.console.source import NotKnownError, Source
from monitor.console.timelines import lines
from monitor.console_source import SourceSettings
from monitor.demo import services
from monitor.demo.services import free_port
from monitor.service import start_agent
from monitor.store.reader import AlertState, Reader, TargetRow

pytestmark = pytest.mark.integration

RULES = Path(__file__).parents[2] / "dashboards/prometheus/alerts.yml"
SCRAPING = """
scrape_configs:
  - job_name: eda-monitor
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
PROMETHEUS = "global: {{scrape_interval: 400ms, evaluation_interval: 400ms}}\nrule_files: ['{rules}']" + SCRAPING
#: Twice, as by a pair: nothing may count twice.
VICTORIAMETRICS = (
    "global: {{scrape_interval: 400ms}}"
    + SCRAPING
    + SCRAPING.partition("scrape_configs:\n")[2].replace("job_name: ", "job_name: other-")
)
READINGS = 10


class Filled(NamedTuple):
    """The same readings in three places, and a time by which all of them have them."""

    store: Path
    prometheus: str
    victoriametrics: str
    now: float


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder, port = tmp_path_factory.mktemp("sources"), free_port()
    config = parse(f'[exporter]\nlisten = "127.0.0.1:{port}"', "test", folder)
    collectors = [
        Scripted("kafka", broker, READINGS),
        Scripted("handlers", handlers, READINGS),
        Scripted("rabbitmq", lost, READINGS),
    ]
    targets = [
        (TargetSettings(name=name, kind="kafka", interval=1.0), one)
        for name, one in zip(("orders", "handlers", "lost"), collectors, strict=True)
    ]
    prometheus = services.prometheus(PROMETHEUS.format(port=port, rules=RULES))
    victoriametrics = services.victoriametrics(VICTORIAMETRICS.format(port=port))
    with or_skip(prometheus) as one, or_skip(victoriametrics) as other:
        agent = start_agent(config, targets)
        try:
            for url in (one, other):
                until(lambda source: len(source.targets(time.time())) == len(targets), url)
            for collector in collectors:
                collector.begun.set()
            for collector in collectors:
                assert collector.over.wait(60), "the agent did not read all"
            with closing(Reader(config.store.path)) as reader:
                times = last_readings(reader)
            for url in (one, other):
                until(lambda source: last_readings(source) == times, url)
            yield Filled(config.store.path, one, other, round(time.time(), 3))
        finally:
            for collector in collectors:
                collector.end()
            agent.stop()


def api(url: str) -> PrometheusSource:
    return PrometheusSource(Api(SourceSettings(url=url)))


def last_readings(source: Source) -> dict[str, float | None]:
    return {row.name: row.last_success_at for row in source.targets(time.time())}


def until(holds: Callable[[Source], bool], url: str) -> None:
    end = time.monotonic() + 40
    while not holds(api(url)):
        assert time.monotonic() < end, f"{url} did not scrape the agent: {api(url).targets(time.time())}"
        time.sleep(0.3)


@pytest.fixture(params=["prometheus", "victoriametrics"])
def pair(request: pytest.FixtureRequest, filled: Filled) -> Iterator[tuple[Source, Source, float]]:
    """The store, an API, and the time of which both are asked."""
    with closing(Reader(filled.store)) as reader:
        yield reader, api(getattr(filled, request.param)), filled.now


def test_the_lists_of_consumers_are_the_same(pair: tuple[Source, Source, float]) -> None:
    store, other, now = pair

    expected, found = load_consumers(store, now), load_consumers(other, now)

    assert {one.group for one in expected} == {"billing", "mail", "archive"}
    assert [told_of(one) for one in found] == [told_of(one) for one in expected]


def told_of(one: Consumer) -> Consumer:
    return replace(one, handling=one.handling and without_percentiles(one.handling))


def without_percentiles(one: Handling) -> Handling:
    """Without what is told from the buckets, of which `/metrics` has every second one."""
    return replace(one, p50=None, p95=None, p99=None, queued=None)


def seconds(one: Handling) -> float:
    assert one.p95 is not None
    return one.p95.seconds


#: Of a histogram with more than 24 bounds `/metrics` has every second one, so its percentiles are a little off.
FEW_BOUNDS, MANY_BOUNDS = (HOSTILE, ""), ("orders", "billing")


def test_the_lists_of_dead_letters_are_the_same(pair: tuple[Source, Source, float]) -> None:
    store, other, now = pair

    found = load_dead_letters(other, now)

    assert found == load_dead_letters(store, now)
    assert [(one.destination, one.source, one.depth) for one in found] == [
        ("orders.DLT", "orders", 9), ("old.DLT", "", 3),
    ]  # fmt: skip


def test_the_lists_of_destinations_are_the_same(pair: tuple[Source, Source, float]) -> None:
    store, other, now = pair

    found = load_destinations(other, now)

    assert found == load_destinations(store, now)
    assert len(found) == 3


def test_what_handlers_did_is_the_same(pair: tuple[Source, Source, float]) -> None:
    store, other, now = pair

    expected, found = handlings(store, now), handlings(other, now)

    assert {key: without_percentiles(one) for key, one in found.items()} == {
        key: without_percentiles(one) for key, one in expected.items()
    }
    assert found[FEW_BOUNDS].p95 == expected[FEW_BOUNDS].p95 is not None
    assert found[MANY_BOUNDS].p95 != expected[MANY_BOUNDS].p95
    assert seconds(found[MANY_BOUNDS]) == pytest.approx(seconds(expected[MANY_BOUNDS]), rel=0.05)


def test_what_fell_into_buckets_is_the_same_over_resets_and_births(pair: tuple[Source, Source, float]) -> None:
    store, other, now = pair

    def told(source: Source) -> dict[tuple[str, ...], tuple[float, float]]:
        found = source.increases("handler_duration_seconds", now - 600, now)
        return {tuple(one.labels.values()): (one.total, one.sum) for one in found}

    assert told(other) == told(store)
    assert len(told(other)) == 3


def test_a_heatmap_is_the_same(pair: tuple[Source, Source, float]) -> None:
    store, other, now = pair

    def told(source: Source) -> list[tuple[tuple[str, ...], list[tuple[float, float]]]]:
        found = source.increase_trend("handler_duration_seconds", now - 60, now, 30)
        return sorted((tuple(labels.values()), [(at, one.total) for at, one in slots]) for labels, slots in found)

    assert told(other) == told(store)


def test_the_evidence_for_verdicts_is_the_same(pair: tuple[Source, Source, float]) -> None:
    store, other, now = pair

    found = evidence(other, now)

    assert found == evidence(store, now)
    assert found["orders", "orders", "billing"].failed_share is not None


PLACES = (
    (timelines.CONSUMERS, {"target": "orders", "destination": "orders", "group": "billing"}),
    (timelines.DESTINATIONS, {"target": "orders", "destination": "orders"}),
    (timelines.DEAD_LETTERS, {"target": "orders", "destination": "orders.DLT", "source": "orders"}),
    (timelines.HANDLERS, {"destination": "orders", "group": "billing"}),
)


@pytest.mark.parametrize("span", ["15m", "1h"])
@pytest.mark.parametrize(("panels", "labels"), PLACES, ids=["consumers", "destinations", "dead letters", "handlers"])
def test_charts_are_the_same(
    pair: tuple[Source, Source, float],
    panels: tuple[timelines.Panel, ...],
    labels: dict[str, str],
    span: str,
) -> None:
    store, other, now = pair
    place = Place(tuple(labels.items()), span=span)

    shown = {panel.title: lines(other, panel, place, now) for panel in panels}

    assert shown == {panel.title: lines(store, panel, place, now) for panel in panels}
    assert any(shown.values())


def test_targets_are_the_same_but_for_the_names_of_what_went_wrong(pair: tuple[Source, Source, float]) -> None:
    store, other, now = pair

    def told(row: TargetRow) -> object:
        reasons = [one.reason for one in row.skipped]
        seconds = row.duration_seconds and round(row.duration_seconds, 9)
        return row.name, row.system, row.last_success_at, row.up, seconds, row.requests, reasons, len(row.errors)

    found = other.targets(now)

    assert [told(row) for row in found] == [told(row) for row in store.targets(now)]
    assert "its agent's log" in str({one.name: one.error for one in found}["lost"])


def test_prometheus_tells_the_alerts_that_the_agent_has(filled: Filled) -> None:
    with closing(Reader(filled.store)) as store:
        expected, other = load_overview(store, filled.now), api(filled.prometheus)
        found = load_overview(other, filled.now)

        assert {one.rule for one in expected.alerts} >= {"DeadLettersGrowing", "CollectorDown"}
        assert [told(one) for one in sorted(found.alerts, key=name)] == [
            told(one) for one in sorted(expected.alerts, key=name)
        ]
        assert found.sentence == expected.sentence
        assert found.unknown == ("notifications", "changes of alerts")
        for one in found.alerts:
            (same,) = [alert for alert in expected.alerts if alert.fingerprint == one.fingerprint]
            assert one.active_at == pytest.approx(same.active_at, abs=3)


def name(one: AlertState) -> tuple[str, str]:
    return one.rule, one.fingerprint


def told(one: AlertState) -> tuple[str, str, str, str]:
    """Without the percentile that Prometheus reckons in its own way."""
    return one.rule, one.fingerprint, one.state, "" if one.rule == "HandlerSlow" else one.annotations["summary"]


def test_victoriametrics_alone_evaluates_no_rules_so_alerts_are_unknown(filled: Filled) -> None:
    source = api(filled.victoriametrics)

    assert load_overview(source, filled.now).unknown == ("alerts", "notifications", "changes of alerts")
    assert "alerts are unknown" in load_overview(source, filled.now).sentence
    with pytest.raises(NotKnownError, match="not even Watchdog"):
        source.alerts()


def test_the_overview_for_the_terminal_reads_the_api_too(filled: Filled, tmp_path: Path) -> None:
    file = tmp_path / "eda-monitor.toml"
    file.write_text(f'[console]\nsource = "{filled.prometheus}"\n')

    done = CliRunner().invoke(app, ["status", "--json", "--config", str(file)])

    assert done.exit_code == 0, done.output
    assert {one["group"] for one in json.loads(done.stdout)["consumers"]} == {"billing", "mail", "archive"}
