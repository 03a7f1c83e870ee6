"""Totals over instances: whatever restarts, vanishes or answers by turns, nothing is lost and nothing counted twice."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from collectors import metrics as m
from collectors.base import Skipped
from collectors.handlers import buckets, kept
from collectors.handlers.dialects.words import Count, Level, Translated
from collectors.handlers.points import Distribution
from collectors.handlers.totals import KEPT_SECONDS, LIVES, OVER_BUDGET, Totals

EVENTS = m.HANDLER_EVENTS_TOTAL
DURATION = m.HANDLER_DURATION_SECONDS
HANDLER = ("billing", "charge", "orders", "g")
OK = (*HANDLER, "ok")


def counted(value: float, origin: str = "a", witness: float | None = None, labels: tuple[str, ...] = OK) -> Translated:
    return Translated(counts=[Count((origin, ()), EVENTS, labels, value, witness)])


def timed(*counts: int, bounds: tuple[float, ...] = (1.0, 2.0)) -> Translated:
    return Translated(counts=[Count(("d", ()), DURATION, OK, Distribution(bounds, counts, float(sum(counts))))])


def standing(**levels: float) -> Translated:
    metrics = {
        "progress": m.HANDLER_IN_PROGRESS,
        "since": m.HANDLER_IN_PROGRESS_SINCE,
        "success": m.HANDLER_LAST_SUCCESS,
    }
    return Translated(levels=[Level(metrics[name], HANDLER, value) for name, value in levels.items()])


def total(totals: Totals, labels: tuple[str, ...] = OK) -> float:
    known = told(totals, labels)
    return 0.0 if known is None else known


def told(totals: Totals, labels: tuple[str, ...] = OK) -> float | None:
    """The total as it is told; None where it is unknown, or there is none."""
    return next((float(value) for key, value in totals.counts() if key == (EVENTS, labels)), None)  # type: ignore[arg-type]


def histogram(totals: Totals) -> Distribution | None:
    return next((value for value in dict(totals.counts()).values() if isinstance(value, Distribution)), None)


def pass_time(totals: Totals, start: float, end: float) -> None:
    """Cycles in which nothing is listed."""
    for now in [*range(int(start), int(end), 300), end]:
        totals.end(set(), now)


def after(*values: float, started: list[float | None] | None = None) -> float:
    totals = Totals(100)
    for at, value in enumerate(values):
        totals.note("one", started[at] if started else None, counted(value), at)
    return total(totals)


def test_what_was_counted_before_the_agent_came_counts() -> None:
    assert after(5) == 5


def test_a_counter_that_fell_began_anew() -> None:
    assert after(5, 7, 2, 3) == 10


def test_a_process_that_began_at_another_time_counts_anew_though_it_is_ahead() -> None:
    assert after(5, 9, started=[100.0, 200.0]) == 14


def test_the_same_beginning_told_a_little_differently_is_the_same() -> None:
    assert after(5, 9, started=[100.0, 100.2]) == 9


def test_a_beginning_that_is_told_only_later_is_no_restart() -> None:
    assert after(5, 9, started=[None, 100.0]) == 9


def test_processes_that_answer_by_turns_at_one_address_are_told_apart_and_named() -> None:
    totals = Totals(100)
    for value, started in ((5, 100.0), (50, 200.0), (6, 100.0), (51, 200.0), (7, 100.0)):
        totals.note("one", started, counted(value), 0)

    assert total(totals) == 58
    assert totals.take_over() == [Skipped("processes at one address", "they answer by turns; list each of them")]


def test_an_older_process_that_is_seen_later_is_one_that_answers_by_turns() -> None:
    totals = Totals(100)
    for value, started in ((5, 200.0), (50, 100.0)):
        totals.note("one", started, counted(value), 0)

    assert total(totals) == 55
    assert len(totals.take_over()) == 1


def test_a_process_that_is_started_again_and_again_loses_nothing() -> None:
    totals = Totals(100)
    for life in range(3 * LIVES):
        totals.note("one", 100.0 * (life + 1), counted(2), 0)

    assert total(totals) == 6 * LIVES
    assert len(totals.instances["one"].lives) == LIVES


def test_more_processes_at_one_address_than_are_remembered_count_too_little_rather_than_twice() -> None:
    totals = Totals(100)
    for turn in range(5):
        for process in range(LIVES + 4):
            totals.note("one", 100.0 * (process + 1), counted(10 + turn), 0)

    assert 14 * LIVES <= total(totals) <= 14 * (LIVES + 4)


def test_a_value_made_of_several_that_falls_for_a_moment_is_no_restart() -> None:
    totals = Totals(100)
    for value, witness in ((5, 10), (4, 11), (6, 12)):
        totals.note("one", None, counted(value, witness=witness), 0)
    assert total(totals) == 6

    totals.note("one", None, counted(1, witness=2), 0)
    assert total(totals) == 7


def test_a_series_that_an_exporter_drops_keeps_its_count_and_may_come_back() -> None:
    """As celery-exporter does with workers that it has not seen for ten minutes."""
    totals = Totals(100)
    totals.note("one", None, Translated(counts=[*counted(5, "w1").counts, *counted(7, "w2").counts]), 0)
    totals.note("one", None, counted(8, "w2"), 1)
    assert total(totals) == 13

    totals.note("one", None, Translated(counts=[*counted(2, "w1").counts, *counted(8, "w2").counts]), 2)
    assert total(totals) == 15


def test_a_series_that_stands_twice_on_a_page_does_not_grow_by_that() -> None:
    totals = Totals(100)
    for now in range(3):
        totals.note("one", None, Translated(counts=[*counted(9).counts, *counted(5).counts]), now)

    assert total(totals) == 5


def test_an_instance_that_is_gone_for_a_day_keeps_its_count_without_a_name() -> None:
    totals = Totals(100)
    totals.note("one", 1.0, counted(5), 0)
    totals.end({"one"}, 0)
    kept.take_changes(totals)

    pass_time(totals, 10, 10 + KEPT_SECONDS - 1)
    assert list(totals.instances) == ["one"]
    totals.end(set(), 10 + KEPT_SECONDS)

    assert totals.instances == {}
    assert total(totals) == 5
    assert kept.take_changes(totals)["instance/one"] is None


def test_an_instance_that_is_listed_and_does_not_answer_is_not_forgotten() -> None:
    totals = Totals(100)
    totals.note("one", 1.0, counted(5), 0)
    for now in range(0, int(5 * KEPT_SECONDS), 300):
        totals.end({"one"}, now)

    totals.note("one", 1.0, counted(6), 5 * KEPT_SECONDS)
    totals.end({"one"}, 5 * KEPT_SECONDS)
    assert total(totals) == 6


def test_what_only_unread_instances_count_is_unknown_and_not_silent() -> None:
    totals = Totals(100)
    totals.note("one", 1.0, counted(5), 0)
    totals.end({"one"}, 0)

    totals.end({"one"}, 15)

    assert (EVENTS, OK) not in dict(totals.counts())


def test_what_another_instance_counts_too_goes_on_while_one_is_not_read() -> None:
    totals = Totals(100)
    totals.note("one", 1.0, counted(5), 0)
    totals.note("two", 1.0, counted(3), 0)
    totals.end({"one", "two"}, 0)

    totals.note("two", 1.0, counted(4), 15)
    totals.end({"one", "two"}, 15)

    assert total(totals) == 9


def test_what_instances_count_that_are_gone_for_good_stays_known() -> None:
    totals = Totals(100)
    totals.note("one", 1.0, counted(5), 0)
    totals.end({"one"}, 0)

    totals.end(set(), 15)

    assert total(totals) == 5


def test_the_time_in_which_the_agent_was_away_does_not_count_as_absence() -> None:
    totals = Totals(100)
    totals.note("one", 1.0, counted(5), 0)
    totals.end(set(), 0)
    again = Totals(100)
    kept.restore(again, stored(kept.take_changes(totals)))

    again.end(set(), 3 * KEPT_SECONDS)
    again.note("one", 1.0, counted(6), 3 * KEPT_SECONDS + 15)

    assert total(again) == 6


def test_gauges_are_those_of_the_instances_that_were_just_read() -> None:
    totals = Totals(100)
    totals.note("one", None, standing(progress=2, since=500, success=900), 0)
    totals.note("two", None, standing(progress=3, since=400, success=800), 0)
    assert {key[0].name: value for key, value in totals.levels()} == {
        "handler_in_progress": 5,
        "handler_in_progress_since_timestamp_seconds": 400,
        "handler_last_success_timestamp_seconds": 900,
    }

    totals.note("one", None, standing(progress=1), 1)
    assert [value for _, value in totals.levels()] == [1]


def test_histograms_of_instances_are_added_and_begin_anew_by_their_count() -> None:
    totals = Totals(100)
    totals.note("one", None, timed(1, 2, 3), 0)
    totals.note("two", None, timed(0, 0, 5), 0)
    totals.note("one", None, timed(0, 1, 0), 1)

    assert histogram(totals) == Distribution((1.0, 2.0), (1, 3, 8), 12.0)


def test_histograms_of_different_bounds_are_told_in_those_they_share() -> None:
    totals = Totals(100)
    totals.note("one", None, timed(1, 2, 3, 4, bounds=(1.0, 2.0, 4.0)), 0)
    totals.note("two", None, timed(5, 6, 7, bounds=(2.0, 8.0)), 0)

    assert histogram(totals) == Distribution((2.0,), (3 + 5, 7 + 13), 28.0)


def test_histograms_without_a_common_bound_are_named_and_left_out() -> None:
    totals = Totals(100)
    totals.note("one", None, timed(1, 2, bounds=(1.0,)), 0)
    totals.note("two", None, timed(1, 2, bounds=(2.0,)), 0)

    assert histogram(totals) is None
    assert len(totals.take_over()) == 1


@pytest.mark.parametrize("started", [(None, None), (1.0, 2.0)])
def test_what_is_past_does_not_coarsen_what_is_counted_now(started: tuple[float | None, float | None]) -> None:
    """The old counts go up into the new buckets: they add the same to every reading."""
    totals = Totals(100)
    totals.note("one", started[0], timed(1, 1, 9, bounds=(1.0, 3.0)), 0)
    totals.note("one", started[1], timed(2, 0, 0, bounds=(2.0, 4.0)), 1)
    first = histogram(totals)
    totals.note("one", started[1], timed(2, 5, 0, bounds=(2.0, 4.0)), 2)
    second = histogram(totals)

    assert first == Distribution((2.0, 4.0), (1 + 2, 1, 9), 13.0)
    assert second is not None and first is not None
    assert [b - a for a, b in zip(first.counts, second.counts, strict=True)] == [0, 5, 0]


def test_over_the_budget_a_series_is_left_out_and_named_and_the_known_ones_go_on() -> None:
    totals = Totals(1)
    totals.note("one", None, counted(1), 0)
    totals.note("two", None, counted(1, labels=(*HANDLER, "failed")), 0)
    totals.note("one", None, counted(3), 1)

    assert total(totals) == 3
    assert total(totals, (*HANDLER, "failed")) == 0
    assert totals.take_over() == [Skipped("handler_events_total of billing charge orders g failed", OVER_BUDGET)]


def test_what_nobody_counts_any_more_makes_room() -> None:
    totals = Totals(1)
    totals.note("one", None, counted(1), 0)
    pass_time(totals, 0, KEPT_SECONDS)

    totals.note("two", None, counted(2, labels=(*HANDLER, "failed")), KEPT_SECONDS)

    assert totals.take_over() == []
    assert total(totals, (*HANDLER, "failed")) == 2


def test_a_memory_that_cannot_be_read_is_as_if_it_had_never_been() -> None:
    totals = Totals(100)
    kept.restore(totals, {"instance/a": b"\0", "kept": b"{}", "clock": b"then", "other": b""})

    assert list(totals.counts()) == []


def test_addresses_are_not_stored() -> None:
    assert "secret" not in kept.digest("http://app/metrics?token=secret")


BOUNDS = st.lists(st.integers(1, 20).map(float), unique=True, max_size=6).map(lambda found: tuple(sorted(found)))


@settings(max_examples=100)
@given(st.lists(st.integers(1, 25).map(float), max_size=30), BOUNDS, BOUNDS)
def test_placed_in_fewer_buckets_a_histogram_is_that_of_the_same_events(
    events: list[float], bounds: tuple[float, ...], others: tuple[float, ...]
) -> None:
    coarse = tuple(sorted(set(bounds) & set(others)))

    assert buckets.common([of(events, bounds), of(events, others)]) == coarse
    assert buckets.placed(of(events, bounds), coarse) == of(events, coarse)


def of(events: list[float], bounds: tuple[float, ...]) -> Distribution:
    counts = [0] * (len(bounds) + 1)
    for event in events:
        counts[sum(bound < event for bound in bounds)] += 1
    return Distribution(bounds, tuple(counts), float(sum(events)))


def stored(changes: dict[str, bytes | None], before: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """The memory as the store keeps it."""
    memory = dict(before or {})
    for key, blob in changes.items():
        if blob is None:
            memory.pop(key, None)
        else:
            memory[key] = blob
    return memory


class Process:
    def __init__(self, started: float) -> None:
        self.started = started
        self.events = 0
        self.counts = [0, 0, 0]
        self.seen: tuple[int, list[int]] = (0, [0, 0, 0])


class World(RuleBasedStateMachine):
    """Processes come and go at addresses, and count; an agent reads some of them, and is itself started again.

    Of every process counts what it had when it was last read.
    """

    @initialize()
    def begin(self) -> None:
        self.now = 1000.0
        self.addresses: dict[str, list[Process]] = {"a": [Process(1.0)], "b": [Process(2.0)]}
        self.processes = [process for found in self.addresses.values() for process in found]
        self.totals, self.memory = Totals(100), dict[str, bytes]()
        self.before, self.blind = 0.0, False

    @rule(address=st.sampled_from("abc"), events=st.lists(st.integers(0, 2), max_size=5))
    def count(self, address: str, events: list[int]) -> None:
        for process in self.addresses.get(address, []):
            process.events += len(events)
            for bucket in events:
                process.counts[bucket] += 1

    @rule(address=st.sampled_from("abc"), beside=st.booleans())
    def start(self, address: str, beside: bool) -> None:
        """A new process at an address, instead of those that were there, or beside them."""
        self.now += 2
        process = Process(self.now)
        here = self.addresses.get(address, []) if beside else []
        self.addresses[address] = [*here[-2:], process]
        self.processes.append(process)

    @rule(address=st.sampled_from("abc"), hours=st.sampled_from([0, 1, 30]))
    def vanish(self, address: str, hours: int) -> None:
        self.addresses.pop(address, None)
        for _ in range(hours * 7):
            self.now += 530
            self.read([])

    @rule(turns=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), max_size=3))
    def read(self, turns: list[tuple[str, int]]) -> None:
        """One cycle; where an address has several processes, one of them answers."""
        self.now += 15
        noted = []
        for address, turn in dict(turns).items():
            here = self.addresses.get(address)
            if here:
                process = here[turn % len(here)]
                told = Translated(counts=[*counted(process.events).counts, *timed(*process.counts).counts])
                self.totals.note(address, process.started, told, self.now)
                noted.append(process)
        self.totals.end(set(self.addresses), self.now)
        self.blind = any(address not in dict(turns) for address in self.addresses)
        changes = kept.take_changes(self.totals)
        self.memory = stored(changes, self.memory)
        for process in noted:
            process.seen = process.events, list(process.counts)

    @rule()
    def start_agent_again(self) -> None:
        self.totals = Totals(100)
        kept.restore(self.totals, self.memory)

    @invariant()
    def the_total_is_what_was_counted_and_seen(self) -> None:
        if not hasattr(self, "totals"):
            return
        counted = sum(process.seen[0] for process in self.processes)
        assert told(self.totals) in (counted, None if self.blind or not counted else counted)
        sums: dict[int, int] = defaultdict(int)
        for process in self.processes:
            for bucket, count in enumerate(process.seen[1]):
                sums[bucket] += count
        found: Any = histogram(self.totals)
        assert found is None or list(found.counts) == [sums[bucket] for bucket in range(3)]

    @invariant()
    def no_total_ever_falls(self) -> None:
        known = told(self.totals) if hasattr(self, "totals") else None
        if known is not None:
            assert known >= self.before
            self.before = known


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.booleans()), max_size=30))
def test_without_times_of_beginning_totals_are_those_of_counters_that_fall(
    steps: list[tuple[str, int, bool]],
) -> None:
    """A restart that is ahead again before it is seen looks like growth: what then is counted is never too much."""
    totals, real = Totals(100), {"a": 0, "b": 0}
    value = {"a": 0, "b": 0}
    for at, (name, events, restarts) in enumerate(steps):
        value[name] = events if restarts else value[name] + events
        real[name] += events
        totals.note(name, None, counted(value[name]), at)
        assert total(totals) <= sum(real.values())
    if not any(restarts for _, _, restarts in steps):
        assert total(totals) == sum(real.values())
