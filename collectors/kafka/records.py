"""When the record at an offset was written, read from the one batch that holds it.

Reading needs the right to Read the topic. Nothing is committed, and no group is joined.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from kafka import errors
from kafka.protocol.consumer import FetchRequest
from kafka.record import MemoryRecords

from collectors.kafka.client import Client, Question
from collectors.kafka.cluster import Cluster

#: A broker sends at least one whole batch a request, and of the other partitions no more than this.
PARTITION_BYTES = 16 * 1024
REQUEST_BYTES = 128 * 1024

#: Head of a record batch of format 2: first offset, length, leader epoch, magic, checksum, attributes, last offset
#: delta, first and highest timestamp in milliseconds. Source: Kafka's documentation of the message format.
_HEAD = struct.Struct(">qiibIhiqq")
_LOG_APPEND_TIME, _CONTROL = 0x08, 0x20


class Place(NamedTuple):
    topic: str
    partition: int
    offset: int


class Found(NamedTuple):
    """Epoch seconds of the records that could be read, and topics that the agent may not read."""

    written: dict[Place, float]
    denied: set[str]


def read_times(client: Client, cluster: Cluster, places: Iterable[Place], deadline: float) -> Found:
    """Read the records at these places, one request a leader."""
    by_leader: dict[int, list[Place]] = defaultdict(list)
    for place in places:
        by_leader[cluster.topics[place.topic].partitions[place.partition].leader].append(place)
    found = Found({}, set())
    answers = client.ask([Question(_fetch(wanted), leader) for leader, wanted in by_leader.items()], deadline)
    for wanted, answer in zip(by_leader.values(), answers, strict=True):
        if not isinstance(answer, errors.KafkaError):
            _take(answer, {(place.topic, place.partition): place for place in wanted}, found)
    return found


def written_at(records: bytes, offset: int) -> float | None:
    """Epoch seconds at which the first record at or after an offset was written; None where that cannot be told."""
    if len(records) < _HEAD.size:
        return None
    first, length, _, magic, _, attributes, _, first_ms, highest_ms = _HEAD.unpack_from(records)
    if magic != 2 or attributes & _CONTROL:
        return None
    if attributes & _LOG_APPEND_TIME:
        return _seconds(highest_ms)
    if first >= offset:
        return _seconds(first_ms)
    return _decoded(records, offset) if len(records) >= length + 12 else None


def _decoded(records: bytes, offset: int) -> float | None:
    """Look into the batch, which may be compressed with something that is not installed."""
    try:
        batch = MemoryRecords(records).next_batch()
        for record in batch or ():
            if record.offset >= offset:
                return _seconds(record.timestamp)
    except (errors.KafkaError, AssertionError, ValueError, NotImplementedError, RuntimeError):
        pass
    return None


def _seconds(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds > 0 else None


def _fetch(places: list[Place]) -> Any:
    topic = FetchRequest.FetchTopic
    partition = topic.FetchPartition
    by_topic: dict[str, list[Any]] = defaultdict(list)
    for place in places:
        by_topic[place.topic].append(
            partition(partition=place.partition, fetch_offset=place.offset, partition_max_bytes=PARTITION_BYTES)
        )
    return FetchRequest(
        replica_id=-1,
        max_wait_ms=0,
        min_bytes=1,
        max_bytes=REQUEST_BYTES,
        isolation_level=0,
        topics=[topic(topic=name, partitions=partitions) for name, partitions in by_topic.items()],
        forgotten_topics_data=[],
        min_version=4,
        max_version=12,
    )


def _take(answer: Any, wanted: dict[tuple[str, int], Place], found: Found) -> None:
    for topic in answer.responses:
        for one in topic.partitions:
            place = wanted[topic.topic, one.partition_index]
            if errors.for_code(one.error_code) is errors.TopicAuthorizationFailedError:
                found.denied.add(topic.topic)
            written = written_at(bytes(one.records or b""), place.offset)
            if written is not None:
                found.written[place] = written
