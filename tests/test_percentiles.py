"""Percentiles from bucket counts, as a table and as laws."""

from __future__ import annotations

import math
import random
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.handlers.geometry import BOUNDS
from monitor.percentiles import Increase, Percentile, merged, percentile, share_above

COUNTS = st.lists(st.integers(0, 1000), min_size=41, max_size=41).filter(any)
SHARES = st.floats(0, 1)


def increase(bounds: tuple[float, ...], *counts: float, **labels: str) -> Increase:
    return Increase(labels, bounds, counts, 1.0)


def found(bounds: tuple[float, ...], counts: tuple[float, ...], q: float) -> float:
    told = percentile(bounds, counts, q)
    assert told is not None
    return told.seconds


@pytest.mark.parametrize(
    ("counts", "q", "expected"),
    [
        ((0, 10, 0, 0), 0.5, math.sqrt(2)),  # the middle of 1 to 2, by the logarithm
        ((0, 10, 0, 0), 1.0, 2.0),
        ((0, 10, 10, 0), 0.5, 2.0),  # just on a bound
        ((0, 1, 0, 1), 0.5, 2.0),
        ((10, 0, 0, 0), 0.5, 0.5),  # from 0 on there is no logarithm: a straight line
        ((0, 0, 7, 0), 0.5, math.sqrt(8)),
    ],
)
def test_a_percentile_lies_where_the_events_do(counts: tuple[int, ...], q: float, expected: float) -> None:
    assert found((1.0, 2.0, 4.0), counts, q) == pytest.approx(expected)


def test_past_the_last_bound_it_is_at_least_that() -> None:
    assert percentile((1.0, 2.0), (1, 0, 9), 0.5) == Percentile(2.0, beyond=True)
    assert percentile((), (9,), 0.5) == Percentile(0.0, beyond=True)


def test_of_nothing_there_is_no_percentile_and_no_share() -> None:
    assert percentile((1.0, 2.0), (0, 0, 0), 0.5) is None
    assert share_above((1.0, 2.0), (0, 0, 0), 1.0) is None


def test_bounds_below_zero_are_taken_as_they_are() -> None:
    assert found((-2.0, 2.0), (0, 4, 0), 0.5) == pytest.approx(0.0, abs=1e-6)
    assert found((-2.0, 2.0), (4, 0, 0), 0.5) == -2.0


def test_a_percentile_is_a_share() -> None:
    with pytest.raises(ValueError, match="95 is not a share; expected 0 to 1"):
        percentile((1.0,), (1, 0), 95)


@given(COUNTS, SHARES, SHARES)
def test_a_higher_percentile_is_not_lower(counts: list[int], one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert found(BOUNDS, tuple(counts), low) <= found(BOUNDS, tuple(counts), high)


@given(COUNTS, st.floats(0, 1, exclude_min=True), st.sampled_from(BOUNDS))
def test_whether_it_is_above_a_bound_is_counted_and_not_guessed(counts: list[int], q: float, bound: float) -> None:
    told = percentile(BOUNDS, counts, q)
    below = sum(counts[: BOUNDS.index(bound) + 1])

    assert told is not None
    assert (told.seconds > bound or told.beyond) == (q * sum(counts) > below)


@given(COUNTS, st.floats(0.0001, 500))
def test_the_share_above_a_percentile_is_the_rest(counts: list[int], threshold: float) -> None:
    above = share_above(BOUNDS, counts, threshold)
    assert above is not None
    told = percentile(BOUNDS, counts, 1 - above)

    assert told is not None
    again = share_above(BOUNDS, counts, told.seconds)
    assert told.beyond or again == pytest.approx(above, abs=1e-6)


def test_what_lies_past_the_last_bound_counts_as_above_any_threshold() -> None:
    assert share_above((1.0, 2.0), (1, 0, 3), 100.0) == 0.75


@given(COUNTS, COUNTS, SHARES)
def test_a_percentile_of_two_lies_between_the_buckets_of_theirs(one: list[int], other: list[int], q: float) -> None:
    parts = [found(BOUNDS, tuple(counts), q) for counts in (one, other)]
    low, high = (bisect_left(BOUNDS, seconds) for seconds in (min(parts), max(parts)))
    together = merged([increase(BOUNDS, *one), increase(BOUNDS, *other)])

    assert low <= bisect_left(BOUNDS, found(together.bounds, together.counts, q)) <= high


def test_together_they_have_the_bounds_and_labels_that_all_have() -> None:
    one = increase((1.0, 2.0, 4.0), 1, 2, 3, 4, service="a", handler="x")
    other = increase((0.5, 2.0, 4.0, 8.0), 1, 1, 1, 1, 1, service="a", handler="y")
    idle = increase((3.0,), 0, 0, service="b")

    assert merged([one, other, idle]) == Increase({"service": "a"}, (2.0, 4.0), (5, 4, 6), 2.0)


def test_without_a_common_bound_only_their_number_is_known() -> None:
    together = merged([increase((1.0,), 1, 2), increase((3.0,), 1, 2)])

    assert (together.bounds, together.counts, together.total) == ((), (6,), 6)


def test_of_lognormal_durations_it_is_near_to_the_exact_one() -> None:
    rng = random.Random(1)
    errors = []
    for typical in (0.01, 0.1, 1.0, 10.0):
        events = sorted(rng.lognormvariate(math.log(typical), 0.5) for _ in range(4000))
        counts = [0] * (len(BOUNDS) + 1)
        for event in events:
            counts[bisect_left(BOUNDS, event)] += 1
        exact = {q: events[math.ceil(q * len(events)) - 1] for q in (0.5, 0.95, 0.99)}
        errors += [abs(found(BOUNDS, tuple(counts), q) - value) / value for q, value in exact.items()]

    assert max(errors) < 0.06
