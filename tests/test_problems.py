"""What is wrong, ranked by harm."""

from __future__ import annotations

import pytest

from monitor.alerts.rules import default_rules
from monitor.console.data import DeadLetterStore
from monitor.console.problems import HARMS, Harm, Problem, headline, problems, slope
from monitor.console.subjects import Subject
from monitor.store.reader import AlertState, TargetRow
from monitor.verdicts import Evidence

NOW = 10_000.0
UP = TargetRow("shop", "kafka", NOW, NOW, True, None, 0.1, 8, [], [])
DOWN = UP._replace(up=False, error="connection refused")
STOPPED = Evidence(backlog=1200, age=600, consumers=0, resting=300)
SLOW = Evidence(backlog=1200, age=600, rate_in=10, rate_out=8, consumers=2, mean=0.3, mean_before=0.1)
WELL = Evidence(backlog=0)
GROUP = ("shop", "orders", "billing")
BILLING = {"target": "shop", "destination": "orders", "group": "billing"}
LETTERS = DeadLetterStore("shop", "orders.dlq", "orders", 9, 4, 120, False, ())
AT_REST = DeadLetterStore("shop", "orders.dlq", "orders", 9, 0, 120, False, ())


def alert(rule: str, severity: str = "warning", state: str = "firing", **labels: str) -> AlertState:
    named = {"alertname": rule, "severity": severity, **labels}
    texts = {"summary": f"{rule} says so", "description": "Do it."}
    return AlertState(rule, rule, named, state, NOW - 100, NOW - 60, None, 1.0, texts, NOW)


def found(
    *alerts: AlertState,
    groups: dict[tuple[str, str, str], Evidence] | None = None,
    stores: tuple[DeadLetterStore, ...] = (),
    targets: tuple[TargetRow, ...] = (UP,),
    notes: dict[str, str] | None = None,
) -> list[Problem]:
    return problems(alerts, groups or {}, stores, targets, notes or {}, NOW)


def test_what_is_well_is_no_problem() -> None:
    assert found(groups={GROUP: WELL}, stores=(AT_REST,)) == []


def test_what_is_not_known_is_no_problem_of_its_own() -> None:
    assert found(groups={GROUP: Evidence()}) == []


def test_the_worst_harm_comes_first() -> None:
    ranked = found(
        alert("DeadLettersUnread", target="shop", destination="old.dlq"),
        alert("EventsLost", "critical", target="shop", destination="audit", group="archive"),
        groups={GROUP: STOPPED, ("shop", "payments", "ledger"): SLOW},
        stores=(LETTERS,),
        targets=(DOWN,),
    )

    assert [one.harm for one in ranked] == list(Harm)


def test_alerts_and_the_verdict_on_a_group_are_one_problem() -> None:
    (one,) = found(
        alert("ConsumerStopped", "critical", **BILLING), alert("BacklogAgeHigh", **BILLING), groups={GROUP: STOPPED}
    )

    assert [of.rule for of in one.alerts] == ["ConsumerStopped", "BacklogAgeHigh"]
    assert one.cause.startswith("No consumer reads it; 1,200 events wait")
    assert one.advice.startswith("Start its consumers")


def test_a_handler_joins_its_group() -> None:
    handler = {"target": "services", "service": "shop", "handler": "h", "destination": "orders"}

    (one,) = found(alert("HandlerSlow", **handler, group="billing"), groups={GROUP: SLOW})
    (other,) = found(alert("HandlerSlow", **handler, group=""), groups={GROUP: SLOW})

    assert one.subject == other.subject == Subject("consumers", tuple(BILLING.items()))


def test_a_handler_whose_group_is_well_stands_alone() -> None:
    (one,) = found(alert("HandlerSlow", service="shop", handler="h", destination="orders", group="x"))

    assert (one.subject.page, one.subject.name) == ("handlers", "shop on orders")


