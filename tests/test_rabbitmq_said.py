"""What is said again of queues, and what is said anew."""

from __future__ import annotations

from collectors.base import Reading
from collectors.rabbitmq.broker import Declaration, Queue, Statistics
from collectors.rabbitmq.said import Said

IDLE = Queue(Declaration(("/", "q"), "classic", False, {}, {}), "running", 0, 0, 1, Statistics(1.0, 5, 5, 0, None))


def say(said: Said, queue: Queue, now: float = 100, is_store: bool = False, is_fed: bool = False) -> dict[str, float]:
    reading, own = Reading(), {queue.key}
    said.say([queue], own if is_store else set(), own if is_fed else set(), now, reading)
    return {sample.metric.name: sample.value for sample in reading.samples}


def test_a_queue_that_stands_is_said_again() -> None:
    said = Said()

    assert say(said, IDLE) == say(said, IDLE, 200)


def test_a_queue_that_gets_messages_is_said_anew() -> None:
    said = Said()
    say(said, IDLE)

    later = say(said, IDLE._replace(ready=3))

    assert (later["backlog_messages"], later["messages_in_total"]) == (3, 5)


def test_a_queue_whose_statistics_had_a_turn_is_said_anew() -> None:
    said = Said()
    say(said, IDLE)

    assert say(said, IDLE._replace(statistics=Statistics(1.0, 9, 5, 0, None)))["messages_in_total"] == 9


def test_a_queue_that_becomes_one_of_dead_letters_has_no_backlog_that_nobody_reads() -> None:
    said = Said()
    unread = IDLE._replace(consumers=0)

    assert "backlog_messages" in say(said, unread)
    assert "backlog_messages" not in say(said, unread, is_store=True)


def test_a_queue_that_is_fed_by_dead_letters_is_not_said_to_get_what_is_published_alone() -> None:
    said = Said()

    assert "messages_in_total" in say(said, IDLE)
    assert "messages_in_total" not in say(said, IDLE, is_fed=True)


def test_an_age_goes_on_while_nothing_else_changes() -> None:
    said = Said()
    waiting = IDLE._replace(ready=1, statistics=Statistics(1.0, 5, 5, 0, 90.0))

    assert [say(said, waiting, now)["backlog_age_seconds"] for now in (100, 160)] == [10, 70]


def test_a_queue_that_cannot_be_known_any_more_says_nothing() -> None:
    said = Said()
    say(said, IDLE)

    assert say(said, Queue(IDLE.declared, "down")) == {}
