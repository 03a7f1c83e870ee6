"""A rule that fails on a target ends neither the reading of the target nor the other rules; what it told stays told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from telling import INTERVAL, SLOW, WAITING, Monitor

from collectors.base import Sample
from monitor.alerts import backtest, engine
from monitor.alerts.evaluation import Verdict, evaluate
from monitor.alerts.rules import Rule
from monitor.store.writer import StoreError

Break = Callable[..., None]
FAULT = ZeroDivisionError("division by zero")


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Monitor]:
    made = Monitor(tmp_path / "store.db", WAITING + SLOW, targets={"a": INTERVAL, "b": INTERVAL})
    made.set("orders", 1)
    made.set("orders", 1, "b")
    yield made
    made.close()


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Break:
    """From now on, evaluating a rule on a target raises this; None: it works again."""

    def begin(rule: str, target: str, error: Exception | None = FAULT) -> None:
        def failing(judged: Rule, readings: engine.TargetReadings, now: float) -> list[Verdict]:
            if error is not None and (judged.name, readings.target) == (rule, target):
                raise error
            return evaluate(judged, readings, now)

        monkeypatch.setattr(engine, "evaluate", failing)

    return begin


def states(one: Monitor) -> dict[str, str]:
    return {f"{s.rule} {s.labels['target']}": s.state for s in one.alerts()}


def counted(samples: Sequence[Sample] | Iterator[Sample]) -> dict[str, float]:
    return {sample.labels[0]: sample.value for sample in samples}


def test_other_rules_and_other_targets_are_judged(one: Monitor, fail: Break) -> None:
    fail("Waiting", "a")

    one.cycle()

    assert states(one) == {"Slow a": "pending", "Waiting b": "firing", "Slow b": "pending"}


def test_the_alerts_of_the_rule_stay_as_they_are_until_it_can_be_judged_again(one: Monitor, fail: Break) -> None:
    one.cycle()
    fail("Waiting", "a")
    one.set("orders", 0)
    for _ in range(40):
        one.cycle()
    assert states(one)["Waiting a"] == "firing"
    fail("Waiting", "a", None)

    one.cycle()

    assert states(one)["Waiting a"] == "resolved"


def test_the_time_in_which_it_fails_does_not_count_for_its_alerts(one: Monitor, fail: Break) -> None:
    one.cycle()
    fail("Slow", "a")
    for _ in range(10):
        one.cycle()
    fail("Slow", "a", None)

    one.cycle()

    assert states(one)["Slow a"] == "pending"
    one.cycle()
    assert states(one)["Slow a"] == "firing"


def test_every_failure_is_counted_under_the_name_of_the_rule_and_none_is_0(one: Monitor, fail: Break) -> None:
    fail("Waiting", "a")
    for _ in range(3):
        one.cycle()

    assert counted(one.engine.failures.samples()) == {"Waiting": 3, "Slow": 0, "all rules": 0}


def test_it_is_told_once_in_the_log_without_a_traceback(
    one: Monitor, fail: Break, caplog: pytest.LogCaptureFixture
) -> None:
    fail("Waiting", "a")
    with caplog.at_level(logging.ERROR, "eda_monitor"):
        for _ in range(3):
            one.cycle()

    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [
        ("Waiting on target a: ZeroDivisionError: division by zero; alerts stay as they are", None)
    ]


def test_an_alert_fires_though_what_changed_cannot_be_told(one: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> str:
        raise ValueError("no span")

    monkeypatch.setattr(engine.Around, "changed", fails)

    one.cycle()

    assert states(one)["Waiting a"] == "firing"
    assert counted(one.engine.failures.samples())["Waiting"] == 2  # on each target


def test_a_store_that_cannot_be_read_is_no_fault_of_a_rule(one: Monitor, fail: Break) -> None:
    fail("Waiting", "a", StoreError("store.db: cannot be read"))

    with pytest.raises(StoreError):
        one.cycle()

    assert counted(one.engine.failures.samples()) == {"Waiting": 0, "Slow": 0, "all rules": 0}


def test_a_backtest_goes_on_with_the_other_rules(one: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12):
        one.cycle()
    while one.store.maintain(one.now):
        pass

    def failing(rule: Rule, readings: backtest.PastReadings, now: float) -> list[Verdict]:
        if rule.name == "Waiting":
            raise FAULT
        return evaluate(rule, readings, now)

    monkeypatch.setattr(backtest, "evaluate", failing)
    with closing(one.store.reader()) as reader:
        found = backtest.backtest(reader, one.rules, one.now - 600, one.now)

    assert {(episode.rule, episode.labels["target"]) for episode in found} == {("Slow", "a"), ("Slow", "b")}
