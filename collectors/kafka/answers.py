"""What the answers of a cluster mean. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from kafka import errors
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment

from collectors.kafka.cluster import Group, Members, Offsets, Partition, Retention, Topic

#: What a broker says of a partition that it is to lead and does not yet.
UNSETTLED = {errors.NotLeaderForPartitionError, errors.UnknownTopicOrPartitionError, errors.LeaderNotAvailableError}


def is_unsettled(answer: Any) -> bool:
    """Whether some offsets are missing that will be there in a moment."""
    codes = {one.error_code for topic in answer.topics for one in topic.partitions}
    return bool(codes & {error.errno for error in UNSETTLED})


def topic(answer: Any) -> Topic:
    return Topic(
        str(answer.topic_id or ""),
        {
            one.partition_index: Partition(one.leader_id, tuple(one.replica_nodes), tuple(one.isr_nodes))
            for one in sorted(answer.partitions, key=lambda one: one.partition_index)
        },
    )


def group(answer: Any, coordinator: int) -> Group:
    kind, state = (answer.group_type or "classic").lower(), answer.group_state or ""
    return Group(coordinator, kind, state, answer.protocol_type or "")


def commits(topics: Iterable[Any]) -> Offsets:
    """Offsets that are there; a partition without a commit is told as -1."""
    return {
        topic.name: {one.partition_index: one.committed_offset for one in topic.partitions if one.committed_offset >= 0}
        for topic in topics
    }


def classic_members(group: Any) -> Members:
    return members(assignment(member.member_assignment) for member in group.members)


def consumer_members(group: Any) -> Members:
    """Of a group of KIP-848 or KIP-932: both tell assignments alike."""
    return members(
        {one.topic_name: set(one.partitions) for one in member.assignment.topic_partitions} for member in group.members
    )


def shared_backlog(topics: Iterable[Any]) -> Offsets:
    """Backlog by partition; -1 is what a share group has where it never read."""
    return {
        topic.topic_name: {one.partition_index: one.lag for one in topic.partitions if one.lag >= 0} for topic in topics
    }


def assignment(blob: bytes | None) -> dict[str, set[int]]:
    """Partitions by topic from a classic member's assignment; none where it cannot be read."""
    if not blob:
        return {}
    try:
        decoded: Any = ConsumerProtocolAssignment.decode(bytes(blob))
    except (ValueError, IndexError, TypeError, KeyError, OSError):
        return {}
    return {one.topic: set(one.partitions) for one in decoded.assigned_partitions}


def members(owned: Iterable[Mapping[str, set[int]]]) -> Members:
    """From the partitions by topic of every member."""
    count = 0
    readers: dict[str, int] = defaultdict(int)
    assigned: dict[str, set[int]] = defaultdict(set)
    for topics in owned:
        count += 1
        for topic, partitions in topics.items():
            readers[topic] += bool(partitions)
            assigned[topic] |= partitions
    return Members(count, dict(readers), {topic: frozenset(numbers) for topic, numbers in assigned.items()})


def retention(values: Mapping[str, str | None]) -> Retention:
    """Source: Kafka's topic configuration; -1 means without limit, and only the policy "delete" deletes by age."""
    if "delete" not in (values.get("cleanup.policy") or "delete"):
        return Retention(None, None)
    milliseconds, size = int(values.get("retention.ms") or -1), int(values.get("retention.bytes") or -1)
    return Retention(milliseconds / 1000 if milliseconds >= 0 else None, size if size >= 0 else None)
