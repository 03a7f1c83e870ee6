"""The backlog of a group on a topic: positions, ages, and how long until retention takes what is unread. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from collectors.kafka.cluster import Cluster, Retention
from collectors.kafka.history import History
from collectors.timeline import EXACT, LOWER_BOUND, Age

#: The rate at which a partition grows is taken over so long.
RATE_SECONDS = 600.0


class Position(NamedTuple):
    """Where a group is in a partition, and from where to where that partition's log goes."""

    committed: int
    start: int
    end: int

    @property
    def unread_from(self) -> int:
        """The offset of the oldest record that the group has not read and that still exists."""
        return max(self.committed, self.start)

    @property
    def backlog(self) -> int:
        return max(0, self.end - self.unread_from)

    @property
    def lost(self) -> int:
        """Records deleted before the group read them."""
        return max(0, self.start - self.committed)

    @property
    def is_beyond_end(self) -> bool:
        return self.committed > self.end


class Backlog(NamedTuple):
    """A group's positions on a topic by partition; only those partitions in which it has committed."""

    group: str
    topic: str
    positions: dict[int, Position]

    @property
    def messages(self) -> int:
        return sum(position.backlog for position in self.positions.values())


class Gap(NamedTuple):
    """A group and topic of which no backlog can be told, and why."""

    group: str
    topic: str
    reason: str


def backlogs(cluster: Cluster) -> Iterator[Backlog | Gap]:
    """What every group has before it on every topic that it has committed for and that still exists."""
    for group, topics in cluster.committed.items():
        for topic, offsets in topics.items():
            if topic not in cluster.topics:
                continue
            spans = cluster.spans(topic)
            existing = {p: offset for p, offset in offsets.items() if p in cluster.topics[topic].partitions}
            if not existing.keys() <= spans.keys():
                yield Gap(group, topic, "log not readable")
            elif existing:
                yield Backlog(group, topic, {p: Position(offset, *spans[p]) for p, offset in existing.items()})


def ages(backlog: Backlog, history: History, now: float) -> dict[int, Age]:
    """Age of the oldest unread record of each partition that has one; nothing known is a lower bound of 0."""
    return {
        partition: history.age(backlog.topic, partition, position.unread_from, now) or Age(0.0, LOWER_BOUND)
        for partition, position in backlog.positions.items()
        if position.backlog
    }


def worst(known: Mapping[int, Age]) -> Age:
    """The highest age. It is a lower bound as soon as that of any partition is one."""
    if not known:
        return Age(0.0, EXACT)
    oldest = max(known.values(), key=lambda age: (age.seconds, age.quality))
    bounded = any(age.quality == LOWER_BOUND for age in known.values())
    return Age(oldest.seconds, LOWER_BOUND) if bounded else oldest


def retention_margin(
    backlog: Backlog, known: Mapping[int, Age], cluster: Cluster, history: History, now: float
) -> float | None:
    """Seconds until the oldest unread record may be deleted; None where no limit applies or too little is known.

    Kafka deletes whole segments, so the record may live longer, but not shorter.
    """
    retention = cluster.retention.get(backlog.topic)
    if retention is None or not known or (retention.seconds is None and retention.bytes is None):
        return None
    margins = []
    for partition, age in known.items():
        margin = _partition_margin(backlog, partition, age, retention, cluster, history, now)
        if margin is None:
            return None
        margins.append(margin)
    return max(0.0, min(margins))


def _partition_margin(
    backlog: Backlog,
    partition: int,
    age: Age,
    retention: Retention,
    cluster: Cluster,
    history: History,
    now: float,
) -> float | None:
    margins = []
    if retention.seconds is not None:
        if age.quality == LOWER_BOUND:
            return None
        margins.append(retention.seconds - age.seconds)
    if retention.bytes is not None:
        position = backlog.positions[partition]
        size = cluster.sizes.get(backlog.topic, {}).get(partition)
        timeline = history.timelines.get(backlog.topic, {}).get(partition)
        rate = timeline.rate(now, RATE_SECONDS) if timeline is not None else None
        by_size = _size_margin(position, retention.bytes, size, rate)
        if by_size is not None:
            margins.append(by_size)
    return min(margins, default=None)


def _size_margin(position: Position, limit: int, size: int | None, rate: float | None) -> float | None:
    """Seconds until newer records push the unread ones over the limit, at records of the average size."""
    if size is None or not rate or position.end <= position.start:
        return None
    average = size / (position.end - position.start)
    return (limit - position.backlog * average) / (rate * average)
