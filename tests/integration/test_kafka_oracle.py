"""Positions of groups against Kafka's own ConsumerGroupCommand, for the cases that other tools get wrong.

Both tell the lag to the high watermark; the command holds it neither at 0 nor at the log start.
"""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata

from collectors import metrics as m
from collectors.base import Filter, Reading
from collectors.kafka import KafkaCollector, KafkaSettings, compat
from monitor.demo.services import Kafka

pytestmark = pytest.mark.integration

RUN = f"oracle-{uuid.uuid4().hex[:6]}"
Positions = dict[tuple[str, str, int], tuple[int, int]]


def produce(kafka: Kafka, topic: str, counts: tuple[int, ...], **options: object) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, **options)
    if options:
        producer.init_transactions()
        producer.begin_transaction()
    for partition, count in enumerate(counts):
        for number in range(count):
            producer.send(topic, b"event %d" % number, partition=partition)
    producer.flush(10)
    if options:
        producer.commit_transaction()
    producer.close()


def commit(admin: KafkaAdminClient, group: str, topic: str, offsets: dict[int, int]) -> None:
    wanted = {TopicPartition(topic, p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()}
    until(lambda: not any(error.errno for error in admin.alter_group_offsets(group, wanted).values()))


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except Exception:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.1)


@contextmanager
def running(kafka: Kafka, tool: str, *arguments: str) -> Iterator[None]:
    """A command line tool of Kafka that reads until the block ends."""
    command = ["java", "-Xmx128m", "-cp", f"{kafka.libs}/*", tool, "--bootstrap-server", kafka.bootstrap, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


CONSOLE = "org.apache.kafka.tools.consumer.ConsoleConsumer"
SHARE_CONSOLE = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"


@pytest.fixture(scope="module")
def collector(kafka: Kafka) -> Iterator[KafkaCollector]:
    only = Filter(include=(f"{RUN}.*",))
    made = KafkaCollector(
        KafkaSettings(
            name="test",
            kind="kafka",
            bootstrap_servers=(kafka.bootstrap,),
            topics=only,
            groups=only,
            kafka_exporter_names=True,
        )
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def scene(kafka: Kafka, collector: KafkaCollector) -> Iterator[tuple[Reading, Positions]]:
    """Every case at once, as the collector and as Kafka's tool tell it."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    names = ["plain", "partly", "deleted", "recreated", "beyond", "kip848", "transactions"]
    admin.create_topics([NewTopic(name=f"{RUN}.{name}", num_partitions=3, replication_factor=1) for name in names])
    for name in names[:-1]:
        produce(kafka, f"{RUN}.{name}", (10, 7, 3))
    produce(kafka, f"{RUN}.transactions", (5, 5, 5), transactional_id=RUN)
    group = f'{RUN} "quoted" \\ and ünï'
    commit(admin, group, f"{RUN}.plain", {0: 4, 1: 7, 2: 0})
    commit(admin, f"{RUN}-partly", f"{RUN}.partly", {1: 2})
    commit(admin, f"{RUN}-deleted", f"{RUN}.deleted", {0: 1, 1: 1, 2: 1})
    admin.delete_records({TopicPartition(f"{RUN}.deleted", 0): 6})
    commit(admin, f"{RUN}-beyond", f"{RUN}.beyond", {0: 1000, 1: 7, 2: 1})
    commit(admin, f"{RUN}-transactions", f"{RUN}.transactions", {0: 5, 1: 6, 2: 0})
    recreate(admin, kafka, f"{RUN}.recreated", f"{RUN}-recreated")
    properties = ("--command-property", "group.protocol=consumer", "--from-beginning")
    with running(kafka, CONSOLE, "--topic", f"{RUN}.kip848", "--group", f"{RUN}-kip848", *properties):
        until(lambda: sum(o.offset for o in admin.list_group_offsets(f"{RUN}-kip848")[f"{RUN}-kip848"].values()) == 20)
        produce(kafka, f"{RUN}.kip848", (0, 0, 0))
        reading = collector.collect(time.time(), time.monotonic() + 10)
        told = described(kafka)
        yield reading, told
    admin.close()


def recreate(admin: KafkaAdminClient, kafka: Kafka, topic: str, group: str) -> None:
    commit(admin, group, topic, {0: 10, 1: 7, 2: 3})
    admin.delete_topics([topic])
    until(lambda: topic not in admin.list_topics())
    new = NewTopic(name=topic, num_partitions=3, replication_factor=1)
    until(lambda: bool(admin.create_topics([new])))
    until(lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 3)
    produce(kafka, topic, (2, 0, 0))
    commit(admin, group, topic, {0: 1})


def described(kafka: Kafka) -> Positions:
    """(committed, log end) by group, topic and partition, as Kafka's own tool prints them."""
    text = kafka.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe", "--all-groups")
    found = {}
    for line in text.splitlines():
        group, at, rest = line.partition(f" {RUN}.")
        if at and group.startswith(RUN):
            topic, partition, committed, end, *_ = rest.split()
            if committed != "-":
                found[group.strip(), f"{RUN}.{topic}", int(partition)] = (int(committed), int(end))
    return found


def value(reading: Reading, metric: m.Metric, *labels: str) -> float | None:
    return next((s.value for s in reading.samples if s.metric is metric and s.labels == labels), None)


def test_every_position_is_what_kafkas_own_tool_says(scene: tuple[Reading, Positions]) -> None:
    reading, told = scene
    ends = {s.labels: s.value for s in reading.samples if s.metric is compat.CURRENT}

    ours = {
        (group, topic, int(p)): (int(s.value), int(ends[topic, p]))
        for s in reading.samples
        if s.metric is compat.OFFSET
        for group, topic, p in [s.labels]
    }

    assert len(told) >= 17
    assert ours == told


def test_lag_by_partition_is_what_the_tool_says_where_it_is_not_held(scene: tuple[Reading, Positions]) -> None:
    reading, told = scene

    lags = {s.labels: s.value for s in reading.samples if s.metric is m.BACKLOG_PARTITION_MESSAGES}

    for (group, topic, partition), (committed, end) in told.items():
        if topic != f"{RUN}.deleted":
            assert lags[topic, group, str(partition)] == max(0, end - committed)


def test_a_partly_committed_topic_counts_its_committed_partitions(scene: tuple[Reading, Positions]) -> None:
    assert value(scene[0], m.BACKLOG_MESSAGES, f"{RUN}.partly", f"{RUN}-partly") == 5


def test_deleted_records_are_lost_and_not_backlog(scene: tuple[Reading, Positions]) -> None:
    assert value(scene[0], m.LOST_MESSAGES, f"{RUN}.deleted", f"{RUN}-deleted") == 5
    assert value(scene[0], m.BACKLOG_MESSAGES, f"{RUN}.deleted", f"{RUN}-deleted") == 4 + 6 + 2


def test_a_commit_beyond_the_end_is_held_at_zero_and_counted(scene: tuple[Reading, Positions]) -> None:
    assert value(scene[0], m.BACKLOG_MESSAGES, f"{RUN}.beyond", f"{RUN}-beyond") == 2
    assert value(scene[0], m.OFFSET_CLAMPS_TOTAL, f"{RUN}.beyond", f"{RUN}-beyond") == 1


def test_a_recreated_topic_starts_anew(scene: tuple[Reading, Positions]) -> None:
    assert value(scene[0], m.BACKLOG_MESSAGES, f"{RUN}.recreated", f"{RUN}-recreated") == 1


def test_the_markers_of_transactions_count_as_the_tool_counts_them(scene: tuple[Reading, Positions]) -> None:
    assert value(scene[0], m.BACKLOG_MESSAGES, f"{RUN}.transactions", f"{RUN}-transactions") == 1 + 0 + 6


def test_a_group_of_the_new_protocol_has_its_members_and_state(scene: tuple[Reading, Positions]) -> None:
    labels = (f"{RUN}.kip848", f"{RUN}-kip848")
    assert value(scene[0], m.GROUP_STATE, f"{RUN}-kip848") == 3
    assert value(scene[0], m.CONSUMERS, *labels) == 1
    assert value(scene[0], m.UNASSIGNED_PARTITIONS, *labels) == 0
    assert value(scene[0], m.BACKLOG_MESSAGES, *labels) == 0


def test_the_wait_is_exact_where_the_record_was_read(scene: tuple[Reading, Positions]) -> None:
    labels = (f"{RUN}.partly", f"{RUN}-partly")
    age = value(scene[0], m.BACKLOG_AGE_SECONDS, *labels)

    assert value(scene[0], m.BACKLOG_AGE_QUALITY, *labels) == 3
    assert age is not None
    assert 0 < age < 120


def test_the_time_until_retention_takes_the_unread_is_told(scene: tuple[Reading, Positions]) -> None:
    margin = value(scene[0], m.RETENTION_MARGIN_SECONDS, f"{RUN}.partly", f"{RUN}-partly")

    assert margin is not None
    assert 7 * 86400 - 120 < margin <= 7 * 86400


def test_a_share_group_is_listed_with_its_backlog(kafka: Kafka, collector: KafkaCollector) -> None:
    topic, group = f"{RUN}.shared", f"{RUN}-shared"
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(name=topic, num_partitions=1, replication_factor=1)])
    readings = []

    def seen() -> bool:
        readings.append(collector.collect(time.time(), time.monotonic() + 10))
        produce(kafka, topic, (1,))
        return value(readings[-1], m.CONSUMERS, topic, group) == 1

    with running(kafka, SHARE_CONSOLE, "--topic", topic, "--group", group):
        until(seen)
    admin.close()

    assert value(readings[-1], m.GROUP_STATE, group) == 3
    until(
        lambda: (
            value(collector.collect(time.time(), time.monotonic() + 10), m.BACKLOG_MESSAGES, topic, group) is not None
        )
    )
