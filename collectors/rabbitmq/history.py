"""What outlives a cycle: dead letters that ever came, counters over restarts of nodes, queues that had a consumer."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from collectors.arrivals import Arrivals
from collectors.rabbitmq.broker import Broker, Key, destination, key_of
from collectors.rabbitmq.graph import Graph
from collectors.rabbitmq.unroutable import Unroutable
from collectors.timeline import Age, Timeline, packed, unpacked

#: Kinds of counters.
DEATHS, UNROUTABLE = "deaths", "unroutable"

#: Four intervals of the broker's statistics: then the depth has shown what was taken out, in either order.
PATIENCE_SECONDS = 20.0
_ARRIVALS = "arrivals"
_COUNTERS = "counters"
_EXCHANGES = "exchanges"
_WORKED = "worked"
_TIMELINE = "timeline/"


class History:
    """Everything the collector remembers of one broker. `take_changes` says what is to be stored."""

    def __init__(self) -> None:
        self.arrivals: dict[Key, Arrivals] = {}
        self.timelines: dict[Key, Timeline] = {}
        #: Queues with expiring messages that ever had a consumer.
        self.worked: set[Key] = set()
        self.unroutable = Unroutable()
        self._counters: dict[str, dict[str, list[int]]] = {}  # by name and node: [last value, total]
        #: Queues of the last complete reading, and those of dead letters among them.
        self._last: tuple[Collection[Key], Collection[Key]] = (), ()
        self._seen = 0.0
        self._changed: set[str] = set()

    def restore(self, memory: Mapping[str, bytes]) -> None:
        """Take back what was stored; what cannot be read is as if it had never been."""
        for key, blob in memory.items():
            try:
                self._restore(key, blob)
            except (ValueError, TypeError, KeyError):
                continue

    def note_consumers(self, broker: Broker) -> None:
        for key, queue in broker.queues.items():
            if queue.consumers and key not in self.worked and queue.declared.limit("message-ttl") is not None:
                self.worked.add(key)
                self._changed.add(_WORKED)

    def note_stores(self, broker: Broker, graph: Graph, now: float) -> None:
        """Count what came into the queues of dead letters."""
        for key in graph.stores:
            queue = broker.queues[key]
            if queue.depth is not None:
                removed = queue.statistics.removed if queue.statistics is not None else None
                self._count(key, queue.depth, removed, now)
        if broker.complete:
            for key in self.arrivals.keys() - broker.queues.keys():
                self.arrivals[key].gone(now)
            self._last = broker.queues.keys(), graph.stores.keys()
        self._seen = now

    def oldest(self, key: Key, now: float) -> Age | None:
        """Age of the oldest dead letter of a queue: when as many had come as lie before it."""
        arrivals, timeline = self.arrivals.get(key), self.timelines.get(key)
        if arrivals is None or timeline is None or not arrivals.depth:
            return None
        return timeline.age(arrivals.total - arrivals.depth, now)

    def note_counters(self, broker: Broker) -> None:
        """Take the broker's own counters on, of which each begins anew with its node."""
        for node, deaths in broker.deaths.items():
            for (reason, strategy), count in deaths.items():
                self._note_counter((DEATHS, reason, strategy), node, count)
        for node, unroutable in broker.unroutable.items():
            for reason, count in unroutable.items():
                self._note_counter((UNROUTABLE, reason), node, count)
        for node, counters in broker.unroutable_by_exchange.items():
            self.unroutable.note(node, counters)
            self._changed.add(_EXCHANGES)

    def totals(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """The counters, all nodes together; what a node counted stays when the node has gone."""
        for name, nodes in self._counters.items():
            yield tuple(name.split("/")), sum(total for _, total in nodes.values())

    def take_changes(self) -> dict[str, bytes | None]:
        """What is to be stored now, by key."""
        changes: dict[str, bytes | None] = {}
        for key in self._changed:
            if key == _ARRIVALS:
                changes[key] = _json({destination(one): count.state() for one, count in self.arrivals.items()})
            elif key == _COUNTERS:
                changes[key] = _json(self._counters)
            elif key == _EXCHANGES:
                changes[key] = _json(self.unroutable.state())
            elif key == _WORKED:
                changes[key] = _json(sorted(destination(one) for one in self.worked))
            else:
                changes[key] = packed({0: self.timelines[key_of(key.removeprefix(_TIMELINE))]})
        self._changed.clear()
        return changes

    def _count(self, key: Key, depth: int, removed: int | None, now: float) -> None:
        known = self.arrivals.get(key)
        if known is None:
            # a queue that was there before and got its first dead-letter route now did not get its messages by it
            known = self.arrivals[key] = Arrivals(
                depth, removed, 0 if self._was_ordinary(key) else depth + (removed or 0), PATIENCE_SECONDS
            )
            self._changed.add(_ARRIVALS)
        before = known.state()
        known.note(now, depth, removed)
        if known.state() != before:
            self._changed.add(_ARRIVALS)
        if self.timelines.setdefault(key, Timeline()).add(now, known.total, self._seen):
            self._changed.add(_TIMELINE + destination(key))

    def _was_ordinary(self, key: Key) -> bool:
        queues, stores = self._last
        return key in queues and key not in stores

    def _note_counter(self, name: tuple[str, ...], node: str, count: int) -> None:
        nodes = self._counters.setdefault("/".join(name), {})
        last, total = nodes.get(node, (0, 0))
        if node not in nodes or count != last:
            nodes[node] = [count, total + (count - last if count >= last else count)]
            self._changed.add(_COUNTERS)

    def _restore(self, key: str, blob: bytes) -> None:
        if key == _ARRIVALS:
            self.arrivals = {
                key_of(name): Arrivals.restored(state, PATIENCE_SECONDS) for name, state in json.loads(blob).items()
            }
        elif key == _COUNTERS:
            self._counters = {name: dict(nodes) for name, nodes in json.loads(blob).items()}
        elif key == _EXCHANGES:
            self.unroutable = Unroutable.restored(json.loads(blob))
        elif key == _WORKED:
            self.worked = {key_of(name) for name in json.loads(blob)}
        elif key.startswith(_TIMELINE):
            self.timelines[key_of(key.removeprefix(_TIMELINE))] = unpacked(blob)[0]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
