"""What CloudWatch is to be asked about queues and topics, most needed first. Pure.

Metrics and dimensions: "Available CloudWatch metrics for Amazon SQS" and "Monitoring Amazon SNS topics using
CloudWatch" of AWS's developer guides.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors import metrics as m
from collectors.aws.cloudwatch import Series, Wanted
from collectors.base import Metric
from collectors.sqs.estate import CONSUMERS, SUBSCRIPTIONS, TOPIC, Estate
from collectors.sqs.graph import Graph
from collectors.sums import Key

#: What writes dead letters for a topic.
SNS = "sns"
#: Reason of dead letters that SNS could not write into their queue.
NOT_WRITTEN = "not written to the dead-letter queue"
_FILTERED = {
    "NumberOfNotificationsFilteredOut-MessageAttributes": "filtered out by attributes",
    "NumberOfNotificationsFilteredOut-MessageBody": "filtered out by body",
    "NumberOfNotificationsFilteredOut-NoMessageAttributes": "filtered out without attributes",
    "NumberOfNotificationsFilteredOut-InvalidAttributes": "filtered out with invalid attributes",
    "NumberOfNotificationsFilteredOut-InvalidMessageBody": "filtered out with an invalid body",
}


def age_key(queue: str) -> Key:
    return "age", queue


def removed_key(queue: str) -> Key:
    return m.MESSAGES_OUT_TOTAL.name, queue, CONSUMERS


def wanted(estate: Estate, graph: Graph) -> list[Wanted]:
    """Where the budget is too small, what comes last here is left out first."""
    with_store: dict[str, set[str]] = {}
    for one in estate.subscriptions:
        if one.dead_letter_arn is not None:
            with_store.setdefault(one.topic, set()).add(one.dead_letter_arn)
    with_filter = {one.topic for one in estate.subscriptions if one.filtered}
    waiting = [name for name, depth in estate.depths.items() if depth.visible]
    ordinary = [name for name in estate.queues if name not in graph.stores]
    return [
        *(_lost(topic) for topic in estate.topics if topic in with_store),
        *(_age(name) for name in waiting if name in graph.stores),
        *(_out(name) for name in graph.stores if name in estate.queues),
        *(_failed(topic) for topic in estate.topics),
        *(_redriven(topic, stores) for topic, stores in with_store.items() if topic in estate.topics),
        *(_age(name) for name in waiting if name not in graph.stores),
        *(series for topic in estate.topics for series in _traffic_of_topic(topic)),
        *(series for name in ordinary for series in _traffic_of_queue(name)),
        *(series for topic in estate.topics if topic in with_filter for series in _filtered(topic)),
    ]


def _queue(name: str, key: Key, metric: str, statistic: str = "Sum", hot: bool = False) -> Wanted:
    return Wanted(key, Series("AWS/SQS", metric, (("QueueName", name),), statistic), hot)


def _topic(topic: str, metric: Metric, called: str, *labels: str, hot: bool = False) -> Wanted:
    key = (metric.name, topic, *labels)
    return Wanted(key, Series("AWS/SNS", called, _named(topic)), hot)


def _named(topic: str) -> tuple[tuple[str, str]]:
    return (("TopicName", topic.removeprefix(TOPIC)),)


def _age(name: str) -> Wanted:
    return _queue(name, age_key(name), "ApproximateAgeOfOldestMessage", "Maximum")


def _out(name: str) -> Wanted:
    return _queue(name, removed_key(name), "NumberOfMessagesDeleted")


def _lost(topic: str) -> Wanted:
    called = "NumberOfNotificationsFailedToRedriveToDlq"
    return _topic(topic, m.DEAD_LETTER_FAILURES_TOTAL, called, NOT_WRITTEN, hot=True)


def _failed(topic: str) -> Wanted:
    return _topic(topic, m.DELIVERY_FAILURES_TOTAL, "NumberOfNotificationsFailed", SUBSCRIPTIONS, "failed")


def _redriven(topic: str, stores: set[str]) -> Wanted:
    """What the service itself says that it wrote into the queue, or into one of several, for the topic."""
    store = next(iter(stores)).rpartition(":")[2] if len(stores) == 1 else ""
    series = Series("AWS/SNS", "NumberOfNotificationsRedrivenToDlq", _named(topic))
    return Wanted((m.DEAD_LETTERS_SENT_TOTAL.name, SNS, store, topic, ""), series)


def _traffic_of_topic(topic: str) -> Iterator[Wanted]:
    yield _topic(topic, m.MESSAGES_IN_TOTAL, "NumberOfMessagesPublished")
    yield _topic(topic, m.MESSAGES_OUT_TOTAL, "NumberOfNotificationsDelivered", SUBSCRIPTIONS)


def _traffic_of_queue(name: str) -> Iterator[Wanted]:
    yield _queue(name, (m.MESSAGES_IN_TOTAL.name, name), "NumberOfMessagesSent")
    yield _out(name)
    yield _queue(name, (m.DELIVERIES_TOTAL.name, name, CONSUMERS), "NumberOfMessagesReceived")


def _filtered(topic: str) -> Iterator[Wanted]:
    return (_topic(topic, m.UNROUTABLE_MESSAGES_TOTAL, called, reason) for called, reason in _FILTERED.items())
