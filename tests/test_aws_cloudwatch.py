"""Counters and values out of CloudWatch."""

from __future__ import annotations

import random
from typing import Any

from aws import Answering, cycle, failing, settings
from hypothesis import given
from hypothesis import strategies as st

from collectors.aws.cloudwatch import PERIOD, CloudWatch, Series, Value, Wanted
from collectors.aws.errors import AwsError
from collectors.base import Reading

BEGAN = 1_700_000_040  # a whole minute
QUEUE = (("QueueName", "orders"),)


def counted(name: str, hot: bool = True) -> Wanted:
    return Wanted(("messages_in_total", "orders", name), Series("AWS/SQS", name, QUEUE), hot)


AGE = Wanted(("backlog_age_seconds", "orders"), Series("AWS/SQS", "ApproximateAgeOfOldestMessage", QUEUE, "Maximum"))
SENT = counted("NumberOfMessagesSent")
DELETED = counted("NumberOfMessagesDeleted")


def known(**series: dict[int, float]) -> dict[Any, dict[int, float]]:
    return {("AWS/SQS", name, QUEUE): points for name, points in series.items()}


def read(cloudwatch: CloudWatch, account: Answering, wanted: list[Wanted], now: float) -> Reading:
    one = cycle(account)
    cloudwatch.read(one, wanted, now)
    return one.reading


def test_an_answer_without_points_is_zero() -> None:
    cloudwatch = CloudWatch(settings())

    read(cloudwatch, Answering({}), [SENT], BEGAN)

    assert dict(cloudwatch.totals(BEGAN)) == {SENT.key: 0}


def test_what_cloudwatch_did_not_answer_is_not_known_and_named() -> None:
    cloudwatch = CloudWatch(settings())
    account = Answering({}, fails=lambda name: "InternalError" if name == "NumberOfMessagesSent" else "")

    reading = read(cloudwatch, account, [SENT, DELETED], BEGAN)

    assert dict(cloudwatch.totals(BEGAN)) == {DELETED.key: 0}
    assert [error.part for error in reading.errors] == ["CloudWatch, NumberOfMessagesSent of orders"]
    assert "InternalError" in reading.errors[0].message


def test_a_call_that_fails_leaves_its_series_unknown_and_is_named() -> None:
    cloudwatch, account = CloudWatch(settings()), Answering({})
    account.error = AwsError("cloudwatch:GetMetricData is throttled (Throttling)", code="Throttling")

    reading = read(cloudwatch, account, [SENT, DELETED], BEGAN)

    assert dict(cloudwatch.totals(BEGAN)) == {}
    assert [tuple(error) for error in reading.errors] == [
        ("CloudWatch, 2 metrics", "cloudwatch:GetMetricData is throttled (Throttling)")
    ]


@given(
    st.dictionaries(st.integers(0, 150), st.integers(1, 1000), max_size=60),
    st.dictionaries(st.integers(0, 150), st.integers(1, 1000), max_size=60),
    st.lists(st.integers(30, 2400), min_size=1, max_size=25),
    st.integers(1, 30),
    st.randoms(use_true_random=False),
)
def test_counters_are_exact_over_pages_partial_answers_and_restarts(
    sent: dict[int, int], deleted: dict[int, int], pauses: list[int], page_points: int, chance: random.Random
) -> None:
    points = {
        name: {BEGAN + 1200 + minute * PERIOD: float(value) for minute, value in found.items()}
        for name, found in {"NumberOfMessagesSent": sent, "NumberOfMessagesDeleted": deleted}.items()
    }
    account = Answering(known(**points), page_points)
    cloudwatch, memory, now = CloudWatch(settings()), dict[str, bytes](), float(BEGAN + 1200)
    read(cloudwatch, account, [SENT, DELETED], now)  # counting begins with the first answer
    account.fails = failing(chance, 0.3)
    for pause in pauses:
        now += pause
        read(cloudwatch, account, [SENT, DELETED], now)
        memory |= {name: blob for name, blob in cloudwatch.take_changes().items() if blob is not None}
        if chance.random() < 0.5:
            cloudwatch = CloudWatch(settings())
            cloudwatch.restore(memory)
    account.fails = lambda name: ""
    now += 3 * 3600
    for _ in range(2):
        read(cloudwatch, account, [SENT, DELETED], now)

    assert dict(cloudwatch.totals(now)) == {SENT.key: sum(sent.values()), DELETED.key: sum(deleted.values())}


