"""The lines of a page's charts."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest
from paging import fill

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.console import timelines
from monitor.console.place import Place
from monitor.console.timelines import Panel, Wanted, broken, lines, rates
from monitor.store.reader import Reader
from monitor.store.writer import Store

IN = Panel("in", (Wanted(m.MESSAGES_IN_TOTAL, ("target", "destination"), "in"),))
BY_GROUP = Panel("backlog", (Wanted(m.BACKLOG_MESSAGES, ("target", "destination"), "", "group"),))


def counted(count: float, destination: str = "orders") -> Reading:
    return Reading([m.MESSAGES_IN_TOTAL.sample(count, destination)])


def of(destination: str, before: str = "") -> Place:
    return Place((("target", "shop"), ("destination", destination)), span="15m", before=before)


def test_a_counter_is_shown_as_its_rate() -> None:
    assert rates([(0, 10), (10, 30), (20, 30)]) == [(10, 2), (20, 0)]


def test_after_a_reset_a_counter_began_at_0() -> None:
    assert rates([(0, 10), (10, 5)]) == [(10, 0.5)]


def test_only_the_thing_of_the_place_is_shown(tmp_path: Path) -> None:
    both = [m.MESSAGES_IN_TOTAL.sample(0, "orders"), m.MESSAGES_IN_TOTAL.sample(0, "audit")]
    fill(
        tmp_path / "s.db", (60, Reading(both)), (0, Reading([both[0]._replace(value=60), both[1]._replace(value=600)]))
    )

    ((name, points),) = lines(Reader(tmp_path / "s.db"), IN, of("orders"), time.time())

    assert (name, [value for _, value in points]) == ("in", pytest.approx([1]))


def test_a_line_for_each_value_of_a_label(tmp_path: Path) -> None:
    samples = [m.BACKLOG_MESSAGES.sample(count, "orders", group) for group, count in (("a", 1), ("b", 2))]
    fill(tmp_path / "s.db", (5, Reading(samples)))

    found = lines(Reader(tmp_path / "s.db"), BY_GROUP, of("orders"), time.time())

    assert [(line.name, line.points[-1][1]) for line in found] == [("a", 1), ("b", 2)]


def test_the_time_before_is_laid_over_the_time_shown(tmp_path: Path) -> None:
    fill(tmp_path / "s.db", (3660, counted(0)), (3600, counted(120)), (60, counted(120)), (0, counted(180)))
    now = time.time()

    found = {line.name: line.points for line in lines(Reader(tmp_path / "s.db"), IN, of("orders", "1h"), now)}

    assert [round(value, 1) for _, value in found["in"]] == [1.0]
    ((at, value),) = found["in, 1h before"]
    assert (round(at - now), round(value, 1)) == (0, 2.0)


def test_a_line_is_broken_where_nothing_was_read_for_a_while(tmp_path: Path) -> None:
    fill(tmp_path / "s.db", *((ago, Reading([m.BACKLOG_MESSAGES.sample(7, "orders", "a")])) for ago in (700, 690, 5)))

    ((_, points),) = lines(Reader(tmp_path / "s.db"), BY_GROUP, of("orders"), time.time())

    assert [value == value for _, value in points] == [True, True, False, True]


def test_readings_as_far_apart_as_they_are_taken_break_no_line() -> None:
    assert broken([(0, 1.0), (300, 2.0)], 300) == [(0, 1.0), (300, 2.0)]


def test_what_two_targets_tell_at_other_times_is_not_summed(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "s.db")) as store:
        now = time.time()
        for ago, target in ((20, "a"), (15, "b"), (5, "a")):
            sample = m.HANDLER_IN_PROGRESS.sample(2, "shop", "h", "orders", "billing")
            store.record(Scrape(target, "handlers", round(now - ago, 3), 0.1, Reading([sample])))

    found = lines(Reader(tmp_path / "s.db"), timelines.HANDLERS[-1], Place((("destination", "orders"),)), now)

    assert [(line.name, {value for _, value in line.points}) for line in found] == [
        ("in progress, a", {2}), ("in progress, b", {2}),
    ]  # fmt: skip


def test_what_nobody_read_has_no_line(tmp_path: Path) -> None:
    fill(tmp_path / "s.db", (5, counted(1)))

    assert lines(Reader(tmp_path / "s.db"), IN, of("unknown"), time.time()) == []


def test_every_panel_asks_for_labels_that_its_metric_has() -> None:
    panels = (*timelines.CONSUMERS, *timelines.DEAD_LETTERS, *timelines.DESTINATIONS, *timelines.HANDLERS)
    for wanted in (wanted for panel in panels for wanted in panel.wanted):
        assert {*wanted.labels, wanted.by} <= {"target", "", *wanted.metric.labels}, wanted
        assert wanted.by or wanted.name, wanted
