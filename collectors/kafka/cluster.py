"""What is known of a cluster after a cycle: values, and questions about them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

#: Groups asked about in one request.
BATCH = 50

#: Offsets by topic and partition.
Offsets = dict[str, dict[int, int]]

#: `GroupState` as a number, whatever the protocol; states of other protocols are 0.
STATES = {
    "": 0,
    "dead": 1,
    "empty": 2,
    "stable": 3,
    "assigning": 4,
    "reconciling": 5,
    "preparingrebalance": 5,
    "completingrebalance": 5,
}


class Partition(NamedTuple):
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


class Topic(NamedTuple):
    """`id` changes when a topic is deleted and made anew; it is "" where the cluster is older than 2.8."""

    id: str
    partitions: dict[int, Partition]


class Members(NamedTuple):
    """Who reads in a group: members by topic, and the partitions that any of them has."""

    total: int
    readers: dict[str, int]
    assigned: dict[str, frozenset[int]]


class Group(NamedTuple):
    """`kind` is classic, consumer (KIP-848), share (KIP-932) or streams; `protocol` "" where no member ever joined."""

    coordinator: int
    kind: str
    state: str
    protocol: str

    @property
    def state_number(self) -> int:
        return STATES.get(self.state.lower().replace("_", "").replace(" ", ""), 0)

    @property
    def is_empty(self) -> bool:
        return self.state_number == STATES["empty"]


class Retention(NamedTuple):
    """When a topic deletes: after so many seconds, beyond so many bytes a partition; None for never."""

    seconds: float | None
    bytes: int | None


@dataclass(slots=True)
class Cluster:
    """Offsets are of this cycle, as are the topics; the rest may be some cycles old."""

    topics: dict[str, Topic] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    committed: dict[str, Offsets] = field(default_factory=dict)
    starts: Offsets = field(default_factory=dict)
    ends: Offsets = field(default_factory=dict)
    members: dict[str, Members] = field(default_factory=dict)
    retention: dict[str, Retention] = field(default_factory=dict)
    sizes: Offsets = field(default_factory=dict)
    #: Backlog that the cluster itself tells, of share groups.
    shared: dict[str, Offsets] = field(default_factory=dict)
    expiry_seconds: float | None = None

    def complete(self, topic: str) -> bool:
        """Whether the log of every partition is known, so that a sum over them says the truth."""
        known = self.ends.get(topic, {})
        return topic in self.topics and all(number in known for number in self.topics[topic].partitions)

    def spans(self, topic: str) -> dict[int, tuple[int, int]]:
        """(log start, log end) of the partitions of which both are known."""
        starts, ends = self.starts.get(topic, {}), self.ends.get(topic, {})
        return {number: (min(starts[number], end), end) for number, end in ends.items() if number in starts}

    def by_leader(
        self, names: Iterable[str], wanted: Callable[[str, int], bool] = lambda topic, number: True
    ) -> dict[int, dict[str, list[int]]]:
        """Partitions by topic, by the broker that leads them."""
        owned: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for name in names:
            for number, partition in self.topics[name].partitions.items():
                if partition.leader >= 0 and wanted(name, number):
                    owned[partition.leader][name].append(number)
        return owned

    def batches(self, wanted: Callable[[Group], bool], size: int = BATCH) -> Iterator[tuple[int, list[str]]]:
        """(coordinator, names of so many of its groups), in an order that stays."""
        by_broker = defaultdict(list)
        for name, group in sorted(self.groups.items()):
            if wanted(group):
                by_broker[group.coordinator].append(name)
        for broker, names in by_broker.items():
            yield from ((broker, names[at : at + size]) for at in range(0, len(names), size))