def test_a_call_takes_500_metrics() -> None:
    account = Answering({})

    read(CloudWatch(settings(metrics_budget=100_000)), account, [counted(f"M{n}") for n in range(1100)], BEGAN)

    assert account.asked == [500, 500, 100]


def test_after_a_long_pause_a_call_takes_fewer_metrics_for_their_points() -> None:
    cloudwatch, account = CloudWatch(settings(metrics_budget=100_000)), Answering({})
    wanted = [counted(f"M{n}") for n in range(100)]
    read(cloudwatch, account, wanted, BEGAN)

    read(cloudwatch, account, wanted, BEGAN + 23 * 3600)

    assert account.asked == [100, 72, 28]


def test_a_pause_that_is_too_long_is_named() -> None:
    cloudwatch = CloudWatch(settings())
    read(cloudwatch, Answering({}), [SENT], BEGAN)

    reading = read(cloudwatch, Answering({}), [SENT], BEGAN + 48 * 3600)

    assert [skipped.reason for skipped in reading.skipped] == ["too long ago to be caught up on"]


def test_hot_series_are_asked_for_every_minute_and_others_every_five() -> None:
    cloudwatch, account = CloudWatch(settings()), Answering({})

    for minute in range(11):
        read(cloudwatch, account, [SENT, counted("NumberOfMessagesReceived", hot=False)], BEGAN + 60 * minute)

    assert account.asked == [2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2]


@given(st.integers(0, 400), st.integers(0, 30), st.integers(0, 30), st.lists(st.integers(1, 600), max_size=60))
def test_no_hour_costs_more_than_the_budget(budget: int, hot: int, quiet: int, pauses: list[int]) -> None:
    account, memory, asked, now = Answering({}), dict[str, bytes](), list[tuple[float, int]](), float(BEGAN)
    wanted = [counted(f"H{n}") for n in range(hot)] + [counted(f"Q{n}", hot=False) for n in range(quiet)]
    for pause in pauses:
        now += pause
        cloudwatch = CloudWatch(settings(metrics_budget=budget))  # the agent starts anew each time
        cloudwatch.restore(memory)
        account.asked.clear()
        read(cloudwatch, account, wanted, now)
        memory |= {name: blob for name, blob in cloudwatch.take_changes().items() if blob is not None}
        asked.append((now, sum(account.asked)))

    assert all(sum(n for at, n in asked if since < at <= since + 3600) <= budget for since, _ in asked)


def test_what_is_over_the_budget_is_named_hot_series_last() -> None:
    cloudwatch, account = CloudWatch(settings(metrics_budget=75)), Answering({})
    quiet = [counted(name, hot=False) for name in ("A", "B")]

    reading = read(cloudwatch, account, [*quiet, SENT], BEGAN)

    assert [tuple(one) for one in reading.skipped] == [("B of orders", "over the budget of 75 metrics an hour")]


def test_a_budget_of_0_asks_for_nothing() -> None:
    account = Answering({})

    reading = read(CloudWatch(settings(metrics_budget=0)), account, [SENT], BEGAN)

    assert account.requests == 0
    assert len(reading.skipped) == 1


def test_a_value_is_the_last_one_and_goes_when_none_follows() -> None:
    cloudwatch = CloudWatch(settings())
    account = Answering(known(ApproximateAgeOfOldestMessage={BEGAN - 120: 30.0, BEGAN - 60: 90.0}))
    read(cloudwatch, account, [AGE], BEGAN)

    assert cloudwatch.value(AGE.key, BEGAN) == Value(90.0, BEGAN)
    assert cloudwatch.value(AGE.key, BEGAN + 3600) is None


def test_a_series_that_is_no_longer_wanted_is_forgotten() -> None:
    cloudwatch = CloudWatch(settings())
    read(cloudwatch, Answering({}), [SENT], BEGAN)

    read(cloudwatch, Answering({}), [], BEGAN + 60)

    assert dict(cloudwatch.totals(BEGAN + 60)) == {}
