"""The Kafka collector against a real broker, with Kafka's own tool as the judge."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from collectors import metrics as m
from collectors.base import Filter, Reading
from collectors.kafka import KafkaCollector, KafkaSettings
from monitor.demo.services import Kafka

pytestmark = pytest.mark.integration


@pytest.fixture
def name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def collector(kafka: Kafka, name: str) -> Iterator[KafkaCollector]:
    only = Filter(include=(f"{name}.*",))
    made = KafkaCollector(
        KafkaSettings(
            name="test", kind="kafka", bootstrap_servers=(kafka.bootstrap,), topics=only, groups=only, exact_ages=0
        )
    )
    yield made
    made.close()


def produce(kafka: Kafka, topic: str, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    for number in range(count):
        producer.send(topic, b"event", partition=number % 3)
    producer.flush(10)
    producer.close()


def consume(kafka: Kafka, topic: str, group: str, count: int) -> None:
    """Handle and commit so many events, one after the other."""
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    consumer.assign([TopicPartition(topic, number) for number in range(3)])
    handled = 0
    while handled < count:
        handled += sum(len(records) for records in consumer.poll(1000, max_records=count - handled).values())
    consumer.commit()
    consumer.close()


def read(collector: KafkaCollector, now: float | None = None) -> Reading:
    return collector.collect(now or time.time(), time.monotonic() + 10)


def value(reading: Reading, metric: m.Metric, *labels: str) -> float | None:
    return next((s.value for s in reading.samples if s.metric is metric and s.labels == labels), None)


def described(kafka: Kafka, group: str) -> int:
    """The total lag that Kafka's own tool prints."""
    text = kafka.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe", "--group", group)
    rows = [line.split() for line in text.splitlines() if line.startswith(group)]
    return sum(int(row[5]) for row in rows if row[5] != "-")


def test_backlog_is_what_kafkas_own_tool_says(kafka: Kafka, collector: KafkaCollector, name: str) -> None:
    produce(kafka, name, 30)
    consume(kafka, name, f"{name}-group", 12)

    reading = read(collector)

    assert value(reading, m.BACKLOG_MESSAGES, name, f"{name}-group") == 18
    assert described(kafka, f"{name}-group") == 18


def test_a_dead_letter_topic_without_a_consumer_is_reported(kafka: Kafka, collector: KafkaCollector, name: str) -> None:
    produce(kafka, name, 1)
    produce(kafka, f"{name}-dlt", 4)

    reading = read(collector)

    assert value(reading, m.DEAD_LETTERS, f"{name}-dlt", name) == 4
    assert value(reading, m.DEAD_LETTERED_MESSAGES_TOTAL, f"{name}-dlt", name, "") == 4
    assert value(reading, m.DEAD_LETTERS, name, "") is None


def test_without_reading_records_the_age_is_interpolated_and_grows_with_the_clock(
    kafka: Kafka, collector: KafkaCollector, name: str
) -> None:
    produce(kafka, name, 3)
    consume(kafka, name, f"{name}-group", 3)
    now = time.time()
    read(collector, now)
    produce(kafka, name, 3)
    read(collector, now + 10)

    reading = read(collector, now + 60)

    age = value(reading, m.BACKLOG_AGE_SECONDS, name, f"{name}-group")
    assert age is not None
    assert 50 <= age <= 60
    assert value(reading, m.BACKLOG_AGE_QUALITY, name, f"{name}-group") == 2


def test_requests_do_not_grow_with_partitions_or_groups(kafka: Kafka, collector: KafkaCollector, name: str) -> None:
    produce(kafka, name, 3)
    for number in range(5):
        consume(kafka, name, f"{name}-{number}", 3)
    read(collector)

    assert read(collector).requests <= 3 + 1 + 8


def test_filtered_groups_are_named_with_their_reason(kafka: Kafka, collector: KafkaCollector, name: str) -> None:
    produce(kafka, name, 3)
    consume(kafka, name, f"other-{name}", 3)

    assert (f"group other-{name}", "filtered") in read(collector).skipped