@pytest.mark.parametrize("labels", [{"destination": "orders.dlq"}, {"source": "orders"}])
def test_whatever_names_a_store_of_dead_letters_is_about_it(labels: dict[str, str]) -> None:
    (one,) = found(alert("Budget", target="shop", **labels), stores=(LETTERS,))

    assert one.subject.name == "orders.dlq (from orders)"
    assert one.cause == "4 came within 15 minutes; 9 wait, the oldest for 2 min, and nobody reads them."


def test_an_alert_on_something_else_tells_its_summary_and_what_to_do() -> None:
    (one,) = found(alert("ProducerSilent", target="shop", destination="orders"))

    assert (one.subject.page, one.cause, one.advice) == ("destinations", "ProducerSilent says so", "Do it.")


def test_a_target_that_cannot_be_read_tells_its_error() -> None:
    (one,) = found(alert("CollectorDown", "critical", target="shop"), targets=(DOWN,))

    assert (one.subject.page, one.cause) == ("targets", "connection refused")


@pytest.mark.parametrize(
    ("evidence", "since"),
    [(STOPPED, NOW - 300), (SLOW, NOW - 600), (Evidence(backlog=5, rate_in=2, rate_out=1), None)],
)
def test_without_an_alert_the_figures_tell_since_when(evidence: Evidence, since: float | None) -> None:
    assert found(groups={GROUP: evidence})[0].since == since


def test_what_nobody_is_told_of_says_why_and_comes_after_its_like() -> None:
    other = {**BILLING, "group": "audit"}

    first, second = found(alert("A", **BILLING), alert("B", "info", "pending", **other), notes={"A": "silenced"})

    assert (first.alerts[0].rule, second.alerts[0].rule) in {("A", "B"), ("B", "A")}
    assert {one.note for one in (first, second)} == {"silenced", ""}


def test_of_several_alerts_one_that_is_told_leaves_no_note() -> None:
    (one,) = found(alert("A", **BILLING), alert("B", **BILLING), notes={"A": "silenced"})

    assert one.note == ""


@pytest.mark.parametrize("name", HARMS)
def test_every_rule_that_is_named_ships(name: str) -> None:
    assert name in {rule.name for rule in default_rules()}


@pytest.mark.parametrize(
    ("points", "rise"),
    [
        ([(0, 10), (60, 16), (120, 22)], 6),
        ([(0, 0), (9000, 100), (9060, 90)], -10),
        ([(0, 5)], None),
        ([(0, 5), (5000, 9)], None),
    ],
)
def test_a_slope_is_the_rise_a_minute_of_late(points: list[tuple[float, float]], rise: float | None) -> None:
    assert slope(points) == rise


@pytest.mark.parametrize(
    ("ranked", "unknown", "sentence"),
    [
        ([], 0, "All is well: no alert fires, and every group keeps up."),
        ([], 3, "No alert fires; of 3 groups it is not known how they fare."),
        (found(groups={GROUP: STOPPED}), 0, "billing on orders stands still."),
        (found(stores=(LETTERS,)), 0, "Dead letters grow in orders.dlq (from orders)."),
        (
            found(stores=(LETTERS,), groups={GROUP: SLOW}, targets=(DOWN,)),
            0,
            "shop cannot be read; dead letters grow in orders.dlq (from orders); billing on orders is slow.",
        ),
        (
            found(groups={("shop", "orders", name): STOPPED for name in "abcd"}),
            0,
            "a on orders, b on orders and 2 more stand still.",
        ),
        (found(alert("ClockSkew", target="shop")), 0, "1 to be looked at."),
    ],
)
def test_the_sentence_names_the_worst(ranked: list[Problem], unknown: int, sentence: str) -> None:
    assert headline(ranked, [UP], unknown) == sentence


def test_a_long_name_does_not_fill_the_sentence() -> None:
    assert len(headline(found(groups={("shop", "o" * 500, "g"): STOPPED}), [UP])) < 80


def test_before_the_first_reading_nothing_is_called_well() -> None:
    assert headline([], []) == "No target has been read yet."
