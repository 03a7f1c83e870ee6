"""What the figures say in words."""

from __future__ import annotations

import pytest

from monitor.derive import duration, latency, percentile_text
from monitor.percentiles import Percentile


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8, "8 s"), (99, "99 s"), (180, "3 min"), (7500, "2 h 5 min"), (7200, "2 h"), (3 * 86400, "3 d")],
)
def test_a_duration_is_said_as_a_person_says_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"), (0.00035, "0.35 ms"), (0.0085, "8.5 ms"), (0.085, "85 ms"), (0.0996, "100 ms"), (0.9994, "999 ms"),
        (0.9996, "1 s"), (1.44, "1.4 s"), (12.4, "12 s"), (99.4, "99 s"), (99.6, "100 s"), (724.0, "12 min"),
    ],
)  # fmt: skip
def test_a_latency_has_two_figures_and_its_unit(seconds: float, expected: str) -> None:
    assert latency(seconds) == expected


def test_a_percentile_past_the_last_bound_is_said_to_be_at_least_that() -> None:
    assert percentile_text(Percentile(724.077, beyond=True)) == "≥ 12 min"
    assert percentile_text(Percentile(0.085, beyond=False)) == "85 ms"
