"""What a cycle knows of a broker. No figure is made up: None is unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

#: (virtual host, name) of a queue or an exchange.
Key = tuple[str, str]


def destination(key: Key) -> str:
    """What a queue is called: its name in `/`; elsewhere, and where it has a slash, behind its virtual host."""
    vhost, name = key
    return name if vhost == "/" and "/" not in name else f"{quote(vhost, safe='')}/{name}"


def key_of(called: str) -> Key:
    """The virtual host and name of what is called so."""
    vhost, slash, name = called.partition("/")
    return (unquote(vhost), name) if slash else ("/", called)


class Statistics(NamedTuple):
    """What the management database counts of a queue: messages since the statistics began."""

    capacity: float | None
    published: int
    removed: int
    redelivered: int
    head_at: float | None
    #: Dead letters that no other queue has confirmed yet; of a quorum queue.
    waiting: int = 0


class Declaration(NamedTuple):
    """What a queue was declared to be, with its policy: it hardly ever changes."""

    key: Key
    type: str
    temporary: bool
    arguments: dict[str, Any]
    policy: dict[str, Any]

    def text(self, name: str) -> str | None:
        """A setting of the queue: what its declaration says wins over its policy."""
        if not (self.arguments or self.policy):
            return None
        value = self.arguments.get(f"x-{name}", self.policy.get(name))
        return None if value is None else str(value)

    def limit(self, name: str) -> int | None:
        """A limit of the queue: the lower one of declaration and policy."""
        if not (self.arguments or self.policy):
            return None
        values = [self.arguments.get(f"x-{name}"), self.policy.get(name)]
        return min((value for value in values if isinstance(value, int)), default=None)


class Queue(NamedTuple):
    """A queue at one reading. One that stands as it did is the same object as in the cycle before."""

    declared: Declaration
    state: str
    ready: int | None = None
    unacked: int | None = None
    consumers: int | None = None
    statistics: Statistics | None = None

    @property
    def key(self) -> Key:
        return self.declared.key

    @property
    def depth(self) -> int | None:
        return None if self.ready is None or self.unacked is None else self.ready + self.unacked


class Node(NamedTuple):
    name: str
    running: bool
    #: By reason: "memory", "disk", "partition".
    alarms: dict[str, bool]


class Exchange(NamedTuple):
    type: str
    alternate: str | None


class Binding(NamedTuple):
    target: str
    to_queue: bool
    routing_key: str


class StreamConsumer(NamedTuple):
    queue: Key
    name: str
    behind: int


class Layout(NamedTuple):
    """What changes slowly: how queues are declared, and what exchanges route to them."""

    version: tuple[int, ...]
    queues: dict[Key, Declaration]
    exchanges: dict[Key, Exchange]
    bindings: dict[Key, list[Binding]]


class UnroutableCounter(NamedTuple):
    """Counts messages that no queue wanted. The channel "" stands for all that publish to the exchange."""

    channel: str
    exchange: Key
    reason: str


@dataclass(slots=True)
class Broker:
    version: tuple[int, ...] = ()
    nodes: list[Node] = field(default_factory=list)
    queues: dict[Key, Queue] = field(default_factory=dict)
    #: How the queues are declared; the same object as in the cycle before, where that is the same.
    declared: dict[Key, Declaration] = field(default_factory=dict)
    #: Whether every page of queues was read, so that a queue that is not there is gone.
    complete: bool = True
    exchanges: dict[Key, Exchange] = field(default_factory=dict)
    bindings: dict[Key, list[Binding]] = field(default_factory=dict)
    #: Messages that died by (reason, strategy), by node.
    deaths: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)
    #: Messages that no queue wanted, "dropped" or "returned", by node; of the node "" those of the whole broker.
    unroutable: dict[str, dict[str, int]] = field(default_factory=dict)
    #: Of the nodes that were asked in this cycle.
    unroutable_by_exchange: dict[str, dict[UnroutableCounter, int]] = field(default_factory=dict)
    stream_consumers: list[StreamConsumer] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        return Layout(self.version, self.declared, self.exchanges, self.bindings)
