"""Stores of dead letters."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from paging import dead, fill

from collectors import metrics as m
from collectors.base import Reading, Sample
from monitor.console.data import DeadLetterStore
from monitor.console.letters import Letters, load_letters
from monitor.store.reader import Reader

NOBODY = DeadLetterStore("shop", "orders.dlq", "orders", 5, 0, 300, False, ())


def of(path: Path, *readings: tuple[float, list[Sample]]) -> list[Letters]:
    fill(path / "s.db", *((ago, Reading(samples)) for ago, samples in readings))
    with closing(Reader(path / "s.db")) as reader:
        return load_letters(reader, time.time())


def emptied(came: float, waits: float) -> list[Sample]:
    return [
        m.DEAD_LETTERS.sample(waits, "orders.dlq", "orders"),
        m.DEAD_LETTERED_MESSAGES_TOTAL.sample(came, "orders.dlq", "orders", ""),
    ]


def test_what_came_and_is_not_there_left(tmp_path: Path) -> None:
    (one,) = of(tmp_path, (300, emptied(10, 10)), (5, emptied(25, 12)))

    assert (one.came, one.left) == (15, 13)


def test_after_one_reading_neither_is_known(tmp_path: Path) -> None:
    (one,) = of(tmp_path, (5, emptied(25, 12)))

    assert (one.came, one.left) == (None, None)


def test_a_store_without_a_counter_tells_not_what_came(tmp_path: Path) -> None:
    depth = m.DEAD_LETTERS.sample(3, "orders.dlq", "orders")

    (one,) = of(tmp_path, (300, [depth]), (5, [depth]))

    assert (one.came, one.left) == (None, None)


def test_what_came_for_several_reasons_is_summed(tmp_path: Path) -> None:
    first, last = (
        [
            m.DEAD_LETTERS.sample(0, "orders.dlq", "orders"),
            *(m.DEAD_LETTERED_MESSAGES_TOTAL.sample(n, "orders.dlq", "orders", why) for why in ("a", "b")),
        ]
        for n in (0, 4)
    )

    (one,) = of(tmp_path, (300, first), (5, last))

    assert one.came == 8


def test_faults_of_the_store_and_of_its_source_are_told_in_words(tmp_path: Path) -> None:
    faults = [
        m.CONFIGURATION_FAULT.sample(1, "orders", "exchange_missing"),
        m.CONFIGURATION_FAULT.sample(1, "orders.dlq", "no_limit"),
        m.CONFIGURATION_FAULT.sample(1, "other", "no_limit"),
    ]

    (one,) = of(tmp_path, (5, [*dead("orders.dlq", 1), *faults]))

    assert one.faults == ("no limit", "exchange missing")


def test_the_handlers_of_the_source_tell_what_they_failed_with(tmp_path: Path) -> None:
    def counted(timeouts: int, others: int) -> list[Sample]:
        handler = ("shop", "h", "orders", "billing")
        return [
            *dead("orders.dlq", 1),
            m.HANDLER_FAILURES_TOTAL.sample(timeouts, *handler, "Timeout"),
            m.HANDLER_FAILURES_TOTAL.sample(others, *handler, "ValueError"),
            m.HANDLER_FAILURES_TOTAL.sample(timeouts, "shop", "h", "elsewhere", "billing", "KeyError"),
        ]

    (one,) = of(tmp_path, (300, counted(0, 0)), (5, counted(9, 4)))

    assert one.failures == (("Timeout", 9), ("ValueError", 4))


def test_where_dead_letters_are_lost_comes_first(tmp_path: Path) -> None:
    first, last = (
        [
            *dead("a.dlq", n),
            *dead("b.dlq", 1),
            m.DEAD_LETTER_FAILURES_TOTAL.sample(n, "b.dlq", "full"),
        ]
        for n in (0, 3)
    )

    found = of(tmp_path, (300, first), (5, last))

    assert [(one.store.destination, one.lost) for one in found] == [("b.dlq", 3), ("a.dlq", None)]


@pytest.mark.parametrize(
    ("age", "margin", "over"), [(300, 100, 0.75), (300, -5, 1), (None, 100, None), (300, None, None), (0, 0, None)]
)
def test_how_much_of_its_life_is_over(age: float | None, margin: float | None, over: float | None) -> None:
    one = Letters(replace(NOBODY, oldest_seconds=age), None, None, margin, (), (), None)

    assert one.life_over == over
