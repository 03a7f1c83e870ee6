"""What is the matter with a group, and why."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.verdicts import ConsumerVerdict, Evidence, Kind, busy, drained_in, verdict

#: A group that is behind, with all figures as they were half an hour ago.
BEHIND = Evidence(
    backlog=1200, age=600, rate_in=10, rate_in_before=10, rate_out=8, consumers=2, group_state=3, mean=0.1,
    resting=0, mean_before=0.1, failed_share=0.0, retention_margin=86400,
)  # fmt: skip


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        (Evidence(), Kind.UNKNOWN),
        (replace(BEHIND, backlog=None), Kind.UNKNOWN),
        (replace(BEHIND, backlog=0, consumers=0), Kind.WELL),
        (replace(BEHIND, backlog=0, rate_in=0), Kind.IDLE),
        (replace(BEHIND, backlog=0, rate_in=None), Kind.WELL),
        (replace(BEHIND, age=5), Kind.WELL),
        (BEHIND, Kind.BEHIND),
        (replace(BEHIND, consumers=0, resting=60), Kind.STOPPED),
        (replace(BEHIND, consumers=0, resting=None), Kind.STOPPED),
        (replace(BEHIND, consumers=0, age=2400, resting=600, retention_margin=600), Kind.EXPIRING),
        (replace(BEHIND, age=2400, retention_margin=600, rate_out=20), Kind.DRAINING),
        (replace(BEHIND, retention_margin=60, rate_out=20), Kind.EXPIRING),
        (replace(BEHIND, group_state=5), Kind.REBALANCING),
        (replace(BEHIND, resting=120), Kind.STALLED),
        (replace(BEHIND, resting=119), Kind.BEHIND),
        (replace(BEHIND, resting=600, consumers=None), Kind.BEHIND),
        (replace(BEHIND, rate_out=30), Kind.DRAINING),
        (replace(BEHIND, mean=0.3), Kind.SLOW_HANDLER),
        (replace(BEHIND, mean=0.3, mean_before=None, rate_out=6), Kind.TOO_FEW),
        (replace(BEHIND, rate_in=40), Kind.BURST),
        (replace(BEHIND, rate_in=40, rate_in_before=None), Kind.TOO_FEW),
        (replace(BEHIND, rate_in=40, rate_in_before=0), Kind.TOO_FEW),
        (Evidence(backlog=5), Kind.UNKNOWN),
        (replace(BEHIND, age=None, rate_out=None), Kind.UNKNOWN),
        (replace(BEHIND, consumers=0, resting=5), Kind.BEHIND),
        (replace(BEHIND, resting=600, age=3), Kind.WELL),
        (replace(BEHIND, resting=600, age=None), Kind.BEHIND),
        (replace(BEHIND, rate_out=10.001, mean=0.5), Kind.SLOW_HANDLER),
        (replace(BEHIND, age=20, retention_margin=1780), Kind.WELL),
        (replace(BEHIND, age=1600, retention_margin=200), Kind.EXPIRING),
        (replace(BEHIND, age=None, retention_margin=200), Kind.EXPIRING),
        (replace(BEHIND, age=2, group_state=5), Kind.WELL),
        (Evidence(backlog=5, rate_in=2, rate_out=1), Kind.BEHIND),
    ],
)
def test_the_worst_that_holds_is_the_verdict(evidence: Evidence, kind: Kind) -> None:
    assert verdict(evidence).kind is kind


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        (replace(BEHIND, consumers=0, resting=60), "No consumer reads it; 1,200 events wait, the oldest for 10 min."),
        (
            replace(BEHIND, resting=300, failed_share=1.0, reason="Timeout"),
            "The same events fail again and again with Timeout; 1,200 events wait, the oldest for 10 min, and"
            " nothing is finished.",
        ),
        (
            replace(BEHIND, mean=0.3, rate_out=6),
            "A call takes 300 ms, half an hour ago 100 ms; 10 a second arrive, and 2 consumers at 300 ms a call"
            " can do 6.67.",
        ),
        (
            replace(BEHIND, rate_out=20),
            "1,200 events wait, and 20 a second leave and 10 a second arrive: done in about 2 min.",
        ),
        (
            replace(BEHIND, failed_share=0.4, reason="ValueError"),
            "1,200 events wait, the oldest for 10 min; 8 a second leave and 10 a second arrive; 40% of its calls fail"
            " with ValueError.",
        ),
    ],
)
def test_the_cause_is_told_with_its_figures(evidence: Evidence, cause: str) -> None:
    assert verdict(evidence).cause == cause


@pytest.mark.parametrize(
    ("evidence", "kinds"),
    [
        (BEHIND, []),
        (replace(BEHIND, mean=0.3, rate_out=6), [Kind.SLOW_HANDLER, Kind.TOO_FEW]),
        (replace(BEHIND, mean=0.3, rate_out=6, group_state=5), [Kind.REBALANCING, Kind.SLOW_HANDLER, Kind.TOO_FEW]),
        (replace(BEHIND, consumers=0, resting=600, retention_margin=60), [Kind.EXPIRING, Kind.STOPPED]),
        (replace(BEHIND, rate_in=40, mean=0.2, rate_out=6), [Kind.SLOW_HANDLER, Kind.BURST, Kind.TOO_FEW]),
        (replace(BEHIND, rate_out=30, resting=300), [Kind.STALLED]),
    ],
)
def test_of_several_causes_all_are_named(evidence: Evidence, kinds: list[Kind]) -> None:
    said = verdict(evidence)

    assert [said.kind, *(kind for kind, _ in said.also)] == (kinds or [Kind.BEHIND])


def test_what_the_first_cause_tells_is_not_told_twice() -> None:
    said = verdict(replace(BEHIND, mean=0.3, group_state=5, rate_out=6))

    assert said.also_text == (
        "Also slow handler: A call takes 300 ms, half an hour ago 100 ms; 10 a second arrive, and 2 consumers at"
        " 300 ms a call can do 6.67. Also too few consumers."
    )
    assert verdict(replace(BEHIND, mean=0.3, rate_out=6)).also_text == "Also too few consumers."


def test_what_arrives_times_what_a_call_takes_is_how_many_consumers_are_busy() -> None:
    assert busy(Evidence(rate_in=10, mean=0.1, consumers=2)) == 0.5


def test_who_handles_several_at_once_is_not_said_to_be_too_few() -> None:
    assert busy(Evidence(rate_in=400, rate_out=390, mean=1.0, consumers=2)) is None


def test_a_failure_now_and_then_is_no_poison() -> None:
    said = verdict(replace(BEHIND, resting=300, failed_share=0.001))

    assert said.cause == "Nothing is finished, with 2 consumers; 1,200 events wait, the oldest for 10 min."


def test_a_backlog_that_does_not_fall_is_never_done() -> None:
    assert drained_in(Evidence(backlog=100, rate_in=5, rate_out=5)) is None


NUMBERS = st.none() | st.sampled_from([0.0, 0.5, 5.0]) | st.floats(0, 1e9)
EVIDENCE = st.builds(Evidence, **{one.name: NUMBERS for one in fields(Evidence) if one.name != "reason"})


@given(EVIDENCE)
def test_every_evidence_has_a_verdict_without_a_figure_that_is_unknown(one: Evidence) -> None:
    said: ConsumerVerdict = verdict(one)

    assert said.cause.endswith(".")
    assert "None" not in said.cause + said.advice
    assert "nan" not in said.cause


@given(EVIDENCE)
def test_what_is_unknown_is_never_called_well(one: Evidence) -> None:
    assert verdict(replace(one, backlog=None)).kind is Kind.UNKNOWN


def test_one_event_waits_and_two_wait() -> None:
    assert "1 event waits" in verdict(Evidence(backlog=1, consumers=2, rate_out=1, rate_in=1)).cause
    assert "2 events wait" in verdict(Evidence(backlog=2, consumers=2, rate_out=1, rate_in=1)).cause
