"""Unroutable messages by exchange: each is counted once, under one name."""

from __future__ import annotations

import pytest

from collectors.rabbitmq import unroutable
from collectors.rabbitmq.broker import UnroutableCounter
from collectors.rabbitmq.unroutable import Unroutable


def dropped(exchange: str, channel: str = "", vhost: str = "/") -> UnroutableCounter:
    return UnroutableCounter(channel, (vhost, exchange), "dropped")


def totals(of: Unroutable, broker: int) -> dict[str, int]:
    return {called: count for called, _, count in of.totals({"dropped": broker})}


def watching() -> Unroutable:
    """One that has looked at a node which had counted nothing."""
    made = Unroutable()
    made.note("n", {})
    return made


def test_what_grew_is_the_exchanges_and_nothing_is_left() -> None:
    of = watching()
    of.note("n", {dropped("events"): 3, dropped("", vhost="shop"): 2})

    assert totals(of, 5) == {"events": 3, "shop/amq.default": 2, "": 0}


def test_what_was_there_at_the_first_look_is_of_no_exchange_that_is_known() -> None:
    of = Unroutable()
    of.note("n", {dropped("events"): 3})
    of.note("n", {dropped("events"): 4})

    assert totals(of, 9) == {"events": 1, "": 8}


def test_a_channel_that_is_gone_takes_nothing_with_it() -> None:
    of = watching()
    of.note("n", {dropped("events", "<0.1.0>"): 3})
    of.note("n", {dropped("events", "<0.2.0>"): 1})

    assert totals(of, 4) == {"events": 4, "": 0}


def test_a_channel_that_nobody_saw_is_in_the_rest() -> None:
    of = watching()
    of.note("n", {dropped("events", "<0.1.0>"): 3})

    assert totals(of, 10) == {"events": 3, "": 7}


def test_a_counter_that_begins_anew_counts_from_nothing() -> None:
    of = watching()
    of.note("n", {dropped("events", "<0.1.0>"): 3})
    of.note("n", {dropped("events", "<0.1.0>"): 1})

    assert totals(of, 4) == {"events": 4, "": 0}


def test_nodes_count_for_themselves() -> None:
    of = watching()
    of.note("m", {})
    of.note("n", {dropped("events"): 3})
    of.note("m", {dropped("events"): 2})

    assert totals(of, 5) == {"events": 5, "": 0}


def test_a_broker_whose_count_is_late_makes_nothing_fall_and_nothing_double() -> None:
    of = watching()
    of.note("n", {dropped("events"): 5})

    assert [totals(of, late) for late in (0, 3, 5)] == [{"events": 5, "": 0}] * 3


def test_a_restart_of_the_agent_counts_nothing_twice() -> None:
    of = watching()
    of.note("n", {dropped("events"): 3})
    totals(of, 5)

    again = Unroutable.restored(of.state())  # type: ignore[arg-type]
    again.note("n", {dropped("events"): 4})

    assert totals(again, 6) == {"events": 3, "": 3}


def test_exchanges_over_the_most_are_in_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unroutable, "MOST", 1)
    of = watching()
    of.note("n", {dropped("one"): 1, dropped("two"): 1})

    assert totals(of, 2) == {"one": 1, "": 1}
