"""Counters made from the period sums of a metrics service."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from collectors.sums import Key, Sums, Window

PERIOD, LATENESS, REACH = 60, 300, 3 * 3600
BEGAN = 1_700_000_040  # a whole minute
SENT: Key = ("messages_in_total", "orders")
FAILED: Key = ("delivery_failures_total", "orders", "sqs")


class Service:
    """A metrics service: `told` are points as (when it is known, period, what it sums to from then on)."""

    def __init__(self, told: list[tuple[float, float, float]]) -> None:
        self.told = told

    def points(self, window: Window, now: float) -> Iterator[tuple[float, float]]:
        known: dict[float, float] = {}
        for at, period, value in self.told:
            if at <= now and window.start <= period < window.end:
                known[period] = max(value, known.get(period, 0.0))
        return iter(known.items())


def sums() -> Sums:
    return Sums(PERIOD, LATENESS, REACH)


def restarted(before: Sums, memory: dict[str, bytes]) -> Sums:
    """An agent that begins with what the one before stored."""
    for name, blob in before.take_changes().items():
        if blob is None:
            memory.pop(name, None)
        else:
            memory[name] = blob
    after = sums()
    after.restore(memory)
    return after


def asked(counters: Sums, service: Service, now: float, *keys: Key) -> None:
    window = counters.window(keys, now)
    for key in keys:
        counters.note(key, service.points(window, now), window)


@st.composite
def services(draw: st.DrawFn) -> list[tuple[float, float, float]]:
    """Periods of two hours, whose sums grow in up to three steps, the last within the lateness of the service."""
    told = []
    for number in draw(st.sets(st.integers(0, 120))):
        period, value = BEGAN + number * PERIOD, 0.0
        delays = draw(st.lists(st.integers(0, LATENESS), min_size=1, max_size=3))
        for delay in sorted(delays):
            value += draw(st.integers(1, 1000))
            told.append((period + delay, period, value))
    return told


@given(services(), st.lists(st.integers(1, 1800), max_size=40), st.randoms(use_true_random=False))
def test_a_counter_is_exact_over_late_points_overlaps_and_restarts(
    told: list[tuple[float, float, float]], pauses: list[int], chance: random.Random
) -> None:
    service, counters, memory, now = Service(told), sums(), dict[str, bytes](), float(BEGAN)
    before = 0.0
    for pause in [0, *pauses, *[REACH // 2] * 6]:
        now += pause
        asked(counters, service, now, SENT)
        total = counters.total(SENT)
        assert total is not None and total >= before
        before = total
        if chance.random() < 0.5:
            counters = restarted(counters, memory)
            assert counters.total(SENT) == total

    latest = {period: value for _, period, value in sorted(told)}
    assert before == sum(latest.values())


@given(st.permutations([(60, 3.0), (120, 5.0), (60, 4.0), (180, 1.0), (120, 2.0)]))
def test_the_order_of_answers_does_not_matter(points: list[tuple[int, float]]) -> None:
    counters = sums()

    for offset, value in points:
        counters.note(SENT, [(BEGAN + offset, value)], Window(BEGAN, BEGAN + 240))

    assert counters.total(SENT) == 4 + 5 + 1


def test_what_the_service_never_answered_for_does_not_exist() -> None:
    assert sums().total(SENT) is None
    assert list(sums().totals(0)) == []


def test_an_answer_without_points_is_zero() -> None:
    counters = sums()

    counters.note(SENT, [], Window(BEGAN, BEGAN + 60))

    assert counters.total(SENT) == 0


def test_a_counter_that_is_no_longer_answered_for_is_stale() -> None:
    counters = sums()
    counters.note(SENT, [(BEGAN, 3.0)], Window(BEGAN, BEGAN + 60))
    counters.note(FAILED, [(BEGAN + 600, 1.0)], Window(BEGAN, BEGAN + 660))

    assert list(counters.totals(since=BEGAN + 360)) == [(FAILED, 1.0)]


def test_a_point_that_comes_after_its_period_was_settled_is_not_counted_twice() -> None:
    counters = sums()
    counters.note(SENT, [(BEGAN, 3.0)], Window(BEGAN, BEGAN + 60))
    counters.note(SENT, [], Window(BEGAN + 60, BEGAN + 1200))

    counters.note(SENT, [(BEGAN, 3.0)], Window(BEGAN, BEGAN + 1200))

    assert counters.total(SENT) == 3


def test_a_sum_that_is_taken_back_leaves_the_counter_where_it_was() -> None:
    counters = sums()
    counters.note(SENT, [(BEGAN, 3.0)], Window(BEGAN, BEGAN + 60))

    counters.note(SENT, [(BEGAN, 2.0)], Window(BEGAN, BEGAN + 60))

    assert counters.total(SENT) == 3


def test_what_is_no_number_is_not_counted() -> None:
    counters = sums()

    counters.note(SENT, [(BEGAN, math.nan), (BEGAN + 60, -3.0), (BEGAN + 120, math.inf)], Window(BEGAN, BEGAN + 180))

    assert counters.total(SENT) == 0


@given(st.lists(st.floats(1e-3, 1e6), min_size=2, max_size=60))
def test_a_counter_of_fractions_never_falls_while_periods_are_settled(values: list[float]) -> None:
    counters, before = sums(), 0.0

    for number, value in enumerate(values):
        at = BEGAN + number * PERIOD
        counters.note(SENT, [(at, value)], Window(at, at + PERIOD))
        total = counters.total(SENT)
        assert total is not None and total >= before
        before = total

    assert math.isclose(before, math.fsum(values))


def test_a_window_of_new_counters_reaches_back_as_far_as_points_are_late() -> None:
    assert sums().window([SENT], BEGAN + 30) == Window(BEGAN - 300, BEGAN + 60)


def test_a_window_after_a_pause_begins_where_late_points_of_the_last_answer_may_be() -> None:
    counters = sums()
    asked(counters, Service([]), BEGAN, SENT)

    assert counters.window([SENT], BEGAN + 3600) == Window(BEGAN - LATENESS, BEGAN + 3660)


def test_a_window_that_the_service_cannot_give_says_what_is_missed() -> None:
    counters = sums()
    asked(counters, Service([]), BEGAN, SENT)

    window = counters.window([SENT], BEGAN + 5 * 3600)

    assert window.end - window.start == REACH + PERIOD
    assert window.missed == 2 * 3600 + LATENESS


def test_a_counter_that_is_gone_is_forgotten_by_the_store_too() -> None:
    counters = sums()
    counters.note(SENT, [(BEGAN, 3.0)], Window(BEGAN, BEGAN + 60))
    counters.take_changes()

    counters.keep([])

    assert counters.total(SENT) is None
    assert counters.take_changes() == {"sums/orders": None}


def test_only_what_changed_is_stored_again() -> None:
    counters = sums()
    counters.note(SENT, [(BEGAN, 3.0)], Window(BEGAN, BEGAN + 60))

    assert list(counters.take_changes()) == ["sums/orders"]
    assert counters.take_changes() == {}


def test_what_was_stored_and_cannot_be_read_is_as_if_it_had_never_been() -> None:
    counters = sums()

    counters.restore({"sums/orders": b"{", "sums/other": b"[[1]]", "else": b"x"})

    assert counters.total(SENT) is None


def test_two_counters_of_one_target_do_not_read_each_others_memory() -> None:
    one, other = Sums(PERIOD, LATENESS, REACH, "one"), Sums(PERIOD, LATENESS, REACH, "other")
    one.note(SENT, [(BEGAN, 3.0)], Window(BEGAN, BEGAN + 60))
    memory = {name: blob for name, blob in one.take_changes().items() if blob is not None}

    other.restore(memory)

    assert list(memory) == ["one/orders"]
    assert other.total(SENT) is None


def test_a_counter_that_was_long_not_answered_for_does_not_widen_the_window_of_others() -> None:
    counters = sums()
    asked(counters, Service([]), BEGAN, SENT, FAILED)
    asked(counters, Service([]), BEGAN + 3600, SENT)

    windows = counters.windows([SENT, FAILED], BEGAN + 3660)

    assert sorted((window.start - BEGAN, keys) for window, keys in windows.items()) == [
        (-LATENESS, [FAILED]),
        (3600 - LATENESS, [SENT]),
    ]
