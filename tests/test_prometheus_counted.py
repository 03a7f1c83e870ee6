"""From exposed buckets to what fell into them."""

from __future__ import annotations

import math

from collectors import metrics as m
from monitor.console.prometheus.api import Answer
from monitor.console.prometheus.counted import growth, standing, summed
from monitor.store.histograms import Standing

LABELS = {"target": "t", "system": "handlers", "service": "s", "handler": "h", "destination": "d", "group": "g"}
BOUNDS = (0.1, 1.0)


def stood(*counts: int) -> Standing:
    return Standing(BOUNDS, counts, float(sum(counts)))


def counted(found: list[tuple[float, Standing]]) -> list[tuple[float, tuple[int, ...]]]:
    return [(at, one.counts) for at, one in found]


def test_buckets_and_their_sum_are_one_histogram() -> None:
    name = m.HANDLER_QUEUE_SECONDS.exposed_name
    answers = [
        Answer({"__name__": f"{name}_bucket", **LABELS, "le": le}, [(10, count)])
        for le, count in (("+Inf", 9), ("1.0", 7), ("0.1", 2))
    ]
    answers.append(Answer({"__name__": f"{name}_sum", **LABELS}, [(10, 4.5)]))

    found = standing(m.HANDLER_QUEUE_SECONDS, answers, lambda _, points: points)

    assert found == [(LABELS, [(10, Standing(BOUNDS, (2, 5, 2), 4.5))])]


def test_a_sum_that_is_not_there_is_unknown() -> None:
    answer = Answer({"__name__": "eda_handler_queue_seconds_bucket", **LABELS, "le": "+Inf"}, [(10, 9)])

    ((_, ((_, one),)),) = standing(m.HANDLER_QUEUE_SECONDS, [answer], lambda _, points: points)

    assert math.isnan(one.sum)


def test_growth_is_told_from_the_reading_before_the_window_on() -> None:
    found = growth([(5, stood(1, 0, 0)), (15, stood(3, 1, 0)), (25, stood(3, 1, 0))], None, False, 10)

    assert counted(found) == [(15, (2, 1, 0)), (25, (0, 0, 0))]


def test_what_began_while_its_target_was_read_counts_from_0() -> None:
    assert counted(growth([(15, stood(3, 0, 0))], None, True, 10)) == [(15, (3, 0, 0))]


def test_what_is_there_at_the_first_reading_of_a_target_is_no_growth() -> None:
    found = growth([(15, stood(3, 0, 0)), (25, stood(4, 0, 0))], None, False, 10)

    assert counted(found) == [(25, (1, 0, 0))]


def test_what_comes_back_has_grown_in_its_absence() -> None:
    assert counted(growth([(15, stood(9, 0, 0))], stood(7, 0, 0), True, 10)) == [(15, (2, 0, 0))]


def test_a_count_that_fell_began_anew() -> None:
    found = growth([(5, stood(9, 0, 0)), (15, stood(2, 0, 0))], None, True, 10)

    assert counted(found) == [(15, (2, 0, 0))]


def test_growth_together_and_where_there_is_none() -> None:
    assert summed(LABELS, BOUNDS, [stood(1, 0, 0), stood(2, 0, 1)]) == (LABELS, BOUNDS, (3, 0, 1), 4.0)
    assert summed(LABELS, BOUNDS, [stood(0, 0, 0)]) == (LABELS, BOUNDS, (0, 0, 0), 0.0)
