"""Which queues hold dead letters, of which queues and topics, and what is wrong with the ways into them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from collectors.aws.arn import parsed
from collectors.aws.policy import admits
from collectors.sqs.estate import Estate, Queue

SNS = "sns.amazonaws.com"
SEND = "sqs:SendMessage"
#: AWS's own key for SQS: its policy cannot be changed, and lets no other service in.
_MANAGED_KEY = "alias/aws/sqs"

NO_DEAD_LETTER_QUEUE = "no dead-letter queue"
GONE = "dead-letter queue is gone"
SHORT_RETENTION = "retention not longer than its source's"
ONE_RECEIVE = "maxReceiveCount 1"
NOT_ADMITTED = "its policy does not admit SNS"
KEY_CLOSED = "encrypted with a key that SNS may not use"

_NAMED = re.compile(r"(?:(?P<source>.+?)[-_])?(?:dlq|dlt|dead[-_]?letters?(?:[-_]queue)?)(?P<fifo>\.fifo)?", re.I)


@dataclass(slots=True)
class Graph:
    #: Queues of dead letters, with what their letters come from: queues by name, topics as they are called.
    stores: dict[str, set[str]] = field(default_factory=dict)
    #: (from, to) of every way that dead letters take.
    ways: set[tuple[str, str]] = field(default_factory=set)
    #: (queue or topic, reason) of what is wrong with the configuration.
    faults: set[tuple[str, str]] = field(default_factory=set)

    def source(self, store: str) -> str:
        """The one that all dead letters of a queue come from; empty where there are more, or none is known."""
        sources = self.stores[store]
        return next(iter(sources)) if len(sources) == 1 else ""


def drawn(estate: Estate, declared: Mapping[str, str]) -> Graph:
    """`declared` are queues of dead letters that the configuration names, with their source or nothing."""
    graph = Graph()
    names = {queue.arn: name for name, queue in estate.queues.items()}
    for source, arn in _dead_letter_arns(estate):
        if arn in names:
            graph.ways.add((source, names[arn]))
    graph.ways |= {(source, store) for store, found in estate.sources.items() for source in found}
    for source, store in graph.ways:
        graph.stores.setdefault(store, set()).add(source)
    for name, queue in estate.queues.items():
        match = _NAMED.fullmatch(name)
        if queue.takes_dead_letters or name in declared:
            graph.stores.setdefault(name, {declared[name]} if declared.get(name) else set())
        elif match is not None:
            source = (match["source"] or "") + (match["fifo"] or "")
            graph.stores.setdefault(name, {source} & estate.queues.keys())
    graph.faults = {*_faults_of_queues(estate, graph), *_faults_of_topics(estate)}
    return graph


def _dead_letter_arns(estate: Estate) -> Iterator[tuple[str, str]]:
    for name, queue in estate.queues.items():
        if queue.dead_letter_arn is not None:
            yield name, queue.dead_letter_arn
    for one in estate.subscriptions:
        if one.dead_letter_arn is not None:
            yield one.topic, one.dead_letter_arn


def _faults_of_queues(estate: Estate, graph: Graph) -> Iterator[tuple[str, str]]:
    for name, queue in estate.queues.items():
        if queue.dead_letter_arn is None:
            if name not in graph.stores:
                yield name, NO_DEAD_LETTER_QUEUE
        else:
            if queue.max_receives == 1:
                yield name, ONE_RECEIVE
            yield from _missing(name, queue.dead_letter_arn, estate)
    for source, store in graph.ways:
        one, other = estate.queues.get(source), estate.queues.get(store)
        # a dead letter of a standard queue keeps the time it was first sent, and goes when it is as old as its new
        # queue keeps messages; in a FIFO queue its time begins anew
        if one is not None and other is not None and not other.fifo and other.retention <= one.retention:
            yield store, SHORT_RETENTION


def _faults_of_topics(estate: Estate) -> Iterator[tuple[str, str]]:
    for one in estate.subscriptions:
        if one.known and not one.pending:
            if one.dead_letter_arn is None:
                yield one.topic, NO_DEAD_LETTER_QUEUE
            else:
                yield from _missing(one.topic, one.dead_letter_arn, estate)
                yield from _closed(one.dead_letter_arn, one.topic_arn, estate)
        if one.protocol == "sqs" and one.endpoint_arn is not None:
            yield from _closed(one.endpoint_arn, one.topic_arn, estate)


def _missing(source: str, arn: str, estate: Estate) -> Iterator[tuple[str, str]]:
    if estate.there is not None and arn not in estate.there:
        yield source, GONE


def _closed(arn: str, topic_arn: str, estate: Estate) -> Iterator[tuple[str, str]]:
    """What keeps the topic from writing into the queue."""
    found, topic = parsed(arn), parsed(topic_arn)
    queue = estate.queues.get(found.name) if found is not None and topic is not None else None
    if queue is None or queue.arn != arn:
        return
    if not admits(queue.policy, SNS, SEND, topic_arn):
        yield queue.name, NOT_ADMITTED
    if _is_key_closed(queue, topic_arn, estate):
        yield queue.name, KEY_CLOSED


def _is_key_closed(queue: Queue, topic_arn: str, estate: Estate) -> bool:
    if queue.key is None:
        return False
    if queue.key.endswith(_MANAGED_KEY):
        return True
    policy = estate.key_policies.get(queue.key)
    return policy is not None and not admits(policy, SNS, "kms:GenerateDataKey", topic_arn)
