"""Where dead letters go: from every queue over its dead-letter exchange to the queues that get them. Pure.

What RabbitMQ does with a dead letter: https://www.rabbitmq.com/docs/dlx. Where more than one way is possible, because
the routing key of a message is not known or the exchange's type is none of the standard ones, all of them are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from collectors.rabbitmq.broker import Binding, Broker, Key, Queue

#: Quorum queues have a delivery limit of 20 from this version on.
DELIVERY_LIMIT_SINCE = (4, 0)

_CONVENTIONS = re.compile(
    r"(?P<source>.+?)(?:[._-](?:dlt|dlq|dead[._-]?letters?(?:[._-]queue)?|parking[._-]?lot)|\.parkingLot|_error|_skipped)"
    r"|(?:dlq|dead[._-]?letters?|error|EasyNetQ_Default_Error_Queue)",
    re.I,
)


class Way(NamedTuple):
    """Where a queue's dead letters go; `broken` says why they get nowhere."""

    exchange: str
    targets: frozenset[Key]
    broken: str = ""


@dataclass(slots=True)
class Graph:
    ways: dict[Key, Way] = field(default_factory=dict)
    #: Queues from which messages expire on purpose: delays and retries.
    retries: set[Key] = field(default_factory=set)
    #: Queues that hold dead letters, with those they come from.
    stores: dict[Key, set[Key]] = field(default_factory=dict)
    #: (queue, reason) of what is wrong.
    faults: list[tuple[Key, str]] = field(default_factory=list)

    def source(self, store: Key) -> Key | None:
        """The one queue whose dead letters these are, where there is just one."""
        sources = self.stores[store]
        return next(iter(sources)) if len(sources) == 1 else None


def drawn(
    broker: Broker,
    worked: Collection[Key],
    is_retry: Callable[[Key], bool],
    declared: Mapping[Key, Key | None],
) -> Graph:
    """The graph of a broker. `worked` are the queues that are known to have had a consumer."""
    graph = Graph()
    inbound = _inbound_keys(broker)
    for key, queue in broker.queues.items():
        exchange = queue.text("dead-letter-exchange")
        if exchange is not None:
            graph.ways[key] = _way(broker, queue, exchange, inbound.get(key))
    graph.retries = {key for key in graph.ways if is_retry(key) or _is_delay(key, broker, graph, worked)}
    for key, way in graph.ways.items():
        if key not in graph.retries:
            for target in way.targets - graph.retries - {key}:
                graph.stores.setdefault(target, set()).add(key)
    for key in broker.queues:
        named = _named_store(key, broker)
        if named is not None and key not in graph.retries:
            graph.stores.setdefault(key, named)
    for key, source in declared.items():
        if key in broker.queues:
            graph.stores.setdefault(key, {source} if source is not None else set())
    graph.faults = sorted(set(_faults(broker, graph)))
    return graph


def _way(broker: Broker, queue: Queue, exchange: str, inbound: frozenset[str] | None) -> Way:
    vhost, name = queue.key
    own = queue.text("dead-letter-routing-key")
    keys = frozenset({own}) if own is not None else inbound
    if exchange == "":
        names = keys if keys is not None else frozenset({name})
        found = frozenset((vhost, one) for one in names if (vhost, one) in broker.queues)
    elif (vhost, exchange) not in broker.exchanges:
        return Way(exchange, frozenset(), "exchange missing")
    else:
        found = frozenset(key for key in _reached(broker, vhost, exchange, keys, set()) if key in broker.queues)
    return Way(exchange, found, "" if found else "nothing bound")


def _reached(broker: Broker, vhost: str, exchange: str, keys: frozenset[str] | None, seen: set[str]) -> set[Key]:
    """The queues that an exchange routes to, over other exchanges too; `keys` None stands for any routing key."""
    if exchange in seen or (vhost, exchange) not in broker.exchanges:
        return set()
    seen.add(exchange)
    kind, alternate = broker.exchanges[vhost, exchange]
    found: set[Key] = set()
    for binding in broker.bindings.get((vhost, exchange), ()):
        if keys is None or any(_matches(kind, binding, key) for key in keys):
            if binding.to_queue:
                found.add((vhost, binding.target))
            else:
                found |= _reached(broker, vhost, binding.target, keys, seen)
    if alternate is not None and not found:
        found |= _reached(broker, vhost, alternate, keys, seen)
    return found


