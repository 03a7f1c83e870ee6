"""What an account has: queues, topics and subscriptions. No figure is made up: None is unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

#: A queue and a topic may have one name: a topic is called with this before it.
TOPIC = "topic/"
#: Who reads a queue has no name.
CONSUMERS = "consumers"
#: All subscriptions of a topic together, as CloudWatch counts them.
SUBSCRIPTIONS = "subscriptions"


class Depth(NamedTuple):
    """Messages of a queue, approximately: to be had, being handled, and not to be had yet."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def all(self) -> int:
        return sum(self)


class Queue(NamedTuple):
    """How a queue is configured. `retention` is in seconds; a queue's policy and key are None where it has none."""

    name: str
    arn: str
    fifo: bool
    retention: float
    dead_letter_arn: str | None = None
    max_receives: int | None = None
    #: Whether it says itself whose dead letters it takes.
    takes_dead_letters: bool = False
    policy: str | None = None
    key: str | None = None


class Subscription(NamedTuple):
    """A subscription of a topic. `called` says protocol and endpoint, without what may be secret in it."""

    topic: str
    topic_arn: str
    protocol: str
    called: str
    #: Of the queue or function it sends to.
    endpoint_arn: str | None
    pending: bool = False
    #: Whether its attributes could be read; if not, the rest is unknown.
    known: bool = False
    dead_letter_arn: str | None = None
    filtered: bool = False


class Task(NamedTuple):
    """A task that moves dead letters back; `started` is its identity among those of one queue."""

    started: int
    status: str
    moved: int
    to_move: int | None


@dataclass(slots=True)
class Estate:
    """As it was read last."""

    #: Queues by name, as far as their attributes could be read.
    queues: dict[str, Queue] = field(default_factory=dict)
    #: ARNs of all queues that are there, those left out too; None where that is not known.
    there: set[str] | None = None
    #: What dead-letter queues say themselves of where their letters come from: names of queues.
    sources: dict[str, set[str]] = field(default_factory=dict)
    #: ARNs of topics by what they are called.
    topics: dict[str, str] = field(default_factory=dict)
    subscriptions: list[Subscription] = field(default_factory=list)
    #: Policies of the keys that queues are encrypted with, as far as they could be read.
    key_policies: dict[str, str] = field(default_factory=dict)
    #: Of this cycle.
    depths: dict[str, Depth] = field(default_factory=dict)
    tasks: dict[str, list[Task]] = field(default_factory=dict)
