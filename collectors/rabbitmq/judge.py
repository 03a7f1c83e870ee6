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
AT_LEAST_ONCE = "at-least-once"


def within_budget(broker: Broker, graph: Graph, budget: int, temporary: int) -> tuple[list[Queue], list[Skipped]]:
    """The queues that get series: dead-letter queues first, exclusive and auto-named ones last, else by name."""
    passing = sum(queue.declared.temporary for queue in broker.queues.values())
    if len(broker.queues) <= budget and passing <= temporary:
        return list(broker.queues.values()), []
    ordered = sorted(broker.queues.values(), key=lambda q: (q.key not in graph.stores, q.declared.temporary, q.key))
    chosen: list[Queue] = []
    skipped = []
    for queue in ordered:
        if queue.declared.temporary and temporary <= 0:
            skipped.append(Skipped(f"queue {destination(queue.key)}", "over the budget of temporary queues"))
        elif len(chosen) >= budget:
            skipped.append(Skipped(f"queue {destination(queue.key)}", "over the queue budget"))
        else:
            chosen.append(queue)
            temporary -= queue.declared.temporary
    return chosen, skipped


def health(broker: Broker) -> Iterator[Sample]:
    for node in broker.nodes:
        yield m.NODE_UP.sample(float(node.running), node.name)
        if node.running:
            yield from (m.NODE_ALARM.sample(float(on), node.name, reason) for reason, on in node.alarms.items())


def traffic(one: Queue, is_fed: bool) -> list[Sample]:
    """What came into a queue and went out of it, and its readers.

    The broker counts what is published into a queue; into one that `is_fed` by dead letters others come, uncounted.
    """
    if not is_known(one):
        return []
    name, statistics = destination(one.key), one.statistics
    labels = (name, GROUP)
    samples = []
    if statistics is not None:
        if not is_fed:
            samples.append(Sample(m.MESSAGES_IN_TOTAL, (name,), statistics.published))
        samples += [
            Sample(m.MESSAGES_OUT_TOTAL, labels, statistics.removed),
            Sample(m.REDELIVERIES_TOTAL, labels, statistics.redelivered),
        ]
        if statistics.capacity is not None and one.consumers:
            samples.append(Sample(m.CONSUMER_CAPACITY, labels, statistics.capacity))
    if one.consumers is not None:
        samples.append(Sample(m.CONSUMERS, labels, one.consumers))
    return samples


def backlog(one: Queue, is_store: bool, now: float) -> list[Sample]:
    """What waits in a queue; one of dead letters has a backlog only where somebody reads it."""
    if not (is_known(one) and has_backlog(one, is_store)):
        return []
    labels = (destination(one.key), GROUP)
    samples = [
        Sample(m.BACKLOG_MESSAGES, labels, one.ready or 0),
        Sample(m.IN_FLIGHT_MESSAGES, labels, one.unacked or 0),
    ]
    waited = waiting_seconds(one, now)
    if waited is not None:
        samples.append(Sample(m.BACKLOG_AGE_SECONDS, labels, waited))
        samples.append(Sample(m.BACKLOG_AGE_QUALITY, labels, EXACT))
    return samples


def unknown(one: Queue, is_store: bool, now: float) -> list[Skipped]:
    """What is not known of a queue."""
    if not is_known(one):
        return [Skipped(f"queue {destination(one.key)}", f"its figures are unknown: it is {one.state}")]
    if one.ready and has_backlog(one, is_store) and waiting_seconds(one, now) is None:
        return [Skipped(f"age of the backlog of {destination(one.key)}", "the message at its head has no known time")]
    return []


def is_known(one: Queue) -> bool:
    return one.ready is not None or one.declared.type == "stream"


def has_backlog(one: Queue, is_store: bool) -> bool:
    """Whether messages that are ready wait for somebody: those of a stream stay when they were read."""
    return one.declared.type != "stream" and (bool(one.consumers) or not is_store)


def waiting_seconds(one: Queue, now: float) -> float | None:
    """How long the message at the head has waited; None where its publisher gave it no time."""
    if not one.ready:
        return 0.0
    head = one.statistics.head_at if one.statistics is not None else None
    return None if head is None else max(0.0, now - head)


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
        yield m.MESSAGES_IN_TOTAL.sample(history.arrivals[key].total, name)
        oldest = history.oldest(key, now)
        if oldest is not None:
            yield m.DEAD_LETTER_AGE_SECONDS.sample(oldest.seconds, name)
    for key, way in graph.ways.items():
        statistics = broker.queues[key].statistics
        if statistics is not None and broker.queues[key].declared.text("dead-letter-strategy") == AT_LEAST_ONCE:
            yield m.DEAD_LETTERS_WAITING.sample(statistics.waiting, destination(key))
        if key not in graph.retries:
            for target in way.targets & graph.stores.keys():
                yield m.DEAD_LETTER_ROUTE.sample(1, destination(key), destination(target))
    for key, reason in graph.faults:
        yield m.CONFIGURATION_FAULT.sample(1, destination(key), reason)


def counters(history: History) -> Iterator[Sample]:
    """Deaths and unroutable messages, of all nodes together."""
    lost: dict[str, int] = defaultdict(int)
    unroutable: dict[str, int] = {}
    for (kind, *labels), total in history.totals():
        if kind == UNROUTABLE:
            unroutable[labels[0]] = total
        else:
            yield m.DEATHS_TOTAL.sample(total, *labels)
            reason, strategy = labels
            if strategy == DISABLED:
                lost[reason] += total
    yield from (m.DEAD_LETTER_FAILURES_TOTAL.sample(count, "", reason) for reason, count in lost.items())
    for called, reason, count in history.unroutable.totals(unroutable):
        yield m.UNROUTABLE_MESSAGES_TOTAL.sample(count, called, reason)
