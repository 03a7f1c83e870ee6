"""What changes slowly and may wait its turn: members of groups, backlog of share groups, configurations and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from kafka import errors
from kafka.protocol.admin import DescribeGroupsRequest

from collectors.kafka import answers, ask
from collectors.kafka.client import Client, Question
from collectors.kafka.cluster import Cluster
from collectors.kafka.deadletters import source_of_dead_letters
from collectors.kafka.protocol import (
    ConsumerGroupDescribeRequest,
    DescribeShareGroupOffsetsRequest,
    ShareGroupDescribeRequest,
)

#: Configuration is read again after so many seconds.
CONFIG_SECONDS = 300.0


class Turn(NamedTuple):
    """One request that may wait: what it reads, the question, what takes its answer, how old it may get."""

    what: tuple[str, object]
    question: Question
    take: Callable[[Any], None]
    every: float = 0.0


class SlowReads:
    """The reads of one cluster that may wait; what they bring goes into it."""

    def __init__(self, client: Client, cluster: Cluster, declared: Mapping[str, str]) -> None:
        self.client, self.cluster, self.declared = client, cluster, declared

    def turns(self, fail: Callable[[str, str], None]) -> Iterator[Turn]:
        """All of them; `fail` is told of a part that was refused."""
        yield from self._members()
        yield from self._shared(fail)
        yield from self._configurations()

    def _members(self) -> Iterator[Turn]:
        yield from self._described("classic", DescribeGroupsRequest, ask.classic_members, self._take_classic)
        yield from self._described("consumer", ConsumerGroupDescribeRequest, ask.consumer_members, self._take_members)
        yield from self._described("share", ShareGroupDescribeRequest, ask.share_members, self._take_members)

    def _shared(self, fail: Callable[[str, str], None]) -> Iterator[Turn]:
        if self.client.version(DescribeShareGroupOffsetsRequest) >= 0:
            for broker, names in self.cluster.batches(lambda group: group.kind == "share"):
                question = Question(ask.shared(names), broker)
                yield Turn(("offsets of share groups from", names[0]), question, partial(self._take_shared, fail))

    def _described(
        self, kind: str, request: type[Any], build: Callable[[list[str]], Any], take: Callable[[Any], None]
    ) -> Iterator[Turn]:
        """Members of the groups of a kind that have some."""
        if self.client.version(request) >= 0:
            for broker, names in self.cluster.batches(lambda group: group.kind == kind and not group.is_empty):
                yield Turn((f"members of {kind} groups from", names[0]), Question(build(names), broker), take)

    def _take_classic(self, answer: Any) -> None:
        for group in answer.groups:
            if not group.error_code and group.protocol_type == "consumer":
                self.cluster.members[group.group_id] = answers.classic_members(group)

    def _take_members(self, answer: Any) -> None:
        for group in answer.groups:
            if not group.error_code:
                self.cluster.members[group.group_id] = answers.consumer_members(group)

    def _take_shared(self, fail: Callable[[str, str], None], answer: Any) -> None:
        for group in answer.groups:
            if group.error_code:
                fail(f"group {group.group_id}", errors.for_code(group.error_code).__name__)
            else:
                self.cluster.shared[group.group_id] = answers.shared_backlog(group.topics)

    def _configurations(self) -> Iterator[Turn]:
        """Of topics that someone reads or that hold dead letters, and of what decides on the life of commits."""
        read = {topic for offsets in self.cluster.committed.values() for topic in offsets}
        names = self.cluster.topics.keys()
        dead = {topic for topic in names if source_of_dead_letters(topic, names, self.declared) is not None}
        topics = sorted((read & names) | dead)
        if topics:
            question = Question(ask.retention(topics))
            yield Turn(("configuration of", "topics"), question, self._take_retention, CONFIG_SECONDS)
        if any(group.is_empty for group in self.cluster.groups.values()):
            broker = min(self.client.brokers)
            question = Question(ask.expiry(broker), broker)
            yield Turn(("configuration of broker", broker), question, self._take_expiry, CONFIG_SECONDS)
        limited = [topic for topic in topics if getattr(self.cluster.retention.get(topic), "bytes", None) is not None]
        for broker, owned in self.cluster.by_leader(limited).items():
            question = Question(ask.sizes(owned), broker)
            yield Turn(("log sizes of broker", broker), question, self._take_sizes, CONFIG_SECONDS)

    def _take_retention(self, answer: Any) -> None:
        for one in answer.results:
            if not one.error_code:
                values = {entry.name: entry.value for entry in one.configs}
                self.cluster.retention[one.resource_name] = answers.retention(values)

    def _take_expiry(self, answer: Any) -> None:
        minutes = [entry.value for one in answer.results for entry in one.configs if entry.value]
        if minutes:
            self.cluster.expiry_seconds = int(minutes[0]) * 60.0

    def _take_sizes(self, answer: Any) -> None:
        for directory in answer.results:
            for topic in directory.topics:
                sizes = {one.partition_index: one.partition_size for one in topic.partitions if not one.is_future_key}
                self.cluster.sizes.setdefault(topic.name, {}).update(sizes)
