"""Watched producers and real brokers: what was sent is what was counted, and every kind of failure by its reason."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import aio_pika
import pika
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError as AioKafkaError
from counted import FAILURES, PUBLISHED, Counts, counting
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError, MessageSizeTooLargeError
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.select_connection import SelectConnection
from pika.exceptions import (
    ChannelClosedByBroker,
    ChannelWrongStateError,
    ConnectionClosedByBroker,
    NackError,
    UnroutableError,
)
from relay import Relay

from collectors.handlers.producers import watch_producer
from monitor.demo.services import Kafka, Node

pytestmark = pytest.mark.integration

REJECT = {"x-max-length": 2, "x-overflow": "reject-publish"}


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    return counting(monkeypatch)


def a_name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def topic(kafka: Kafka) -> str:
    """Of three partitions, whose batches may have 20,000 bytes."""
    name = a_name()
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(name, 3, 1, topic_configs={"max.message.bytes": "20000"})])
    admin.close()
    return name


# --- kafka-python ---


def test_kafka_python_counts_every_record_that_the_broker_took(kafka: Kafka, topic: str, counts: Counts) -> None:
    with watch_producer(KafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=5), "s") as producer:
        futures = [producer.send(topic, b"x" * 20, key=str(number).encode()) for number in range(3000)]
        producer.flush(30)

    assert len({(f.value.partition, f.value.offset) for f in futures}) == 3000
    assert counts == {(PUBLISHED, "s", topic): 3000}


def test_kafka_python_counts_records_once_whose_batch_it_had_to_split(kafka: Kafka, topic: str, counts: Counts) -> None:
    settings: dict[str, Any] = {"batch_size": 60_000, "linger_ms": 200, "enable_idempotence": False}
    with watch_producer(KafkaProducer(bootstrap_servers=kafka.bootstrap, **settings), "s") as producer:
        futures = [producer.send(topic, b"x" * 5000, partition=0) for _ in range(10)]
        assert len({future.get(20).offset for future in futures}) == 10

    assert counts == {(PUBLISHED, "s", topic): 10}


def test_kafka_python_tells_its_own_callbacks_as_before(kafka: Kafka, topic: str, counts: Counts) -> None:
    told: list[Any] = []
    with watch_producer(KafkaProducer(bootstrap_servers=kafka.bootstrap)) as producer:
        future = producer.send(topic, b"x").add_callback(told.append)
        assert future.get(10) is told[0]


def test_kafka_python_counts_what_the_broker_refuses_and_what_it_refuses_itself(
    kafka: Kafka, topic: str, counts: Counts
) -> None:
    with watch_producer(KafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=50_000), "s") as producer:
        refused = producer.send(topic, b"x" * 30_000)
        with pytest.raises(MessageSizeTooLargeError):
            refused.get(10)
        with pytest.raises(MessageSizeTooLargeError):
            producer.send(topic, b"x" * 90_000)
        with pytest.raises(ValueError):
            producer.send(topic)

    assert counts == {
        (FAILURES, "s", topic, "MessageSizeTooLargeError"): 2,
        (FAILURES, "s", topic, "ValueError"): 1,
    }


def test_kafka_python_counts_what_an_unreachable_broker_did_not_take(kafka: Kafka, topic: str, counts: Counts) -> None:
    relay = Relay(kafka.relay_port, kafka.relayed_port)
    producer = KafkaProducer(
        bootstrap_servers=f"127.0.0.1:{kafka.relay_port}",
        delivery_timeout_ms=1500,
        request_timeout_ms=1000,
        max_block_ms=1000,
        enable_idempotence=False,  # with it 3.0.12 leaves some records without an outcome
    )
    watch_producer(producer, "s").send(topic, b"x").get(10)
    relay.close()

    futures = [producer.send(topic, b"x") for _ in range(3)]
    for future in futures:
        with pytest.raises(KafkaError):
            future.get(20)
    producer.close(1)

    assert counts == {(PUBLISHED, "s", topic): 1, (FAILURES, "s", topic, type(futures[0].exception).__name__): 3}


# --- aiokafka ---


async def with_aiokafka(bootstrap: str, do: Callable[[Any], Coroutine[Any, Any, None]], **settings: Any) -> None:
    producer = watch_producer(AIOKafkaProducer(bootstrap_servers=bootstrap, **settings), "s")
    await producer.start()
    try:
        await do(producer)
    finally:
        await producer.stop()


def test_aiokafka_counts_every_record_that_the_broker_took(kafka: Kafka, topic: str, counts: Counts) -> None:
    async def publish(producer: Any) -> None:
        await asyncio.gather(*[await producer.send(topic, b"x") for _ in range(1000)])
        for _ in range(10):
            await producer.send_and_wait(topic, b"x")
        batch = producer.create_batch()
        while batch.append(key=None, value=b"x", timestamp=None) and batch.record_count() < 7:
            pass
        await (await producer.send_batch(batch, topic, partition=1))

    asyncio.run(with_aiokafka(kafka.bootstrap, publish, linger_ms=5))

    assert counts == {(PUBLISHED, "s", topic): 1017}


def test_aiokafka_counts_what_the_broker_refuses_and_what_it_refuses_itself(
    kafka: Kafka, topic: str, counts: Counts
) -> None:
    async def publish(producer: Any) -> None:
        for size in (30_000, 90_000):
            with pytest.raises(AioKafkaError):
                await producer.send_and_wait(topic, b"x" * size)

    asyncio.run(with_aiokafka(kafka.bootstrap, publish, max_request_size=50_000))

    assert counts == {(FAILURES, "s", topic, "MessageSizeTooLargeError"): 2}


def test_aiokafka_counts_what_an_unreachable_broker_did_not_take(kafka: Kafka, topic: str, counts: Counts) -> None:
    relay = Relay(kafka.relay_port, kafka.relayed_port)
    errors: list[Any] = []

    async def publish(producer: Any) -> None:
        await producer.send_and_wait(topic, b"x")
        relay.close()
        futures = [await producer.send(topic, b"x") for _ in range(3)]
        errors.extend(await asyncio.gather(*futures, return_exceptions=True))

    bootstrap = f"127.0.0.1:{kafka.relay_port}"
    asyncio.run(with_aiokafka(bootstrap, publish, request_timeout_ms=1000))

    assert counts == {(PUBLISHED, "s", topic): 1, (FAILURES, "s", topic, type(errors[0]).__name__): 3}


# --- pika ---


def parameters(rabbit: Node) -> pika.ConnectionParameters:
    """It may listen a little later than its management API answers."""
    return pika.ConnectionParameters("127.0.0.1", rabbit.amqp_port, connection_attempts=20, retry_delay=0.5)


@pytest.fixture
def channel(rabbit: Node) -> Iterator[BlockingChannel]:
    connection = pika.BlockingConnection(parameters(rabbit))
    yield watch_producer(connection.channel(), "s")
    if connection.is_open:
        connection.close()


@pytest.fixture
def queue(channel: BlockingChannel) -> str:
    """It takes two messages, and refuses more."""
    name = a_name()
    channel.queue_declare(name, arguments=REJECT)
    return name


def test_pika_counts_by_what_the_broker_confirms(channel: BlockingChannel, queue: str, counts: Counts) -> None:
    channel.confirm_delivery()
    for _ in range(2):
        channel.basic_publish("", queue, b"x")
    with pytest.raises(NackError):
        channel.basic_publish(exchange="", routing_key=queue, body=b"x")
    with pytest.raises(UnroutableError):
        channel.basic_publish("amq.direct", "nobody", b"x", mandatory=True)

    assert counts == {
        (PUBLISHED, "s", queue): 2,
        (FAILURES, "s", queue, "NACK"): 1,
        (FAILURES, "s", "amq.direct", "NO_ROUTE"): 1,
    }


def test_pika_counts_what_closes_the_channel_by_the_brokers_name_for_it(
    channel: BlockingChannel, counts: Counts
) -> None:
    channel.confirm_delivery()
    with pytest.raises(ChannelClosedByBroker):
        channel.basic_publish("nowhere", "x", b"x")

    assert counts == {(FAILURES, "s", "nowhere", "NOT_FOUND"): 1}


def test_pika_without_confirms_counts_what_is_written_and_what_comes_back(
    channel: BlockingChannel, queue: str, counts: Counts
) -> None:
    mine: list[str] = []
    channel.add_on_return_callback(lambda _channel, method, _properties, _body: mine.append(method.routing_key))
    channel.basic_publish("", queue, b"x", mandatory=True)
    channel.basic_publish("", "nobody", b"x", mandatory=True)
    channel.connection.process_data_events(1)

    assert mine == ["nobody"]
    assert counts == {
        (PUBLISHED, "s", queue): 1,
        (PUBLISHED, "s", "nobody"): 1,
        (FAILURES, "s", "nobody", "NO_ROUTE"): 1,
    }


def test_pika_counts_a_returned_message_though_nobody_waits_for_events(
    channel: BlockingChannel, counts: Counts
) -> None:
    channel.basic_publish("", "nobody", b"x", mandatory=True)
    end = time.monotonic() + 10
    while (FAILURES, "s", "nobody", "NO_ROUTE") not in counts:
        assert time.monotonic() < end
        channel.basic_qos(prefetch_count=1)

    assert channel.get_waiting_message_count() == 0


def test_pika_counts_what_is_published_when_the_broker_ends_the_connection(
    rabbit: Node, channel: BlockingChannel, counts: Counts
) -> None:
    rabbit.ctl("close_all_connections", "for a test")

    with pytest.raises(ConnectionClosedByBroker):
        channel.basic_publish("", "q", b"x")
    with pytest.raises(ChannelWrongStateError):
        channel.basic_publish("", "q", b"x")
    assert counts == {
        (FAILURES, "s", "q", "CONNECTION_FORCED"): 1,
        (FAILURES, "s", "q", "ChannelWrongStateError"): 1,
    }


def publishing(
    rabbit: Node,
    publish: Callable[[Any, Callable[[], None]], None],
    until: Callable[[], bool] | None = None,
    watch_late: bool = False,
) -> None:
    """Run a connection of callbacks: `publish` gets the watched channel, and what ends it all. With `until` there are
    confirms, and it ends when that holds after one."""

    def end_if_so() -> None:
        if until is not None and until() and connection.is_open:
            connection.close()

    def on_channel(opened: Any) -> None:
        channel = opened if watch_late else watch_producer(opened, "s")
        if until is None:
            publish(channel, connection.close)
            return
        channel.confirm_delivery(
            lambda frame: connection.ioloop.call_later(0, end_if_so),  # when all have been told of the frame
            callback=lambda frame: publish(watch_producer(channel, "s"), connection.close),
        )

    connection = SelectConnection(
        parameters(rabbit),
        on_open_callback=lambda one: one.channel(on_open_callback=on_channel),
        on_open_error_callback=lambda one, error: one.ioloop.stop(),
        on_close_callback=lambda one, reason: one.ioloop.stop(),
    )
    connection.ioloop.call_later(20, connection.ioloop.stop)
    connection.ioloop.start()


@pytest.mark.parametrize("watch_late", [False, True], ids=["watched at once", "watched after confirm_delivery"])
def test_a_channel_of_callbacks_counts_by_what_the_broker_confirms(
    rabbit: Node, queue: str, counts: Counts, watch_late: bool
) -> None:
    messages = 50

    def publish(channel: Any, end: Callable[[], None]) -> None:
        for _ in range(messages):
            channel.basic_publish("", queue, b"x")
            channel.basic_publish("amq.direct", "nobody", b"x", mandatory=True)
            channel.basic_publish("amq.fanout", "", b"x")

    publishing(rabbit, publish, lambda: sum(counts.values()) == 3 * messages, watch_late)

    assert counts == {
        (PUBLISHED, "s", queue): 2,
        (FAILURES, "s", queue, "NACK"): messages - 2,
        (FAILURES, "s", "amq.direct", "NO_ROUTE"): messages,
        (PUBLISHED, "s", "amq.fanout"): messages,
    }


def test_a_channel_of_callbacks_that_the_broker_closes_leaves_what_it_did_not_confirm_as_failures(
    rabbit: Node, counts: Counts
) -> None:
    def publish(channel: Any, end: Callable[[], None]) -> None:
        channel.add_on_close_callback(lambda _channel, reason: end())
        channel.basic_publish("nowhere", "x", b"x")
        channel.basic_publish("amq.fanout", "", b"x")

    publishing(rabbit, publish, until=lambda: False)

    assert counts == {(FAILURES, "s", "nowhere", "NOT_FOUND"): 1, (FAILURES, "s", "amq.fanout", "NOT_FOUND"): 1}


def test_a_channel_of_callbacks_without_confirms_counts_what_is_written_and_what_comes_back(
    rabbit: Node, counts: Counts
) -> None:
    def publish(channel: Any, end: Callable[[], None]) -> None:
        channel.add_on_return_callback(lambda *_: end())
        channel.basic_publish("amq.direct", "nobody", b"x", mandatory=True)

    publishing(rabbit, publish)

    assert counts == {(PUBLISHED, "s", "amq.direct"): 1, (FAILURES, "s", "amq.direct", "NO_ROUTE"): 1}


# --- aio-pika ---


def test_aio_pika_counts_by_what_the_broker_confirms(rabbit: Node, queue: str, counts: Counts) -> None:
    async def publish() -> None:
        connection = await aio_pika.connect_robust(f"amqp://guest:guest@127.0.0.1:{rabbit.amqp_port}/")
        async with connection:
            channel = await connection.channel()
            exchange = watch_producer(channel.default_exchange, "s")
            direct = watch_producer(await channel.get_exchange("amq.direct"), "s")
            for _ in range(2):
                await exchange.publish(aio_pika.Message(b"x"), queue)
            with pytest.raises(aio_pika.exceptions.DeliveryError):
                await exchange.publish(aio_pika.Message(b"x"), routing_key=queue)
            await direct.publish(aio_pika.Message(b"x"), "nobody")
            raising = await connection.channel(on_return_raises=True)
            direct = watch_producer(await raising.get_exchange("amq.direct"), "s")
            with pytest.raises(aio_pika.exceptions.PublishError):
                await direct.publish(aio_pika.Message(b"x"), "nobody")

    asyncio.run(publish())

    assert counts == {
        (PUBLISHED, "s", queue): 2,
        (FAILURES, "s", queue, "NACK"): 1,
        (FAILURES, "s", "amq.direct", "NO_ROUTE"): 2,
    }
