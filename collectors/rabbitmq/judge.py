"""What a cycle's broker says in the words of the vocabulary. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from collectors import metrics as m
from collectors.base import Sample, Skipped
from collectors.rabbitmq.broker import Broker, Key, Queue, destination
from collectors.rabbitmq.graph import Graph
from collectors.rabbitmq.history import UNROUTABLE, History
from collectors.timeline import EXACT

#: A queue has one group of readers, which has no name of its own.
GROUP = "consumers"
#: Strategy of deaths that go nowhere.
DISABLED = "disabled"


def within_budget(broker: Broker, graph: Graph, budget: int, temporary: int) -> tuple[list[Queue], list[Skipped]]:
    """The queues that get series: dead-letter queues first, exclusive and auto-named ones last, else by name."""
    ordered = sorted(broker.queues.values(), key=lambda q: (q.key not in graph.stores, q.temporary, q.key))
    chosen: list[Queue] = []
    skipped = []
    for queue in ordered:
        if queue.temporary and temporary <= 0:
            skipped.append(Skipped(f"queue {destination(queue.key)}", "over the budget of temporary queues"))
        elif len(chosen) >= budget:
            skipped.append(Skipped(f"queue {destination(queue.key)}", "over the queue budget"))
        else:
            chosen.append(queue)
            temporary -= queue.temporary
    return chosen, skipped


def health(broker: Broker) -> Iterator[Sample]:
    for node in broker.nodes:
        yield m.NODE_UP.sample(float(node.running), node.name)
        if node.running:
            yield from (m.NODE_ALARM.sample(float(on), node.name, reason) for reason, on in node.alarms.items())


def queue(one: Queue, is_store: bool, now: float) -> Iterator[Sample | Skipped]:
    """Backlog, readers and traffic of a queue; a queue of dead letters has a backlog only where somebody reads it."""
    name, statistics = destination(one.key), one.statistics
    if one.ready is None and one.type != "stream":
        yield Skipped(f"queue {name}", f"its figures are unknown: it is {one.state}")
        return
    labels = (name, GROUP)
    if statistics is not None:
        yield m.MESSAGES_IN_TOTAL.sample(statistics.published, name)
        yield m.MESSAGES_OUT_TOTAL.sample(statistics.removed, *labels)
        yield m.REDELIVERIES_TOTAL.sample(statistics.redelivered, *labels)
        if statistics.consumers is not None:
            yield m.CONSUMERS.sample(statistics.consumers, *labels)
            if statistics.capacity is not None and statistics.consumers:
                yield m.CONSUMER_CAPACITY.sample(statistics.capacity, *labels)
    if (
        one.type == "stream"
        or one.ready is None
        or (is_store and not (statistics is not None and statistics.consumers))
    ):
        return
    yield m.BACKLOG_MESSAGES.sample(one.ready, *labels)
    yield m.IN_FLIGHT_MESSAGES.sample(one.unacked or 0, *labels)
    head = statistics.head_at if statistics is not None else None
    if one.ready == 0 or head is not None:
        yield m.BACKLOG_AGE_SECONDS.sample(max(0.0, now - head) if one.ready and head is not None else 0.0, *labels)
        yield m.BACKLOG_AGE_QUALITY.sample(EXACT, *labels)
    else:
        yield Skipped(f"age of the backlog of {name}", "the message at its head has no known time")


def streams(broker: Broker) -> Iterator[Sample]:
    """Backlog of the consumers of streams; of several with one name that of the furthest behind."""
    behind: dict[tuple[Key, str], int] = defaultdict(int)
    for one in broker.stream_consumers:
        behind[one.queue, one.name] = max(behind[one.queue, one.name], one.behind)
    for (key, name), count in behind.items():
        yield m.BACKLOG_MESSAGES.sample(count, destination(key), name)


def dead_letters(broker: Broker, graph: Graph, history: History, now: float) -> Iterator[Sample]:
    """Depth, count and age of the queues of dead letters, and the ways into them."""
    for key in graph.stores:
        depth, name = broker.queues[key].depth, destination(key)
        source = graph.source(key)
        called = destination(source) if source is not None else ""
        if depth is None or key not in history.arrivals:
            continue
        yield m.DEAD_LETTERS.sample(depth, name, called)
        yield m.DEAD_LETTERED_MESSAGES_TOTAL.sample(history.arrivals[key].total, name, called, "")
        oldest = history.oldest(key, now)
        if oldest is not None:
            yield m.DEAD_LETTER_AGE_SECONDS.sample(oldest.seconds, name)
    for key, way in graph.ways.items():
        if key not in graph.retries:
            for target in way.targets & graph.stores.keys():
                yield m.DEAD_LETTER_ROUTE.sample(1, destination(key), destination(target))
    for key, reason in graph.faults:
        yield m.CONFIGURATION_FAULT.sample(1, destination(key), reason)


def counters(history: History) -> Iterator[Sample]:
    """Deaths and unroutable messages, of all nodes together."""
    lost: dict[str, int] = defaultdict(int)
    for (kind, *labels), total in history.totals():
        if kind == UNROUTABLE:
            yield m.UNROUTABLE_MESSAGES_TOTAL.sample(total, "", *labels)
        else:
            yield m.DEATHS_TOTAL.sample(total, *labels)
            reason, strategy = labels
            if strategy == DISABLED:
                lost[reason] += total
    yield from (m.DEAD_LETTER_FAILURES_TOTAL.sample(count, "", reason) for reason, count in lost.items())
