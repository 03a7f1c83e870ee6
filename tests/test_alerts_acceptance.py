"""What an alert engine must do, point by point. The names say the point; what is tested further is named here.

1 states                 test_rules (step), test_parity (against Prometheus)
2 fingerprints
3 grouping               test_alerts_acceptance_told, test_grouping
4 silences and the like  test_alerts_acceptance_told, test_suppression
5 one transaction        test_alerts_acceptance_told, test_alerts_killed
6 restart                test_alerts_killed
7 damping, limits        test_alerts_acceptance_told, test_grouping
8 clock, determinism
9 of the monitor itself  test_alerts_acceptance_told, test_rule_failures, test_agent
10 test and backtest     test_alerts_acceptance_told, test_trial, test_history
11 hostile texts         test_alerts_acceptance_told, test_texts, the notifiers
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telling import DOWN, NOW, SLOW, WAITING, Monitor

from monitor.alerts.rules import parse_rules
from monitor.alerts.states import fingerprint

ABSENT = """
[[rules]]
name = "Gone"
metric = "backlog_messages"
function = "absent"
for = "30s"
where = { destination = "orders" }
"""
JOINED = """
[[rules]]
name = "Joined"
metric = "backlog_messages"
by = ["target", "system", "destination"]
above = 0
severity = "critical"
[[rules.only_if]]
metric = "backlog_age_seconds"
on = ["destination"]
above = 5
"""
HOURS = 3 * 3600.0


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Any]:
    made: list[Monitor] = []

    def make(rules: str = WAITING, **more: Any) -> Monitor:
        made.append(Monitor(tmp_path / "store.db", rules, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_1_an_alert_is_pending_then_firing_then_resolved_with_the_time_of_each(monitor: Any) -> None:
    one = monitor(SLOW)
    for value in [1, 1, 1, 0, 0, 0, 0, 0]:
        one.set("orders", value)
        one.cycle()

    (state,) = one.alerts()
    assert (state.state, state.active_at, state.fired_at) == ("resolved", NOW + 15, NOW + 45)
    assert state.resolved_at == NOW + 120  # a minute after it was first seen to be false


def test_1_no_figures_are_not_a_resolution_while_the_target_cannot_be_read(monitor: Any) -> None:
    one = monitor(DOWN + WAITING)
    one.set("orders", 1)
    one.cycle()

    for _ in range(60):
        one.cycle(15, error="refused")
    assert one.states() == {"CollectorDown": "firing", "Waiting orders": "firing"}
    one.set("orders", 0)
    one.cycle()

    assert one.states() == {"CollectorDown": "resolved", "Waiting orders": "resolved"}


def test_1_what_is_gone_from_a_target_that_can_be_read_is_resolved(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.cycle()
    one.set("orders", None)

    one.cycle()

    assert one.states() == {"Waiting orders": "resolved"}


def test_1_an_alert_that_something_is_absent_keeps_its_state_though_it_has_no_target(monitor: Any) -> None:
    one = monitor(ABSENT, targets={"a": 15.0, "b": 15.0})
    for _ in range(4):
        one.cycle()
    assert one.states() == {"Gone orders": "firing"}
    one.set("orders", 1, "b")

    one.cycle()

    assert one.states() == {"Gone orders": "resolved"}


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ({"alertname": "A"}, "d2c6efc389df0927"),
        (
            {"alertname": "DeadLettersGrowing", "target": "orders", "source": "", "destination": "Ä.dlq"},
            "388d30b32299fe0c",
        ),
    ],
)
def test_2_a_fingerprint_is_the_one_that_alertmanager_gives(labels: dict[str, str], wanted: str) -> None:
    """Both were read from its API."""
    assert fingerprint(labels) == wanted


def test_6_a_pending_alert_goes_on_after_a_restart_and_the_time_between_does_not_count(monitor: Any) -> None:
    one = monitor(SLOW)
    one.set("orders", 1)
    one.cycle()
    one.restart(1000)
    one.cycle(0)
    assert one.states() == {"Slow orders": "pending"}

    one.cycle()

    assert one.states() == {"Slow orders": "firing"}


def test_6_a_pending_alert_begins_anew_after_an_outage_of_more_than_an_hour(monitor: Any) -> None:
    one = monitor(SLOW)
    one.set("orders", 1)
    one.cycle()
    one.cycle()
    one.restart(HOURS)
    one.cycle(0)
    one.cycle()
    assert one.states() == {"Slow orders": "pending"}

    one.cycle()

    assert one.states() == {"Slow orders": "firing"}


def test_6_keep_firing_for_does_not_run_out_while_nobody_looks(monitor: Any) -> None:
    one = monitor(SLOW)
    one.set("orders", 1)
    for _ in range(3):
        one.cycle()
    one.set("orders", 0)
    one.restart(HOURS)

    one.cycle(0)

    assert one.states() == {"Slow orders": "firing"}


def test_6_after_a_restart_nothing_is_told_of_a_target_that_has_not_been_read_yet(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.cycle()
    one.set("orders", 0)
    one.restart(5 * HOURS)

    one.tick()
    one.deliver()
    assert (one.states(), one.told()) == ({"Waiting orders": "firing"}, ["Waiting orders: firing"])
    one.cycle()

    assert one.told()[1:] == ["Waiting orders: resolved"]


def test_6_a_rule_over_all_targets_is_not_judged_before_all_have_been_read_again(monitor: Any) -> None:
    one = monitor(JOINED, targets={"a": 15.0, "b": 15.0})
    one.set("orders", 1)
    one.set("orders", 9, "b")
    one.cycle()
    one.restart(HOURS)

    one.cycle(0, "a")
    assert one.states() == {"Joined orders": "firing"}
    one.set("orders", 1, "b")
    one.cycle(0, "b")
    one.cycle(15, "a")

    assert one.states() == {"Joined orders": "resolved"}


def test_6_absence_is_not_claimed_before_all_targets_have_been_read_again(monitor: Any) -> None:
    one = monitor(ABSENT.replace("30s", "0s"), targets={"a": 15.0, "b": 15.0})
    one.set("orders", 1, "b")
    one.cycle()
    one.restart(HOURS)

    one.cycle(0, "a")
    one.cycle(0, "b")

    assert one.states() == {}


def test_6_a_rule_that_is_not_configured_any_more_is_resolved_and_that_is_told(monitor: Any) -> None:
    one = monitor(WAITING + SLOW)
    one.set("orders", 1)
    one.cycle()

    one.restart(60, rules=parse_rules(SLOW, "test"))
    one.cycle()

    assert one.states()["Waiting orders"] == "resolved"
    assert one.told() == ["Waiting orders: firing", "Waiting orders: resolved"]


def test_6_the_alerts_of_a_target_that_is_not_configured_any_more_are_resolved(monitor: Any) -> None:
    one = monitor(WAITING + SLOW, targets={"a": 15.0, "b": 15.0})
    one.set("orders", 1, "b")
    one.cycle()
    del one.targets["b"]

    one.restart(60)
    one.cycle()

    assert one.states() == {"Waiting orders": "resolved"}
    assert one.told()[-1] == "Waiting orders: resolved"


def test_6_the_alerts_of_a_store_that_an_older_program_wrote_keep_their_state(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.cycle()
    (state,) = one.alerts()
    one.store.change(lambda tx: tx.forget_alert(state.rule, state.fingerprint))
    one.store.change(lambda tx: tx.save_alert(replace(state, fingerprint="0123")))

    one.restart(60)
    one.cycle()

    assert one.alerts() == [replace(state, last_true_at=one.now)]


def test_6_a_resolution_that_was_not_told_yet_is_told_after_hours(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.cycle()
    one.set("orders", 0)
    one.cycle()
    assert one.told() == ["Waiting orders: firing"]

    one.restart(HOURS)
    one.cycle()

    assert one.told() == ["Waiting orders: firing", "Waiting orders: resolved"]


def test_7_flapping_is_damped_by_keep_firing_for(monitor: Any) -> None:
    one = monitor(SLOW.replace('"30s"', '"0s"'))
    for value in [1, 0, 0, 1, 0, 0, 1, 0, 0, 1]:
        one.set("orders", value)
        one.cycle()

    assert one.told() == ["Slow orders: firing"]


@pytest.mark.parametrize("jump", [-HOURS, HOURS])
def test_8_a_jump_of_the_clock_fires_resolves_and_tells_nothing(monitor: Any, jump: float) -> None:
    one = monitor(SLOW + WAITING.replace('"backlog_messages"', '"backlog_messages"\nwhere = { destination = "bills" }'))
    one.set("bills", 1)
    one.set("orders", 1)
    one.cycle()
    before = one.told()
    one.now += jump

    one.cycle()

    assert one.states() == {"Waiting bills": "firing", "Slow bills": "pending", "Slow orders": "pending"}
    assert one.told() == before


def test_8_after_a_jump_back_an_alert_fires_in_its_time(monitor: Any) -> None:
    one = monitor(SLOW)
    one.set("orders", 1)
    one.cycle()
    one.now -= HOURS
    one.cycle(0)
    one.cycle()
    one.cycle()

    assert one.states() == {"Slow orders": "firing"}


def test_8_what_was_decided_before_the_clock_went_back_is_sent_at_once(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.scrape()
    one.now -= HOURS

    one.tick()
    one.deliver()

    assert one.told() == ["Waiting orders: firing"]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.lists(st.sampled_from([0.0, 3.0, None]), min_size=1, max_size=25), at=st.integers(0, 24))
def test_8_a_restart_at_any_step_changes_no_message(
    tmp_path_factory: pytest.TempPathFactory, values: list[float | None], at: int
) -> None:
    told = []
    for restarts in (False, True):
        one = Monitor(tmp_path_factory.mktemp("m") / "store.db", WAITING + SLOW)
        for step, value in enumerate(values):
            if restarts and step == at:
                one.restart()
            one.set("orders", value)
            one.cycle()
        told.append([(at, message) for _, at, message in one.inbox["ops"]])
        one.close()

    assert told[0] == told[1]


FAR = """
[[rules.unless]]
metric = "redeliveries_total"
function = "increase"
window = "2h"
on = ["target"]
above = 0
"""


def test_a_rule_that_looks_back_for_hours_is_judged_once_a_minute(monitor: Any) -> None:
    one = monitor(WAITING + FAR)
    one.set("orders", 0)
    one.cycle()
    one.set("orders", 1)

    one.cycle()
    assert one.alerts() == []
    for _ in range(3):
        one.cycle()
    assert [state.state for state in one.alerts()] == ["firing"]
