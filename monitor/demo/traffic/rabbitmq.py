"""Traffic on RabbitMQ that tells a story within two minutes.

checkout is handled at once; after 30 seconds it meets poison messages, which its consumer rejects into checkout.dlq.
Nobody reads receipts; they expire, and the exchange that should get them does not exist: they are lost.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from monitor.demo.traffic.kafka import POISON_AFTER

POISON = b"poison"
EXPIRE_MS = 10_000


def run_rabbitmq(url: str, stop: threading.Event) -> None:
    """Produce and consume until stopped, as the user of an `amqp://` URL."""
    began = time.monotonic()
    _connected(url, _declare)
    jobs: list[Callable[[BlockingChannel], None]] = [
        lambda channel: _produce(channel, stop, began + POISON_AFTER),
        lambda channel: _consume(channel, stop),
    ]
    threads = [threading.Thread(target=_connected, args=(url, job), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _connected(url: str, job: Callable[[BlockingChannel], None]) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        job(connection.channel())
    except AMQPError:
        if connection.is_open:
            raise
    finally:
        if connection.is_open:
            connection.close()


def _declare(channel: BlockingChannel) -> None:
    channel.exchange_declare("checkout.dlx", "fanout", durable=True)
    channel.queue_declare("checkout.dlq", durable=True)
    channel.queue_bind("checkout.dlq", "checkout.dlx")
    channel.queue_declare("checkout", durable=True, arguments={"x-dead-letter-exchange": "checkout.dlx"})
    lost = {"x-message-ttl": EXPIRE_MS, "x-dead-letter-exchange": "archive"}
    channel.queue_declare("receipts", durable=True, arguments=lost)


def _produce(channel: BlockingChannel, stop: threading.Event, poison_from: float) -> None:
    for number in itertools.count():
        if stop.wait(0.2):
            return
        poison = time.monotonic() > poison_from and number % 15 == 0
        now = BasicProperties(delivery_mode=2, timestamp=int(time.time()))
        channel.basic_publish("", "checkout", POISON if poison else b"order %d" % number, now)
        if number % 5 == 0:
            channel.basic_publish("", "receipts", b"receipt %d" % number, now)
        channel.connection.process_data_events(0)


def _consume(channel: BlockingChannel, stop: threading.Event) -> None:
    def handle(channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
        if body == POISON:
            channel.basic_reject(method.delivery_tag, requeue=False)
        else:
            channel.basic_ack(method.delivery_tag)

    channel.basic_qos(prefetch_count=10)
    channel.basic_consume("checkout", handle)
    while not stop.is_set():
        channel.connection.process_data_events(0.2)
