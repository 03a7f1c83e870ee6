"""Which queues hold dead letters, of which others, and what is wrong with the ways into them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from collectors.rabbitmq.broker import Broker, Key, Layout
from collectors.rabbitmq.ways import Way, onwards, ways

#: Quorum queues have a delivery limit of 20 from this version on.
DELIVERY_LIMIT_SINCE = (4, 0)

_CONVENTIONS = re.compile(
    r"(?P<source>.+?)(?:[._-](?:dlt|dlq|dead[._-]?letters?(?:[._-]queue)?|parking[._-]?lot)|\.parkingLot|_error|_skipped)"
    r"|(?:dlq|dead[._-]?letters?|error|EasyNetQ_Default_Error_Queue)",
    re.I,
)


@dataclass(slots=True)
class Graph:
    """As long as nobody declares, binds or begins to read anything, a broker's graph stands; only `full` goes on."""

    layout: Layout | None = None
    ways: dict[Key, Way] = field(default_factory=dict)
    #: Queues that are named for dead letters, with the source that the name says.
    named: dict[Key, set[Key]] = field(default_factory=dict)
    #: Queues from which messages expire on purpose: delays and retries.
    retries: set[Key] = field(default_factory=set)
    #: Queues that hold dead letters, with those they come from.
    stores: dict[Key, set[Key]] = field(default_factory=dict)
    #: (queue, reason) of what is wrong with the configuration.
    flaws: set[tuple[Key, str]] = field(default_factory=set)
    #: Queues of dead letters that drop one for every new one.
    full: set[Key] = field(default_factory=set)

    @property
    def faults(self) -> list[tuple[Key, str]]:
        """(queue, reason) of all that is wrong."""
        return sorted(self.flaws | {(key, "full") for key in self.full})

    @property
    def fed(self) -> set[Key]:
        """Queues that live on dead letters: those that hold them, and those where they wait to be tried again."""
        return self.stores.keys() | {target for way in self.ways.values() for target in way.targets & self.retries}

    def source(self, store: Key) -> Key | None:
        """The one queue whose dead letters these are, where there is just one."""
        sources = self.stores[store]
        return next(iter(sources)) if len(sources) == 1 else None


def drawn(
    broker: Broker,
    worked: Collection[Key],
    is_retry: Callable[[Key], bool],
    declared: Mapping[Key, Key | None],
    before: Graph | None = None,
) -> Graph:
    """The graph of a broker. `worked` are the queues that are known to have had a consumer; `before` is the graph of
    the last cycle, which is taken over as far as nothing changed."""
    graph = before or Graph()
    layout = broker.layout
    if graph.layout != layout:
        graph = Graph(layout, ways(layout), _named_stores(layout))
    retries = {key for key in graph.ways if is_retry(key) or _is_delay(key, broker, graph, worked)}
    if graph is not before or retries != graph.retries:
        stores = _stores(layout, graph, retries, declared)
        graph = replace(graph, retries=retries, stores=stores)
        graph.flaws = set(_flaws(layout, graph))
    return replace(graph, full={key for key in graph.stores if _is_full(key, broker)})


def _is_delay(key: Key, broker: Broker, graph: Graph, worked: Collection[Key]) -> bool:
    """Nobody ever read it, its messages expire, and they go where someone works, or back to where they came from."""
    if broker.queues[key].declared.limit("message-ttl") is None or key in worked:
        return False
    consumed = any(broker.queues[target].consumers and target not in graph.named for target in graph.ways[key].targets)
    return consumed or key in onwards(key, graph.ways)


def _stores(
    layout: Layout, graph: Graph, retries: Collection[Key], declared: Mapping[Key, Key | None]
) -> dict[Key, set[Key]]:
    """Queues of dead letters with their sources: as the ways lead, else as they are named, else as is declared."""
    found: dict[Key, set[Key]] = {}
    for key, way in graph.ways.items():
        if key not in retries:
            for target in way.targets - {*retries, key}:
                found.setdefault(target, set()).add(key)
    for key, sources in graph.named.items():
        if key not in retries:
            found.setdefault(key, sources)
    for key, source in declared.items():
        if key in layout.queues:
            found.setdefault(key, {source} if source is not None else set())
    return found


def _named_stores(layout: Layout) -> dict[Key, set[Key]]:
    """What queues hold dead letters of, by the names that frameworks give."""
    found: dict[Key, set[Key]] = {}
    for vhost, name in layout.queues:
        match = _CONVENTIONS.fullmatch(name)
        if match is not None:
            source = (vhost, match["source"] or "")
            found[vhost, name] = {source} & layout.queues.keys()
    return found


def _flaws(layout: Layout, graph: Graph) -> Iterator[tuple[Key, str]]:
    for key, way in graph.ways.items():
        queue = layout.queues[key]
        if way.broken:
            yield key, way.broken
        at_least_once = queue.type == "quorum" and queue.text("dead-letter-strategy") == "at-least-once"
        if at_least_once and queue.text("overflow") != "reject-publish":
            yield key, "at-least-once without reject-publish"
        if key not in graph.retries:
            reached = onwards(key, graph.ways)
            if key in reached and not reached & graph.retries:
                yield key, "cycle"
            yield from _shorter_retention(key, way, layout, graph)
    for key in graph.stores:
        queue = layout.queues[key]
        limited = queue.limit("delivery-limit") is not None or layout.version >= DELIVERY_LIMIT_SINCE
        if queue.type == "quorum" and limited and queue.limit("delivery-limit") != -1 and key not in graph.ways:
            yield key, "delivery limit without a dead-letter exchange of its own"


def _shorter_retention(key: Key, way: Way, layout: Layout, graph: Graph) -> Iterator[tuple[Key, str]]:
    kept = layout.queues[key].limit("message-ttl")
    for target in way.targets - graph.retries if kept is not None else ():
        limit = layout.queues[target].limit("message-ttl")
        if limit is not None and kept is not None and limit < kept:
            yield target, "retention shorter than its source's"


def _is_full(key: Key, broker: Broker) -> bool:
    queue = broker.queues[key]
    most = queue.declared.limit("max-length")
    return most is not None and queue.depth is not None and queue.depth >= most
