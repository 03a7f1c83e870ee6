"""What a receiver is told of a group, and when: a table of Alertmanager's deduplication, and the waits around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from telling import NOW, SLOW, WAITING, Monitor

from monitor.alerts.grouping import Reason, group_key, needs_update
from monitor.alerts.routing import Alerting, Receiver, Route, receivers_of
from monitor.store.ledger import Told

HOUR = 3600.0
OPS = Receiver("ops")


def entry(*firing: str, at: float = NOW) -> Told:
    return Told("ops", "{}", at, {fingerprint: {} for fingerprint in firing})


@pytest.mark.parametrize(
    ("before", "firing", "resolved", "later", "reason"),
    [
        (None, "a", "", 0, Reason.FIRST),
        (None, "", "a", 0, None),
        (entry(), "a", "", 0, Reason.FIRST),
        (entry(), "", "", 9 * HOUR, None),
        (entry("a"), "a", "", 0, None),
        (entry("a"), "ab", "", 0, Reason.NEW),
        (entry("a"), "b", "a", 0, Reason.NEW),
        (entry("a", "b"), "a", "b", 0, Reason.RESOLVED),
        (entry("a", "b"), "a", "", 0, None),
        (entry("a"), "", "a", 0, Reason.ALL_RESOLVED),
        (entry("a"), "a", "", 4 * HOUR - 1, None),
        (entry("a"), "a", "", 4 * HOUR, Reason.REPEAT),
    ],
)
def test_a_message_is_due_where_it_says_something_new(
    before: Told | None, firing: str, resolved: str, later: float, reason: Reason | None
) -> None:
    assert needs_update(before, firing, resolved, NOW + later, 4 * HOUR) is reason


def test_who_does_not_want_to_hear_of_a_resolution_is_not_told_while_others_fire() -> None:
    assert needs_update(entry("a", "b"), "a", "b", NOW, HOUR, send_resolved=False) is None


def test_no_value_of_a_label_makes_a_group_look_like_another() -> None:
    assert group_key({"a": 'x", b="y'}) != group_key({"a": "x", "b": "y"})


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"severity": "critical", "target": "a"}, ["ops", "pager"]),
        ({"severity": "warning", "target": "a"}, ["ops"]),
        ({"severity": "warning", "target": "test"}, []),
    ],
)
def test_the_first_route_that_matches_decides_unless_it_goes_on(labels: dict[str, str], names: list[str]) -> None:
    routes = (
        Route({"target": "=~test.*"}, ()),
        Route({"severity": "critical"}, ("pager",), continue_=True),
        Route({}, ("ops",)),
    )
    alerting = Alerting((OPS, Receiver("pager")), routes)

    assert [receiver.name for receiver in receivers_of(alerting, labels)] == names


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[Monitor]]:
    monitors: list[Monitor] = []
    yield monitors
    for monitor in monitors:
        monitor.close()


@pytest.fixture
def monitor(tmp_path: Path, made: list[Monitor]) -> Any:
    def make(rules: str = WAITING, alerting: Alerting | None = None, **more: Any) -> Monitor:
        made.append(Monitor(tmp_path / "store.db", rules, alerting, **more))
        return made[-1]

    return make


def test_the_first_critical_alert_is_told_in_the_cycle_that_sees_it(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)

    one.cycle()

    assert one.told() == ["Waiting orders: firing"]


def test_a_message_links_to_the_page_that_the_rule_names(monitor: Any) -> None:
    one = monitor(WAITING + 'page = "alerts"\n')
    one.set("orders", 1)

    one.cycle()

    ((_, _, message),) = one.inbox["ops"]
    assert message.alerts[0].console_url.startswith("http://console/alerts?target=a&destination=orders&at=")


def test_a_warning_waits_for_others_to_join(monitor: Any) -> None:
    one = monitor(SLOW.replace('"30s"', '"0s"'))
    one.set("orders", 1)
    one.cycle()
    assert one.told() == []
    one.set("bills", 1)

    one.cycle()

    assert one.told() == ["Slow orders: firing, Slow bills: firing"]


def test_alerts_of_one_rule_and_target_are_one_message(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.set("bills", 1)

    one.cycle()

    assert len(one.told()) == 1


def test_alerts_are_grouped_by_the_labels_that_are_asked_for(monitor: Any) -> None:
    one = monitor(alerting=Alerting((OPS,), group_by=("destination",)))
    one.set("orders", 1)
    one.set("bills", 1)

    one.cycle()

    assert sorted(one.told()) == ["Waiting bills: firing", "Waiting orders: firing"]


def test_what_joins_a_group_later_waits_for_the_group_interval(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.cycle()
    one.set("bills", 1)

    one.cycle(30)
    assert len(one.told()) == 1
    one.cycle(30)

    assert one.told()[1:] == ["Waiting orders: firing, Waiting bills: firing"]


def test_an_alert_that_flaps_within_the_group_interval_is_one_message_and_one_resolution(monitor: Any) -> None:
    one = monitor()
    for value in [1, 0, 1, 0, 1, 0, 0, 0]:
        one.set("orders", value)
        one.cycle(15)

    assert one.told() == ["Waiting orders: firing", "Waiting orders: resolved"]


def test_what_fires_and_resolves_before_it_is_told_is_told_to_nobody(monitor: Any) -> None:
    one = monitor(SLOW.replace('"30s"', '"0s"').replace('"60s"', '"0s"'))
    one.set("orders", 1)
    one.cycle(15)
    one.set("orders", 0)
    one.cycle(5)
    one.cycle(600)

    assert one.told() == []


def test_what_still_fires_is_told_again_after_the_repeat_interval(monitor: Any) -> None:
    one = monitor(alerting=Alerting((OPS,), repeat_interval=120))
    one.set("orders", 1)
    for _ in range(9):
        one.cycle(15)

    assert one.told() == ["Waiting orders: firing"] * 2


def test_a_receiver_that_wants_no_resolutions_hears_of_the_next_time(monitor: Any) -> None:
    one = monitor(alerting=Alerting((Receiver("ops", send_resolved=False),)))
    for value in [1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]:
        one.set("orders", value)
        one.cycle(30)

    assert one.told() == ["Waiting orders: firing"] * 2


def test_a_resolution_says_when(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.cycle()
    one.set("orders", 0)
    one.cycle(20)
    one.cycle(60)

    (_, _, message) = one.inbox["ops"][-1]
    (alert,) = message.alerts
    assert (alert.starts_at, alert.ends_at) == (NOW + 15, NOW + 35)


def test_a_message_names_so_many_alerts_and_counts_the_rest(monitor: Any) -> None:
    one = monitor(alerting=Alerting((OPS,), max_alerts=2))
    for destination in "abcde":
        one.set(destination, 1)

    one.cycle()

    (_, _, message) = one.inbox["ops"][0]
    assert (len(message.alerts), message.truncated) == (2, 3)
