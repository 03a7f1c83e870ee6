"""Suppressed alerts keep their state, are seen with the reason, and are told when the suppression ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
from telling import DOWN, NOW, SLOW, WAITING, Monitor

from monitor.alerts.inhibition import inhibitor, inhibitors
from monitor.alerts.maintenance import is_open
from monitor.alerts.routing import Alerting, Receiver, Window
from monitor.store.reader import AlertState

OPS = (Receiver("ops"),)


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Any]:
    made: list[Monitor] = []

    def make(rules: str = WAITING, alerting: Alerting | None = None, **more: Any) -> Monitor:
        made.append(Monitor(tmp_path / "store.db", rules, alerting, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def silenced(one: Monitor, seconds: float, **matchers: str) -> None:
    one.store.change(lambda tx: tx.add_silence(matchers, one.now, one.now + seconds, "eva", "moving", one.now) and None)


def test_a_silenced_alert_fires_is_seen_with_the_reason_and_told_when_the_silence_has_expired(monitor: Any) -> None:
    one = monitor()
    silenced(one, 60, destination="=~ord.*")
    one.set("orders", 1)
    one.cycle()
    assert (one.states(), one.told()) == ({"Waiting orders": "firing"}, [])
    assert list(one.suppressed().values()) == ["silence 1 by eva: moving"]

    one.cycle(60)

    assert (one.told(), one.suppressed()) == (["Waiting orders: firing"], {})


def test_what_is_gone_is_not_suppressed_any_more(monitor: Any) -> None:
    one = monitor(SLOW)
    silenced(one, 600, destination="orders")
    one.set("orders", 1)
    one.cycle()
    assert len(one.suppressed()) == 1
    one.set("orders", 0)

    one.cycle()

    assert (one.states(), one.suppressed()) == ({}, {})


def test_what_was_told_before_the_silence_is_not_told_again_after_it(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.cycle()
    silenced(one, 60, destination="orders")

    for _ in range(8):
        one.cycle(30)

    assert one.told() == ["Waiting orders: firing"]


def test_the_resolution_of_what_was_told_is_told_in_a_silence_too(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.cycle()
    silenced(one, 3600, destination="orders")
    one.set("orders", 0)

    one.cycle(90)

    assert one.told() == ["Waiting orders: firing", "Waiting orders: resolved"]


def test_what_fires_and_resolves_in_a_silence_is_told_to_nobody(monitor: Any) -> None:
    one = monitor()
    silenced(one, 600, destination="orders")
    for value in [1, 0, 0]:
        one.set("orders", value)
        one.cycle(300)

    assert one.told() == []


def test_an_acknowledged_alert_is_not_repeated_until_it_resolves(monitor: Any) -> None:
    one = monitor(alerting=Alerting(OPS, repeat_interval=120))
    one.set("orders", 1)
    one.cycle()
    (state,) = one.alerts()
    one.store.change(lambda tx: tx.acknowledge(state.rule, state.fingerprint, "eva", "", one.now) and None)
    for _ in range(20):
        one.cycle(30)
    assert one.told() == ["Waiting orders: firing"]

    for value in [0, 0, 0, 1, 1, 1, 1, 1]:
        one.set("orders", value)
        one.cycle(30)

    assert one.told()[1:] == ["Waiting orders: resolved", *["Waiting orders: firing"] * 2]


def test_in_maintenance_nothing_is_told(monitor: Any) -> None:
    window = Window("move", {"target": "a"}, starts_at=NOW, ends_at=NOW + 60)
    one = monitor(alerting=Alerting(OPS, windows=(window,)))
    one.set("orders", 1)
    one.cycle()
    assert (one.told(), list(one.suppressed().values())) == ([], ["maintenance move"])

    one.cycle(45)

    assert one.told() == ["Waiting orders: firing"]


NIGHT = Window("n", {}, days=frozenset({5}), start=time(23), end=time(2), timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("2026-03-28T21:59", False),
        ("2026-03-28T22:00", True),  # Saturday 23:00 in Berlin
        ("2026-03-29T00:59", True),  # 01:59; at 02:00 the clocks there are put to 03:00
        ("2026-03-29T01:00", False),
        ("2026-03-29T22:30", False),
    ],
)
def test_a_weekly_window_follows_the_clock_of_its_zone_past_midnight_and_into_summer_time(at: str, found: bool) -> None:
    assert is_open(NIGHT, datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()) is found


def alert(rule: str, severity: str, target: str = "a", **labels: str) -> AlertState:
    labels = {"alertname": rule, "severity": severity, "target": target, **labels}
    return AlertState(rule, rule, labels, "firing", NOW, NOW, None, 1.0, {}, NOW)


DEAD = alert("Dead", "critical", destination="x")
BLIND = alert("CollectorDown", "critical")
OWN = frozenset({"CollectorDown", "CollectorSlow"})


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (alert("Slow", "warning", destination="x"), DEAD, True),
        (alert("Slow", "warning", destination="y"), DEAD, False),
        (alert("Slow", "warning", "b", destination="x"), DEAD, False),
        (alert("Slow", "warning"), alert("NodeDown", "critical"), False),
        (alert("Slow", "info", destination="x"), DEAD, False),
        (alert("Slow", "warning", destination="x", group="g"), DEAD, True),
        (alert("S", "warning", destination="x", group="g"), alert("T", "critical", destination="x", group="h"), False),
        (DEAD, BLIND, True),
        (alert("Dead", "critical", "b"), BLIND, False),
        (alert("CollectorSlow", "warning"), BLIND, False),
        (BLIND, BLIND, False),
    ],
)
def test_what_makes_an_alert_superfluous_suppresses_it(one: AlertState, other: AlertState, found: bool) -> None:
    assert (inhibitor(one, inhibitors([other]), OWN) is not None) is found


def test_alerts_of_a_target_that_cannot_be_read_are_told_when_it_can_be_read_and_they_still_fire(monitor: Any) -> None:
    one = monitor(DOWN + WAITING)
    one.cycle(15, error="refused")
    one.set("orders", 1)
    one.cycle(15)
    one.cycle(15, error="refused")
    one.cycle(15)

    assert one.told() == ["CollectorDown : firing", "Waiting orders: firing"]


def test_an_inhibited_alert_is_seen_with_what_inhibits_it(monitor: Any) -> None:
    one = monitor(DOWN + WAITING)
    one.set("orders", 1)
    one.cycle()
    one.cycle(15, error="refused")

    assert list(one.suppressed().values()) == ["inhibited by CollectorDown"]
