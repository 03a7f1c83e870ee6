"""The agent: what it makes of a collector's answers, and how it stops."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from collectors import metrics as m
from collectors.base import CollectError, Finding, PartError, Reading, TargetSettings
from monitor.agent import Agent, scrape
from monitor.alerts.delivery import Deliverer
from monitor.alerts.engine import Engine
from monitor.alerts.routing import Alerting
from monitor.alerts.rules import default_rules, parse_rules
from monitor.exporter import Exporter
from monitor.itself import Tally
from monitor.store.writer import Reader, Store

TARGET = TargetSettings(name="orders", kind="fake", interval=0.05, timeout=1)


class FakeCollector:
    """Answers each collect by calling `answer`; notes what it was given back."""

    system = "fake"
    Settings = TargetSettings

    def __init__(self, answer: Callable[[], Reading]) -> None:
        self.answer = answer
        self.restored: Mapping[str, bytes] | None = None
        self.collected = threading.Semaphore(0)

    def collect(self, now: float, deadline: float) -> Reading:
        try:
            return self.answer()
        finally:
            self.collected.release()

    def restore(self, memory: Mapping[str, bytes]) -> None:
        self.restored = dict(memory)

    def check(self, deadline: float) -> list[Finding]:
        return []

    def close(self) -> None:
        pass


def reading() -> Reading:
    return Reading(
        samples=[m.MESSAGES_IN_TOTAL.sample(7, "orders")],
        histograms=[m.HANDLER_QUEUE_SECONDS.histogram((1.0,), (4, 1), 9.0, "s", "h", "orders", "g")],
        memory={"topic": b"timeline"},
    )


def gone() -> Reading:
    raise CollectError("cannot reach 127.0.0.1:1")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[FakeCollector], Agent]]:
    """Starts an agent over one collector; everything is stopped at the end."""
    agents: list[Agent] = []

    def start(collector: FakeCollector) -> Agent:
        store = Store(tmp_path / "store.db")
        agent = Agent(
            [(TARGET, collector)], store, Exporter(), Engine([], Alerting(), "http://c"), Deliverer(store, {})
        )
        agents.append(agent)
        agent.start()
        return agent

    yield start
    for agent in agents:
        agent.stop()


def cycles(collector: FakeCollector, count: int) -> None:
    for _ in range(count):
        assert collector.collected.acquire(timeout=5)


def test_a_failed_collect_has_an_error_and_no_samples() -> None:
    outcome = scrape(TARGET, FakeCollector(gone))

    assert outcome.error == "cannot reach 127.0.0.1:1"
    assert outcome.reading.samples == []


def test_a_fault_in_a_collector_is_caught_and_named() -> None:
    assert scrape(TARGET, FakeCollector(lambda: 1 / 0)).error == "ZeroDivisionError: division by zero"  # type: ignore[arg-type, return-value]


def test_collector_up_says_whether_the_last_collect_read_the_target() -> None:
    tally = Tally(15)
    for answer, up in ((reading, 1.0), (gone, 0.0)):
        outcome = scrape(TARGET, FakeCollector(answer))
        tally.add(outcome)

        assert m.COLLECTOR_UP.sample(up) in list(tally.shown(outcome))


def test_freshness_is_claimed_only_after_success() -> None:
    tally = Tally(15)
    tally.add(outcome := scrape(TARGET, FakeCollector(gone)))

    assert m.COLLECTOR_LAST_SUCCESS not in [sample.metric for sample in tally.shown(outcome)]


def test_failed_parts_are_counted_apart_from_failed_targets() -> None:
    tally = Tally(15)
    tally.add(outcome := scrape(TARGET, FakeCollector(lambda: Reading(errors=[PartError("topic a", "denied")]))))

    assert m.COLLECTOR_ERRORS_TOTAL.sample(1, "part") in list(tally.judged(outcome))
    assert m.COLLECTOR_ERRORS_TOTAL.sample(0, "target") in list(tally.judged(outcome))


def test_it_stores_and_exports_what_it_collects(run: Callable[[FakeCollector], Agent], tmp_path: Path) -> None:
    agent = run(collector := FakeCollector(reading))
    cycles(collector, 2)

    reader = Reader(tmp_path / "store.db")
    latest = [
        one for name in ("messages_in_total", "handler_queue_seconds") for one in reader.latest(name, time.time())
    ]

    assert [series.points[-1][1] for series in latest] == [7, 5]
    assert b'le="1.0"} 4' in agent.exporter.page.text
    assert b'eda_messages_in_total{target="orders",system="fake",destination="orders"} 7' in agent.exporter.page.text


def test_a_restarted_agent_gives_the_collector_its_memory_back(run: Callable[[FakeCollector], Agent]) -> None:
    first = run(before := FakeCollector(reading))
    cycles(before, 2)
    first.stop()

    run(after := FakeCollector(reading))
    cycles(after, 1)

    assert after.restored == {"topic": b"timeline"}


@pytest.mark.parametrize("fraction", [0.0, 0.2751, 0.2755, 0.2759, 0.9999])
def test_a_cycle_judges_what_it_has_just_read_whatever_the_clock_says(tmp_path: Path, fraction: float) -> None:
    store = Store(tmp_path / "store.db")
    agent = Agent(
        [(TARGET, collector := FakeCollector(Reading))],
        store, Exporter(), Engine(default_rules(), Alerting(), "http://c"), Deliverer(store, {}),
    )  # fmt: skip
    agent.take(scrape(TARGET, collector, lambda: 1_700_000_000 + fraction))
    collector.answer = lambda: Reading(samples=[m.DEAD_LETTERED_MESSAGES_TOTAL.sample(1, "dlq", "orders", "")])

    agent.take(scrape(TARGET, collector, lambda: 1_700_000_003 + fraction))

    reader = store.reader()
    assert [state.state for state in reader.alerts()] == ["firing"]
    reader.close()
    agent.stop()


def test_a_store_that_cannot_be_written_is_counted_and_the_figures_are_still_shown(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    agent = Agent(
        [(TARGET, collector := FakeCollector(reading))], store, Exporter(), Engine([], Alerting(), ""),
        Deliverer(store, {}),
    )  # fmt: skip
    holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    agent.take(scrape(TARGET, collector))

    page = agent.exporter.page.text
    holder.close()
    agent.stop()
    assert b'eda_store_errors_total{target="eda-monitor",system="eda-monitor"} 1' in page
    assert b"eda_messages_in_total" in page


def test_a_rule_that_fails_ends_no_reading_and_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("monitor.alerts.engine.evaluate", fails)
    rules = parse_rules('[[rules]]\nname = "Any"\nmetric = "messages_in_total"\nabove = 0', "test")
    store, engine = Store(tmp_path / "store.db"), Engine(rules, Alerting(), "")
    agent = Agent([(TARGET, collector := FakeCollector(reading))], store, Exporter(), engine, Deliverer(store, {}))

    agent.start()
    cycles(collector, 3)

    agent.stop()
    with closing(Reader(tmp_path / "store.db")) as reader:
        assert [one.points[-1][1] for one in reader.latest("messages_in_total", time.time())] == [7]
    assert [sample.value >= 2 for sample in engine.failures.samples()] == [True, False]
    assert agent.healthy


def test_what_was_read_is_stored_though_a_fault_keeps_it_from_being_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise TypeError("a belief of another release")

    monkeypatch.setattr(Engine, "judge", fails)
    store, engine = Store(tmp_path / "store.db"), Engine([], Alerting(), "")
    agent = Agent([(TARGET, collector := FakeCollector(reading))], store, Exporter(), engine, Deliverer(store, {}))

    agent.start()
    cycles(collector, 3)

    agent.stop()
    with closing(Reader(tmp_path / "store.db")) as reader:
        assert [one.points[-1][1] for one in reader.latest("messages_in_total", time.time())] == [7]
    assert not agent.healthy
    assert [sample.value >= 2 for sample in engine.failures.samples()] == [True]


def test_it_goes_on_after_failures(run: Callable[[FakeCollector], Agent]) -> None:
    run(collector := FakeCollector(gone))

    cycles(collector, 3)


def test_it_stops_within_five_seconds_of_a_collector_that_hangs(run: Callable[[FakeCollector], Agent]) -> None:
    release = threading.Event()
    began = threading.Event()

    def hang() -> Reading:
        began.set()
        release.wait(30)
        return Reading()

    agent = run(FakeCollector(hang))
    assert began.wait(5)
    before = time.monotonic()
    agent.stop()
    release.set()

    assert time.monotonic() - before < 5
