"""Reads a Kafka cluster: fetched in a few batched requests, then judged by pure functions.

Committed offsets are read before log ends, so that a race overstates the backlog and never makes it negative.
Backlog is to the high watermark: records of open transactions count.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError

from collectors import metrics as m
from collectors.base import CollectError, Finding, PartError, Reading, Sample, Skipped
from collectors.kafka.deadletters import source_of_dead_letters, source_of_retries
from collectors.kafka.settings import KafkaSettings
from collectors.kafka.timeline import Age, Timeline, packed, unpacked

#: Groups asked for in one request.
BATCH = 50
EARLIEST, LATEST = -2, -1

Offsets = dict[TopicPartition, int]


@dataclass(slots=True)
class Cluster:
    """What one cycle fetched."""

    groups: dict[str, str] = field(default_factory=dict)  # id -> state
    topics: dict[str, list[int]] = field(default_factory=dict)  # name -> partitions
    committed: dict[str, Offsets] = field(default_factory=dict)
    starts: Offsets = field(default_factory=dict)
    ends: Offsets = field(default_factory=dict)


class KafkaCollector:
    """One cluster. Its connections are kept between cycles, and made anew after a failure."""

    system = "kafka"
    Settings = KafkaSettings

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self._declared = {topic.destination: topic.source for topic in settings.dead_letters}
        self._timelines: dict[str, dict[int, Timeline]] = {}
        self._admin: Any = None
        self._requests = 0

    def restore(self, memory: Mapping[str, bytes]) -> None:
        self._timelines = {topic: unpacked(blob) for topic, blob in memory.items()}

    def collect(self, now: float, deadline: float) -> Reading:
        reading = Reading()
        self._requests = 0
        try:
            began = time.monotonic()
            cluster = self._fetch(reading, deadline)
            reading.phases["fetch"] = time.monotonic() - began
        except (KafkaError, OSError, TimeoutError) as error:
            self.close()
            raise CollectError(f"cannot read {self._address}: {_said(error)}") from None
        reading.requests = self._requests
        self._note(cluster, now, reading)
        reading.samples += _destinations(cluster)
        reading.samples += _retries(cluster)
        reading.samples += self._dead_letters(cluster, now)
        reading.samples += self._groups(cluster, now)
        return reading

    def check(self, deadline: float) -> list[Finding]:
        """Whether the cluster answers, and what of it can be read."""
        try:
            reading = self.collect(time.time(), deadline)
        except CollectError as error:
            return [Finding(False, str(error), "is the address right, does it listen, and do user and protocol fit?")]
        backlog = {sample.labels for sample in reading.samples if sample.metric is m.BACKLOG_MESSAGES}
        dead = {sample.labels[0] for sample in reading.samples if sample.metric is m.DEAD_LETTERS}
        findings = [
            Finding(True, f"{self._address} answers"),
            Finding(True, f"backlog of {len({group for _, group in backlog})} groups on {len(backlog)} topics"),
            Finding(True, f"dead-letter topics: {', '.join(sorted(dead)) or 'none'}"),
        ]
        findings += [Finding(True, f"{one.what} is left out: {one.reason}") for one in reading.skipped]
        findings += [Finding(False, f"{e.part}: {e.message}", "grant Describe on it") for e in reading.errors]
        return findings

    def close(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    @property
    def _address(self) -> str:
        return ", ".join(self.settings.bootstrap_servers)

    def _fetch(self, reading: Reading, deadline: float) -> Cluster:
        admin = self._connected(deadline)
        cluster = Cluster()
        cluster.topics = self._topics(admin)
        cluster.groups = self._listed(admin, reading)
        names = list(cluster.groups)
        for at in range(0, len(names), BATCH):
            _expire(deadline)
            cluster.committed |= self._committed(admin, names[at : at + BATCH], reading)
        partitions = [TopicPartition(topic, number) for topic, all_ in cluster.topics.items() for number in all_]
        if partitions:
            _expire(deadline)
            cluster.ends = self._offsets(admin, partitions, LATEST, reading)
            cluster.starts = self._offsets(admin, partitions, EARLIEST, reading)
        for group in names:
            if not cluster.committed.get(group) and not any(e.part == f"group {group}" for e in reading.errors):
                reading.skipped.append(Skipped(f"group {group}", "never committed"))
        return cluster

    def _connected(self, deadline: float) -> Any:
        left = max(100, int((deadline - time.monotonic()) * 1000))
        if self._admin is None:
            timeout = min(left, int(self.settings.timeout * 1000))
            self._admin = KafkaAdminClient(
                **self.settings.client(), request_timeout_ms=timeout, bootstrap_timeout_ms=timeout
            )
            self._count_requests(self._admin)
        return self._admin

    def _count_requests(self, admin: Any) -> None:
        manager = admin._manager
        send: Callable[..., Any] = manager.send

        def counted(*arguments: Any, **named: Any) -> Any:
            self._requests += 1
            return send(*arguments, **named)

        manager.send = counted

    def _topics(self, admin: Any) -> dict[str, list[int]]:
        return {
            topic["name"]: sorted(partition["partition_index"] for partition in topic["partitions"])
            for topic in admin.describe_topics()
            if not topic.get("error_code") and self.settings.topics.admits(topic["name"])
        }

    def _listed(self, admin: Any, reading: Reading) -> dict[str, str]:
        """Consumer groups by id; filtered here, before anything is asked about them."""
        found = {}
        for group in admin.list_groups():
            name, kind = group["group_id"], str(group.get("group_type") or "classic")
            if not self.settings.groups.admits(name):
                reading.skipped.append(Skipped(f"group {name}", "filtered"))
            elif kind.lower() == "share":
                reading.skipped.append(Skipped(f"group {name}", "share group"))
            else:
                found[name] = str(group.get("group_state") or "")
        return found

    def _committed(self, admin: Any, groups: list[str], reading: Reading) -> dict[str, Offsets]:
        """Committed offsets of a batch; when it is refused, group by group, so that one does not hide the rest."""
        try:
            answer = admin.list_group_offsets(groups)
        except KafkaError as error:
            if len(groups) == 1:
                reading.errors.append(PartError(f"group {groups[0]}", _said(error)))
                return {}
            halves = groups[: len(groups) // 2], groups[len(groups) // 2 :]
            return self._committed(admin, halves[0], reading) | self._committed(admin, halves[1], reading)
        return {
            group: {tp: found.offset for tp, found in offsets.items() if found.offset >= 0}
            for group, offsets in answer.items()
        }

    def _offsets(self, admin: Any, partitions: list[TopicPartition], spec: int, reading: Reading) -> Offsets:
        """Log starts or ends of all partitions; a refusal is narrowed to the topic that caused it."""
        try:
            answer = admin.list_partition_offsets(dict.fromkeys(partitions, spec))
        except KafkaError as error:
            topics = sorted({partition.topic for partition in partitions})
            if len(topics) == 1:
                reading.errors.append(PartError(f"topic {topics[0]}", _said(error)))
                return {}
            chosen = set(topics[: len(topics) // 2])
            first = [partition for partition in partitions if partition.topic in chosen]
            second = [partition for partition in partitions if partition.topic not in chosen]
            return self._offsets(admin, first, spec, reading) | self._offsets(admin, second, spec, reading)
        return {partition: found.offset for partition, found in answer.items()}

    def _note(self, cluster: Cluster, now: float, reading: Reading) -> None:
        """Put the log ends into the timelines, and have those of changed topics remembered."""
        for topic in set(self._timelines) - set(cluster.topics):
            del self._timelines[topic]
            reading.memory[topic] = None
        for topic, ends in _by_topic(cluster.ends).items():
            timelines = self._timelines.setdefault(topic, {})
            for partition, end in ends.items():
                timelines.setdefault(partition, Timeline()).add(now, end)
            reading.memory[topic] = packed(timelines)

    def _dead_letters(self, cluster: Cluster, now: float) -> Iterator[Sample]:
        for topic in cluster.topics:
            source = source_of_dead_letters(topic, cluster.topics.keys(), self._declared)
            spans = _spans(cluster, topic)
            if source is None or not spans:
                continue
            yield m.DEAD_LETTERS.sample(sum(end - start for start, end in spans.values()), topic, source)
            yield m.DEAD_LETTERED_MESSAGES_TOTAL.sample(sum(end for _, end in spans.values()), topic, source, "")
            ages = [self._timelines[topic][p].age(start, now) for p, (start, end) in spans.items() if end > start]
            if ages:
                yield m.DEAD_LETTER_AGE_SECONDS.sample(max(age.seconds for age in ages if age is not None), topic)

    def _groups(self, cluster: Cluster, now: float) -> Iterator[Sample]:
        for group, offsets in cluster.committed.items():
            for topic, partitions in _by_topic(offsets).items():
                spans = _spans(cluster, topic)
                known = {p: (offset, *spans[p]) for p, offset in partitions.items() if p in spans}
                if known:
                    ages = (
                        self._timelines[topic][p].age(max(offset, start), now)
                        for p, (offset, start, _) in known.items()
                    )
                    yield from _backlog(group, topic, known, [age for age in ages if age is not None])


def _backlog(group: str, topic: str, known: Mapping[int, tuple[int, int, int]], ages: list[Age]) -> Iterator[Sample]:
    """Backlog of one group on one topic, from (committed, log start, log end) a partition."""
    yield m.BACKLOG_MESSAGES.sample(sum(max(0, end - max(c, start)) for c, start, end in known.values()), topic, group)
    yield m.MESSAGES_OUT_TOTAL.sample(sum(committed for committed, _, _ in known.values()), topic, group)
    yield m.LOST_MESSAGES.sample(sum(max(0, start - c) for c, start, _ in known.values()), topic, group)
    worst = max(ages, default=Age(0.0, 2.0))
    yield m.BACKLOG_AGE_SECONDS.sample(worst.seconds, topic, group)
    yield m.BACKLOG_AGE_QUALITY.sample(worst.quality, topic, group)


def _destinations(cluster: Cluster) -> Iterator[Sample]:
    for topic, ends in _by_topic(cluster.ends).items():
        yield m.MESSAGES_IN_TOTAL.sample(sum(ends.values()), topic)


def _retries(cluster: Cluster) -> Iterator[Sample]:
    """Events written to the retry topics of a topic."""
    written: dict[str, int] = defaultdict(int)
    for topic, ends in _by_topic(cluster.ends).items():
        source = source_of_retries(topic, cluster.topics.keys())
        if source is not None:
            written[source] += sum(ends.values())
    for source, count in written.items():
        yield m.REDELIVERIES_TOTAL.sample(count, source, "")


def _spans(cluster: Cluster, topic: str) -> dict[int, tuple[int, int]]:
    """(log start, log end) of the partitions of which both are known."""
    spans = {}
    for number in cluster.topics.get(topic, ()):
        partition = TopicPartition(topic, number)
        if partition in cluster.starts and partition in cluster.ends:
            spans[number] = (cluster.starts[partition], cluster.ends[partition])
    return spans


def _by_topic(values: Mapping[TopicPartition, int]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for (topic, number), value in values.items():
        found[topic][number] = value
    return found


def _expire(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("the time of this cycle is over")


def _said(error: BaseException) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}{': ' + text[0] if text and text[0] else ''}"
