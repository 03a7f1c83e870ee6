"""What alerts were when."""

from __future__ import annotations

import pytest

from monitor.console.history import Span, spans
from monitor.store.ledger import Silence
from monitor.store.reader import AlertState, Transition

LABELS = {"alertname": "GroupStalled", "severity": "critical", "target": "shop", "destination": "orders", "group": "g"}
NAME = "GroupStalled: g on orders"


def changed(old: str, new: str, at: float, severity: str = "critical") -> Transition:
    return Transition("GroupStalled", "f", {**LABELS, "severity": severity}, old, new, at, 1.0)


def standing(state: str, since: float) -> AlertState:
    return AlertState("GroupStalled", "f", LABELS, state, since - 60, since, None, 1.0, {}, since)


def silence(begin: float, end: float, group: str = "g") -> Silence:
    return Silence(1, {"group": f"={group}"}, begin, end, "maria", "", begin)


def of(*transitions: Transition, alerts: tuple[AlertState, ...] = (), silences: tuple[Silence, ...] = ()) -> list[Span]:
    return spans(transitions, alerts, silences, 100, 200)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ([("resolved", "pending", 120)], [("pending", 120, 200)]),
        ([("pending", "firing", 130)], [("pending", 100, 130), ("firing", 130, 200)]),
        ([("firing", "resolved", 150)], [("firing", 100, 150)]),
        (
            [("firing", "resolved", 120), ("resolved", "firing", 150)],
            [("firing", 100, 120), ("firing", 150, 200)],
        ),
        ([("", "firing", 200)], []),
    ],
)
def test_between_its_changes_an_alert_is_what_it_was(
    changes: list[tuple[str, str, float]], parts: list[tuple[str, float, float]]
) -> None:
    assert of(*(changed(*one) for one in changes)) == [Span(NAME, *part) for part in parts]


def test_what_did_not_change_stands_all_the_time() -> None:
    assert of(alerts=(standing("firing", 50),)) == [Span(NAME, "firing", 100, 200)]


def test_what_was_resolved_before_is_not_shown() -> None:
    assert of(alerts=(standing("resolved", 50),)) == []


def test_a_dead_man_s_switch_is_not_shown() -> None:
    assert of(changed("", "firing", 150, "none")) == []


def test_while_a_silence_is_met_it_is_silenced() -> None:
    told = of(changed("", "firing", 120), silences=(silence(140, 160),))

    assert told == [
        Span(NAME, "firing", 120, 140),
        Span(NAME, "silenced", 140, 160),
        Span(NAME, "firing", 160, 200),
    ]


def test_a_silence_of_another_alert_changes_nothing() -> None:
    assert of(changed("", "firing", 120), silences=(silence(140, 160, "other"),)) == [Span(NAME, "firing", 120, 200)]


def test_one_silence_after_the_other_parts_it_twice() -> None:
    told = of(changed("", "firing", 120), silences=(silence(160, 170), silence(130, 140)))

    assert [(one.state, one.begin, one.end) for one in told] == [
        ("firing", 120, 130),
        ("silenced", 130, 140),
        ("firing", 140, 160),
        ("silenced", 160, 170),
        ("firing", 170, 200),
    ]