def _matches(kind: str, binding: Binding, key: str) -> bool:
    if kind == "direct":
        return binding.routing_key == key
    if kind == "topic":
        return _topic_matches(binding.routing_key.split("."), key.split("."))
    return True


def _topic_matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """`*` stands for one word, `#` for any number of them."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_topic_matches(pattern[1:], words[at:]) for at in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _topic_matches(pattern[1:], words[1:])


def _inbound_keys(broker: Broker) -> dict[Key, frozenset[str] | None]:
    """The routing keys that messages of a queue which dies with them can have; None where they can have any."""
    found: dict[Key, frozenset[str] | None] = {
        key: frozenset({key[1]})
        for key, queue in broker.queues.items()
        if queue.text("dead-letter-exchange") is not None and queue.text("dead-letter-routing-key") is None
    }
    for (vhost, exchange), bindings in broker.bindings.items() if found else ():
        kind = broker.exchanges[vhost, exchange].type if (vhost, exchange) in broker.exchanges else ""
        for binding in bindings:
            key = (vhost, binding.target)
            known = found.get(key)
            if binding.to_queue and known is not None:
                exact = kind == "direct" or (kind == "topic" and not re.search(r"[*#]", binding.routing_key))
                found[key] = known | {binding.routing_key} if exact else None
    return found


def _is_delay(key: Key, broker: Broker, graph: Graph, worked: Collection[Key]) -> bool:
    """Nobody ever read it, its messages expire, and they go where someone works, or back to where they came from."""
    queue, way = broker.queues[key], graph.ways[key]
    if queue.limit("message-ttl") is None or key in worked:
        return False
    consumed = any(
        (one := broker.queues[target].statistics) is not None and one.consumers and _named_store(target, broker) is None
        for target in way.targets
    )
    return consumed or key in _onwards(key, graph)


def _onwards(key: Key, graph: Graph) -> set[Key]:
    """Every queue that dead letters of this one can come to."""
    seen: set[Key] = set()
    open_ = list(graph.ways[key].targets)
    while open_:
        at = open_.pop()
        if at not in seen:
            seen.add(at)
            open_ += graph.ways[at].targets if at in graph.ways else ()
    return seen


def _named_store(key: Key, broker: Broker) -> set[Key] | None:
    """What a queue holds dead letters of, by the names that frameworks give; None where the name says nothing."""
    named = _source_by_name(key[1])
    source = (key[0], named or "")
    return None if named is None else {source} if source in broker.queues else set()


@lru_cache(65536)
def _source_by_name(name: str) -> str | None:
    """The source that the name of a queue of dead letters has in it, "" where it has none; None for other names."""
    match = _CONVENTIONS.fullmatch(name)
    return None if match is None else match["source"] or ""


def _faults(broker: Broker, graph: Graph) -> list[tuple[Key, str]]:
    found = [(key, way.broken) for key, way in graph.ways.items() if way.broken]
    for key, way in graph.ways.items():
        queue = broker.queues[key]
        at_least_once = queue.type == "quorum" and queue.text("dead-letter-strategy") == "at-least-once"
        if at_least_once and queue.text("overflow") != "reject-publish":
            found.append((key, "at-least-once without reject-publish"))
        if key not in graph.retries and key in _onwards(key, graph) and not _onwards(key, graph) & graph.retries:
            found.append((key, "cycle"))
        found += _shorter_retention(queue, way, broker, graph)
    for key in graph.stores:
        queue = broker.queues[key]
        limited = queue.limit("delivery-limit") is not None or broker.version >= DELIVERY_LIMIT_SINCE
        if queue.type == "quorum" and limited and queue.limit("delivery-limit") != -1 and key not in graph.ways:
            found.append((key, "delivery limit without a dead-letter exchange of its own"))
        full = queue.limit("max-length")
        if full is not None and queue.depth is not None and queue.depth >= full:
            found.append((key, "full"))
    return found


def _shorter_retention(queue: Queue, way: Way, broker: Broker, graph: Graph) -> list[tuple[Key, str]]:
    kept = queue.limit("message-ttl")
    stores = way.targets - graph.retries if kept is not None and queue.key not in graph.retries else frozenset()
    limits = {target: broker.queues[target].limit("message-ttl") for target in stores}
    return [
        (target, "retention shorter than its source's")
        for target, limit in limits.items()
        if limit is not None and kept is not None and limit < kept
    ]
