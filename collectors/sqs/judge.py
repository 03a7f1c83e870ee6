"""What an account says in the words of the vocabulary. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from collectors import metrics as m
from collectors.aws.cloudwatch import Value
from collectors.base import Sample, Skipped
from collectors.sqs.estate import CONSUMERS, Depth, Estate, Queue, Subscription
from collectors.sqs.graph import Graph
from collectors.sqs.history import History
from collectors.sqs.wants import age_key
from collectors.sums import Key
from collectors.timeline import EXACT, INTERPOLATED, LOWER_BOUND

Values = Callable[[Key], Value | None]


def counters(totals: Iterable[tuple[Key, float]]) -> Iterator[Sample]:
    """What CloudWatch counts: a key is a metric and its labels."""
    for (name, *labels), total in totals:
        yield Sample(m.METRICS[name], tuple(labels), total)


def queues(estate: Estate, graph: Graph, value: Values) -> Iterator[Sample]:
    """What waits in the queues that are read by somebody; those of dead letters have no backlog."""
    for name, depth in estate.depths.items():
        yield m.DELAYED_MESSAGES.sample(depth.delayed, name)
        if name in graph.stores:
            continue
        yield m.BACKLOG_MESSAGES.sample(depth.visible, name, CONSUMERS)
        yield m.IN_FLIGHT_MESSAGES.sample(depth.in_flight, name, CONSUMERS)
        yield from _age(estate.queues[name], depth, value(age_key(name)))


def _age(queue: Queue, depth: Depth, age: Value | None) -> Iterator[Sample]:
    """How long the oldest message has waited. A standard queue passes over those that were received three times."""
    if not depth.visible:
        yield m.BACKLOG_AGE_SECONDS.sample(0, queue.name, CONSUMERS)
        yield m.BACKLOG_AGE_QUALITY.sample(EXACT, queue.name, CONSUMERS)
    elif age is not None:
        yield m.BACKLOG_AGE_SECONDS.sample(age.value, queue.name, CONSUMERS)
        yield m.BACKLOG_AGE_QUALITY.sample(INTERPOLATED if queue.fifo else LOWER_BOUND, queue.name, CONSUMERS)
        yield m.RETENTION_MARGIN_SECONDS.sample(max(0.0, queue.retention - age.value), queue.name, CONSUMERS)


def unknown(estate: Estate, value: Values) -> Iterator[Skipped]:
    """Messages of which CloudWatch does not tell how long they have waited."""
    for name, depth in estate.depths.items():
        if depth.visible and value(age_key(name)) is None:
            yield Skipped(f"age of the oldest message of {name}", "CloudWatch does not tell it, or not yet")


def dead_letters(estate: Estate, graph: Graph, history: History, value: Values) -> Iterator[Sample]:
    """Depth, count and age of the queues of dead letters, what was sent back, and the ways into them."""
    for name in graph.stores:
        depth, source = estate.depths.get(name), graph.source(name)
        if depth is None:
            continue
        arrived = history.arrivals[name].total
        yield m.DEAD_LETTERS.sample(depth.all, name, source)
        yield m.DEAD_LETTERED_MESSAGES_TOTAL.sample(arrived, name, source, "")
        yield m.MESSAGES_IN_TOTAL.sample(arrived, name)
        age = value(age_key(name)) if depth.visible else None
        if age is not None:
            yield m.DEAD_LETTER_AGE_SECONDS.sample(age.value, name)
            margin = max(0.0, estate.queues[name].retention - age.value)
            yield m.DEAD_LETTER_RETENTION_MARGIN_SECONDS.sample(margin, name)
        moves = history.moves.get(name)
        if moves is not None:
            yield m.REDRIVEN_MESSAGES_TOTAL.sample(moves.sent, name, source, "sent")
            yield m.REDRIVEN_MESSAGES_TOTAL.sample(moves.failed, name, source, "failed")
            yield m.REDRIVES_RUNNING.sample(moves.running, name)
    yield from (m.DEAD_LETTER_ROUTE.sample(1, *way) for way in sorted(graph.ways))
    yield from (m.CONFIGURATION_FAULT.sample(1, *fault) for fault in sorted(graph.faults))


def subscriptions(estate: Estate) -> Iterator[Sample]:
    """How many subscriptions every topic has, and how many of them keep their dead letters."""
    counts = Counter((one.topic, _state(one)) for one in estate.subscriptions)
    for topic in estate.topics:
        for state in ("dead_letters", "none", "pending"):
            yield m.SUBSCRIPTIONS.sample(counts[topic, state], topic, state)


def _state(one: Subscription) -> str:
    """Of one that could not be asked, nothing that is counted."""
    if one.pending:
        return "pending"
    if not one.known:
        return "unknown"
    return "none" if one.dead_letter_arn is None else "dead_letters"
