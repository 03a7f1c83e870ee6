"""How many messages ever came into a queue, from two figures that are not of one moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.arrivals import Arrivals

#: (seconds, depth, taken out)
Reading = tuple[float, int, int | None]
PATIENCE = 20.0
LATER = PATIENCE + 1


def total(*readings: Reading, flicker: float | None = None) -> int:
    (_, depth, removed), *rest = readings
    count = Arrivals(depth, removed, 0, PATIENCE, flicker)
    for now, depth, removed in rest:
        count.note(now, depth, removed)
    return count.total


@pytest.mark.parametrize(
    ("readings", "arrived"),
    [
        ([(0, 0, 0), (5, 3, 0)], 3),
        ([(0, 0, 0), (5, 3, 0), (10, 3, 0)], 3),
        ([(0, 0, 0), (5, 3, 0), (10, 1, 2)], 3),
        ([(0, 0, 0), (5, 3, 0), (10, 4, 2), (LATER + 10, 4, 2)], 6),
    ],
    ids=["a rise", "no change", "taken out", "came and was taken out"],
)
def test_what_came_is_counted(readings: list[Reading], arrived: int) -> None:
    assert total(*readings) == arrived


@pytest.mark.parametrize(
    "readings",
    [
        [(0, 9, 0), (5, 4, 0), (10, 4, 5), (LATER, 4, 5), (2 * LATER, 4, 5)],
        [(0, 9, 0), (5, 9, 5), (10, 4, 5), (LATER, 4, 5), (2 * LATER, 4, 5)],
        [(0, 9, 0), (5, 9, 3), (10, 4, 3), (15, 4, 5), (2 * LATER, 4, 5)],
    ],
    ids=["the fall first", "the taking first", "in parts"],
)
def test_taking_out_is_no_arrival_whichever_figure_comes_first(readings: list[Reading]) -> None:
    assert total(*readings) == 0


def test_a_queue_that_shows_itself_empty_while_its_node_starts_gets_nothing_new() -> None:
    assert total((0, 9, 4), (5, 0, 0), (10, 9, 0), (LATER + 10, 9, 0)) == 0


def test_after_a_purge_the_next_arrivals_count() -> None:
    assert total((0, 9, 0), (5, 0, 0), (LATER + 5, 0, 0), (LATER + 10, 2, 0)) == 2


def test_a_counter_that_begins_anew_takes_nothing_away() -> None:
    assert total((0, 2, 7), (5, 2, 0), (LATER, 2, 0)) == 0


def test_without_statistics_rises_are_counted() -> None:
    assert total((0, 0, None), (5, 2, None), (10, 1, None), (LATER + 10, 1, None), (LATER + 15, 3, None)) == 4


def test_a_rise_long_after_an_unexplained_fall_is_an_arrival_at_once() -> None:
    assert total((0, 9, 0), (5, 4, 0), (15, 9, 0), flicker=8) == 5
    assert total((0, 9, 0), (5, 4, 0), (12, 9, 0), flicker=8) == 0


def test_what_explains_a_fall_later_is_not_counted_as_an_arrival_too() -> None:
    assert total((0, 9, 0), (5, 4, 0), (15, 9, 0), (18, 9, 5), (3 * LATER, 9, 5), flicker=8) == 5


def test_a_queue_that_was_deleted_comes_back_empty() -> None:
    count = Arrivals(5, 0, 5, PATIENCE)
    count.gone(10)
    count.note(20, 2, 0)

    assert count.total == 7


def test_a_restart_of_the_agent_loses_nothing() -> None:
    count = Arrivals.restored(Arrivals(5, 3, 8, PATIENCE).state(), PATIENCE)
    count.note(100, 7, 3)

    assert count.total == 10


steps = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30)


@given(steps, st.integers(0, 3), st.integers(0, 3), st.sampled_from([None, 5.0, 0.0]))
def test_however_late_the_two_figures_are_all_that_came_is_counted_once(
    moves: list[tuple[int, int]], depth_late: int, removed_late: int, flicker: float | None
) -> None:
    """Every step of 5 s some come and some are taken out; each figure is up to three steps behind."""
    depths, taken, came = [0], [0], 0
    for arriving, leaving in moves:
        leaving = min(leaving, depths[-1] + arriving)
        came += arriving
        depths.append(depths[-1] + arriving - leaving)
        taken.append(taken[-1] + leaving)
    settled = int(PATIENCE // 5) + 5
    depths += [depths[-1]] * settled
    taken += [taken[-1]] * settled
    count = Arrivals(0, 0, 0, PATIENCE, flicker)
    totals = [0]
    for step in range(1, len(depths)):
        count.note(5.0 * step, depths[max(0, step - depth_late)], taken[max(0, step - removed_late)])
        totals.append(count.total)

    assert count.total == came
    assert totals == sorted(totals)
