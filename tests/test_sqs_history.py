"""Dead letters that came, and those that tasks moved back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sqs import answers
from collectors.sqs.estate import Task
from collectors.sqs.history import History, Moves
from collectors.sqs.logs import Delivery, delivery


def task(started: int, moved: int, status: str = "RUNNING", to_move: int | None = 10) -> Task:
    return Task(started, status, moved, to_move)


def counts(*lists: list[Task]) -> tuple[int, int, int]:
    moves = Moves()
    for tasks in lists:
        moves.note(tasks)
    return moves.sent, moves.failed, moves.running


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([[]], (0, 0, 0)),
        ([[task(1, 0)], [task(1, 4)], [task(1, 10, "COMPLETED")]], (10, 0, 0)),
        ([[task(1, 4)], [task(1, 4)]], (4, 0, 1)),
        ([[task(1, 4)], [task(1, 3)]], (4, 0, 1)),
        ([[task(1, 4, "FAILED")], [task(1, 4, "FAILED")]], (4, 6, 0)),
        ([[task(1, 4, "FAILED", None)]], (4, 0, 0)),
        ([[task(1, 4, "CANCELLED")], [task(2, 3), task(1, 4, "CANCELLED")]], (7, 0, 1)),
        ([[task(1, 4, "CANCELLING")]], (4, 0, 1)),
    ],
)
def test_what_tasks_moved_is_counted_once(lists: list[list[Task]], expected: tuple[int, int, int]) -> None:
    assert counts(*lists) == expected


@given(st.lists(st.integers(0, 50), max_size=20), st.randoms(use_true_random=False))
def test_a_restart_between_readings_of_a_task_changes_nothing(moved: list[int], chance: Any) -> None:
    history = History()
    memory: dict[str, bytes] = {}
    for count in moved:
        history.note_tasks("dlq", [task(1, count)])
        memory |= {key: blob for key, blob in history.take_changes().items() if blob is not None}
        if chance.random() < 0.5:
            history = History()
            history.restore(memory)

    assert not moved or history.moves["dlq"].sent == max(moved)


def test_dead_letters_that_were_there_at_first_sight_have_come() -> None:
    history = History()
    history.note_depth("dlq", 5, None, 0)

    assert history.arrivals["dlq"].total == 5


def test_a_queue_that_turns_out_to_be_one_of_dead_letters_got_none_yet() -> None:
    history = History()
    history.keep(["dlq"], 0)
    history.note_depth("dlq", 5, None, 60)

    assert history.arrivals["dlq"].total == 0


def test_deletions_that_are_told_ten_minutes_late_are_no_arrivals() -> None:
    history = History()
    for now, depth, removed in [(0, 5, 0.0), (60, 0, 0.0), (660, 0, 5.0), (3600, 0, 5.0)]:
        history.note_depth("dlq", depth, removed, now)

    assert history.arrivals["dlq"].total == 5


def test_what_comes_back_minutes_after_it_was_moved_is_counted_at_once() -> None:
    history = History()
    for now, depth in [(0, 5), (60, 0), (360, 5)]:
        history.note_depth("dlq", depth, 0.0, now)

    assert history.arrivals["dlq"].total == 10


def test_only_what_changed_is_stored() -> None:
    history = History()
    history.note_depth("dlq", 5, None, 0)
    history.note_tasks("dlq", [task(1, 1)])

    assert sorted(history.take_changes()) == ["arrivals", "moves/dlq"]
    assert history.take_changes() == {}


def test_what_was_stored_and_cannot_be_read_is_as_if_it_had_never_been() -> None:
    history = History()
    history.restore({"arrivals": b"{", "moves/dlq": b"[1]", "else": b"x"})

    assert not history.arrivals and not history.moves


def test_a_task_of_the_service_is_read_as_documented() -> None:
    answer = {"Results": [{"TaskHandle": "x", "Status": "RUNNING", "StartedTimestamp": 7, "SourceArn": "a"}]}

    assert answers.tasks(answer) == [Task(7, "RUNNING", 0, None)]
    assert answers.tasks({}) == []


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            {"delivery": {"destination": "arn:aws:sqs:eu:1:q", "dwellTimeMs": 40}, "status": "SUCCESS"},
            Delivery(60.0, "sqs:q", "", 0.04),
        ),
        (
            {"delivery": {"destination": "arn:aws:sqs:eu:1:q", "statusCode": 403}, "status": "FAILURE"},
            Delivery(60.0, "sqs:q", "403", None),
        ),
        ({"delivery": {"destination": "+49151"}, "status": "FAILURE"}, Delivery(60.0, "other", "failed", None)),
        ({"status": "FAILURE"}, None),
        ([], None),
    ],
)
def test_a_line_of_the_log_of_deliveries(message: Any, said: Delivery | None) -> None:
    assert delivery({"timestamp": 60_000, "message": json.dumps(message)}) == said
    assert delivery({"timestamp": 60_000, "message": "no JSON"}) is None
