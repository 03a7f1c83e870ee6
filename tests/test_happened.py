"""What changed of late."""

from __future__ import annotations

from monitor.console.happened import Event, about, happened
from monitor.store.reader import Series, Transition

BILLING = {"target": "shop", "destination": "orders", "group": "billing"}


def of(
    transitions: list[Transition] | None = None,
    consumers: list[Series] | None = None,
    born: list[Series] | None = None,
    up: list[Series] | None = None,
) -> list[Event]:
    return happened(transitions or [], consumers or [], born or [], up or [], since=100)


def changed(old: str, new: str, at: float = 200, severity: str = "critical") -> Transition:
    labels = {"alertname": "GroupStalled", "severity": severity, **BILLING}
    return Transition("GroupStalled", "f", labels, old, new, at, 1.0)


def test_alerts_that_began_and_ended_are_told_the_newest_first() -> None:
    told = of([changed("pending", "firing"), changed("firing", "resolved", 300)])

    assert [(one.text, one.is_bad, one.page) for one in told] == [
        ("GroupStalled is resolved: billing on orders", False, "consumers"),
        ("GroupStalled fires: billing on orders", True, "consumers"),
    ]


def test_what_never_fired_and_what_is_for_dead_man_s_switches_is_not_told() -> None:
    pending = [changed("", "pending"), changed("pending", "resolved")]

    assert of([*pending, changed("pending", "firing", severity="none")]) == []


def test_of_a_group_the_last_change_of_its_consumers_is_told() -> None:
    (one,) = of(consumers=[Series("consumers", BILLING, [(110, 3), (120, 2), (130, 0), (140, 0)])])

    assert (one.at, one.text, one.is_bad) == (130, "billing on orders: 2 → 0 consumers", True)


def test_the_first_dead_letters_are_told_if_they_came_of_late() -> None:
    labels = {"target": "shop", "destination": "orders.dlq", "source": "orders"}

    told = of(born=[Series("born", labels, [(500, at)]) for at in (50.0, 400.0)])

    assert [(one.at, one.text) for one in told] == [(400, "first dead letters in orders.dlq from orders")]


def test_a_target_that_was_lost_and_found_is_told_once() -> None:
    (one,) = of(up=[Series("collector_up", {"target": "shop"}, [(110, 1), (120, 0), (130, 1)])])

    assert (one.text, one.is_bad) == ("shop is read again", False)


def test_a_thing_is_called_by_what_names_it_best() -> None:
    assert about({"target": "mail", "node": "rabbit@a"}) == "rabbit@a"
    assert about({"target": "mail"}) == "mail"
