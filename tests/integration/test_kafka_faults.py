"""A broker of three that is killed or frozen, a cluster that is gone and comes back, and requests on the wire."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata
from relay import Relay

from collectors import metrics as m
from collectors.base import CollectError, Filter, Metric, Reading
from collectors.kafka import KafkaCollector, KafkaSettings
from monitor.demo.services import Cluster, Kafka

pytestmark = pytest.mark.integration

TIMEOUT = 6.0


def made(*bootstrap: str, only: str = "[a-z].*") -> KafkaCollector:
    names = Filter(include=(only,))
    return KafkaCollector(
        KafkaSettings(name="t", kind="kafka", bootstrap_servers=bootstrap, topics=names, groups=names, timeout=TIMEOUT)
    )


def collected(collector: KafkaCollector) -> Reading:
    began = time.monotonic()
    try:
        return collector.collect(time.time(), began + TIMEOUT)
    finally:
        assert time.monotonic() - began < TIMEOUT + 1


def value(reading: Reading, metric: Metric, *labels: str) -> float | None:
    return next((s.value for s in reading.samples if s.metric is metric and s.labels == labels), None)


def backlogs(reading: Reading) -> dict[tuple[str, ...], float]:
    return {s.labels: s.value for s in reading.samples if s.metric is m.BACKLOG_MESSAGES}


@pytest.fixture(scope="module")
def groups(cluster: Cluster) -> dict[tuple[str, str], int]:
    """A topic whose partitions stand on one broker each, one that stands on all; twelve groups on both."""
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap.split(","))
    admin.create_topics([NewTopic("single", 3, 1), NewTopic("safe", 3, 3)])
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap.split(","), acks="all")
    for topic in ("single", "safe"):
        for partition in range(3):
            producer.send(topic, b"event", partition=partition)
    producer.flush(20)
    producer.close()
    names = [f"group-{number}" for number in range(12)]
    commits = {TopicPartition(t, p): OffsetAndMetadata(0, "", -1) for t in ("single", "safe") for p in range(3)}
    for name in names:
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(Exception):
                if not any(error.errno for error in admin.alter_group_offsets(name, commits).values()):
                    break
            assert time.monotonic() < end
            time.sleep(0.2)
    admin.close()
    return {("safe", name): 3 for name in names}


def read_until(collector: KafkaCollector, expected: dict[tuple[str, str], int]) -> Reading:
    """Cycles until all that can still be right is right again."""
    end = time.monotonic() + 60
    while True:
        reading = collected(collector)
        if expected.items() <= backlogs(reading).items():
            return reading
        assert time.monotonic() < end, (reading.errors, backlogs(reading))
        time.sleep(0.5)


def test_a_silent_broker_is_named_and_the_cycle_keeps_its_time(
    cluster: Cluster, groups: dict[tuple[str, str], int]
) -> None:
    collector = made(*cluster.bootstrap.split(","))
    read_until(collector, groups)
    cluster.freeze(2)
    try:
        reading = collected(collector)
    finally:
        cluster.thaw(2)

    assert [one for one in reading.errors if one.part.startswith("broker 2 (")]
    assert value(reading, m.BACKLOG_MESSAGES, "single", "group-0") is None  # a third of it is not known
    read_until(collector, groups)
    collector.close()


def test_with_one_broker_of_three_killed_the_rest_is_right(
    cluster: Cluster, groups: dict[tuple[str, str], int]
) -> None:
    collector = made(*cluster.bootstrap.split(","))
    read_until(collector, groups)
    cluster.kill(3)
    try:
        reading = read_until(collector, groups)

        assert {labels[0] for labels in backlogs(reading)} == {"safe"}
        assert [one for one in reading.errors if one.part == "topic single" and "no leader" in one.message]
    finally:
        cluster.start(3)
    complete = read_until(collector, groups | {("single", "group-0"): 3})
    assert complete.samples
    collector.close()


@pytest.fixture
def relay(kafka: Kafka) -> Iterator[Relay]:
    one = Relay(kafka.relay_port, kafka.relayed_port)
    yield one
    one.close()


def test_a_cluster_that_is_gone_gives_an_error_and_no_samples_and_comes_back(kafka: Kafka) -> None:
    collector = made(f"127.0.0.1:{kafka.relay_port}")
    first = Relay(kafka.relay_port, kafka.relayed_port)
    collected(collector)
    first.close()

    with pytest.raises(CollectError, match=str(kafka.relay_port)):
        collected(collector)

    second = Relay(kafka.relay_port, kafka.relayed_port)
    assert collected(collector).requests
    collector.close()
    second.close()


def test_a_cluster_that_hangs_gives_an_error_in_time(kafka: Kafka, relay: Relay) -> None:
    collector = made(f"127.0.0.1:{kafka.relay_port}")
    collected(collector)
    relay.freeze()

    with pytest.raises(CollectError):
        collected(collector)

    relay.thaw()
    assert collected(collector).requests
    collector.close()


def test_requests_are_counted_as_they_are_on_the_wire_and_stay_within_their_budget(kafka: Kafka, relay: Relay) -> None:
    """At most 3 a broker, 1 for each 50 groups, and 8."""
    name = f"wire{uuid.uuid4().hex[:6]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(name, 40, 1)])
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    for partition in range(40):
        producer.send(name, b"event", partition=partition)
    producer.flush(10)
    producer.close()
    commits = {TopicPartition(name, p): OffsetAndMetadata(0, "", -1) for p in range(40)}
    for number in range(60):
        with contextlib.suppress(Exception):
            admin.alter_group_offsets(f"{name}-{number}", commits)
    admin.close()
    collector = made(f"127.0.0.1:{kafka.relay_port}", only=f"{name}.*")
    collected(collector)
    relay.requests.clear()

    told = [collected(collector).requests for _ in range(5)]

    collector.close()
    assert sum(told) == relay.requests.total()
    assert max(told) <= 3 + 2 + 8
