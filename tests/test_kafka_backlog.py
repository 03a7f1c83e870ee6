"""Backlog, its age and what retention will take, from positions in a log."""

from __future__ import annotations

import pytest

from collectors.kafka.backlog import Backlog, Gap, Position, backlogs, retention_margin, worst
from collectors.kafka.cluster import Cluster, Partition, Retention, Topic
from collectors.kafka.history import History
from collectors.timeline import EXACT, INTERPOLATED, LOWER_BOUND, Age

NOW = 10_000.0


@pytest.mark.parametrize(
    ("committed", "start", "end", "backlog", "lost"),
    [
        (4, 0, 10, 6, 0),
        (10, 0, 10, 0, 0),
        (2, 6, 10, 4, 4),  # records 2 to 5 were deleted unread
        (99, 0, 10, 0, 0),  # beyond the end: another log had the name
        (2, 10, 10, 0, 8),  # all that was unread is deleted
        (0, 0, 0, 0, 0),
    ],
)
def test_backlog_is_from_the_later_of_commit_and_log_start(
    committed: int, start: int, end: int, backlog: int, lost: int
) -> None:
    position = Position(committed, start, end)

    assert (position.backlog, position.lost) == (backlog, lost)


def cluster(committed: dict[int, int], starts: dict[int, int], ends: dict[int, int]) -> Cluster:
    partitions = {number: Partition(1, (1,), (1,)) for number in (0, 1)}
    return Cluster(
        topics={"orders": Topic("id", partitions)},
        committed={"g": {"orders": committed}},
        starts={"orders": starts},
        ends={"orders": ends},
    )


def test_only_committed_partitions_count() -> None:
    (found,) = backlogs(cluster({0: 4}, {0: 0, 1: 0}, {0: 10, 1: 10}))

    assert isinstance(found, Backlog)
    assert found.messages == 6


def test_a_partition_whose_log_is_unknown_makes_the_sum_unknown() -> None:
    assert list(backlogs(cluster({0: 4, 1: 4}, {0: 0, 1: 0}, {0: 10}))) == [Gap("g", "orders", "log not readable")]


def test_a_commit_for_a_partition_that_no_longer_exists_is_left_out() -> None:
    (found,) = backlogs(cluster({0: 4, 7: 4}, {0: 0, 1: 0}, {0: 10, 1: 0}))

    assert isinstance(found, Backlog)
    assert found.positions.keys() == {0}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, Age(0, EXACT)),
        ({0: Age(5, EXACT), 1: Age(9, INTERPOLATED)}, Age(9, INTERPOLATED)),
        ({0: Age(50, EXACT), 1: Age(9, LOWER_BOUND)}, Age(50, LOWER_BOUND)),
    ],
)
def test_the_worst_age_never_claims_more_than_is_known(known: dict[int, Age], expected: Age) -> None:
    assert worst(known) == expected


def margin(retention: Retention, age: Age, *, size: int | None = None, history: History | None = None) -> float | None:
    made = cluster({0: 50}, {0: 0}, {0: 100})
    made.retention["orders"] = retention
    if size is not None:
        made.sizes["orders"] = {0: size}
    backlog = Backlog("g", "orders", {0: Position(50, 0, 100)})
    return retention_margin(backlog, {0: age}, made, history or History(), NOW)


def growing(per_second: float) -> History:
    history = History()
    for step in range(61):
        now = NOW - 600 + 10 * step
        ends = {0: int(10_000 + per_second * 10 * step)}
        history.note(Cluster(topics=cluster({}, {}, {}).topics, ends={"orders": ends}), now)
    return history


def test_retention_by_time_takes_a_record_when_it_is_old_enough() -> None:
    assert margin(Retention(3600, None), Age(600, EXACT)) == 3000


def test_a_wait_known_as_a_lower_bound_says_nothing_about_retention() -> None:
    assert margin(Retention(3600, None), Age(600, LOWER_BOUND)) is None


def test_without_a_limit_nothing_is_taken() -> None:
    assert margin(Retention(None, None), Age(600, EXACT)) is None


def test_retention_by_size_takes_a_record_when_newer_ones_have_filled_the_limit() -> None:
    # 100 records of 10 bytes; the 50 unread fill 500 of 2,000 bytes, and 1 record comes a second
    assert margin(Retention(None, 2000), Age(9, EXACT), size=1000, history=growing(1)) == pytest.approx(150, rel=0.02)


def test_the_nearer_limit_counts() -> None:
    both = Retention(700, 2000)

    assert margin(both, Age(600, EXACT), size=1000, history=growing(1)) == 100


def test_a_partition_that_does_not_grow_is_not_taken_by_size() -> None:
    assert margin(Retention(None, 2000), Age(9, EXACT), size=1000, history=growing(0)) is None
