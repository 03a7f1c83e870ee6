"""What functions make of points, beside what parity tells."""

from __future__ import annotations

from collectors.handlers.geometry import BOUNDS
from monitor.alerts.evaluation import Verdict
from monitor.alerts.functions import rising
from monitor.alerts.rules import Rule
from monitor.alerts.states import step

FLAP = Rule.model_validate({"name": "Flap", "metric": "consumers", "below": 1, "keep_firing_for": "30s"})


def test_a_bucket_that_seems_to_hold_less_than_nothing_holds_nothing() -> None:
    assert rising([1.0, 2.0, 3.0], [3.0, -1.0, 2.0, 4.0]) == (3.0, 0.0, 1.0, 4.0)


def test_a_bound_that_prometheus_is_not_told_raises_none_that_it_is_told() -> None:
    counts = [4.0, 6.0, -2.0, *[0.0] * (len(BOUNDS) - 2)]

    assert rising(BOUNDS, counts)[:4] == (4.0, 4.0, 0.0, 0.0)


def test_keep_firing_for_counts_from_the_first_time_that_the_condition_did_not_hold() -> None:
    verdict = ({"target": "t"}, Verdict({"target": "t"}, 0.0))
    state = step(FLAP, None, verdict, "f", 0.0)
    seen = []
    for now in (15.0, 30.0, 45.0, 60.0):
        state = step(FLAP, state, None, "f", now)
        assert state is not None
        seen.append(state.state)

    assert seen == ["firing", "firing", "resolved", "resolved"]
