"""Traffic on Kafka that tells a story within two minutes.

orders is healthy; payments has a consumer that gets slow; shipments has one that stops after 20 seconds; invoices meets
a poison message after 30 seconds, retries it and dead-letters it; nobody reads emails.dlq. payments and invoices are
handled by services of their own, in `monitor.demo.handlers`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError

STOPS_AFTER, POISON_AFTER = 20.0, 30.0
POISON, POISON_SECONDS = b"poison", 3.0
TOPICS = ("orders", "payments", "shipments", "invoices", "audit")


def create_topics(bootstrap: str) -> None:
    """Before anybody subscribes: who comes before its topic waits until it looks again."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1) for topic in TOPICS])
    admin.close()


def run_kafka(bootstrap: str, stop: threading.Event) -> None:
    """Produce and consume until stopped."""
    began = time.monotonic()
    jobs: list[Callable[[], None]] = [
        lambda: _produce(bootstrap, stop),
        lambda: _poison(bootstrap, stop, began + POISON_AFTER),
        lambda: _consume(bootstrap, "orders", "order-service", stop),
        lambda: _consume(bootstrap, "audit", "audit-service", stop),
        lambda: _consume(bootstrap, "shipments", "shipping-service", stop, until=began + STOPS_AFTER),
    ]
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _produce(bootstrap: str, stop: threading.Event) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    number = 0
    while not stop.wait(0.1):
        for topic in TOPICS:
            producer.send(topic, b"event %d" % number)
        if number % 50 == 0:
            producer.send("emails.dlq", b"an email nobody could deliver")
        number += 1
    producer.close(timeout=2)


def _consume(bootstrap: str, topic: str, group: str, stop: threading.Event, until: float = float("inf")) -> None:
    """Handle events at once, and commit."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        while not stop.is_set() and time.monotonic() < until:
            if consumer.poll(500):
                consumer.commit()
    except KafkaError:
        if not stop.is_set():
            raise
    finally:
        consumer.close()


def _poison(bootstrap: str, stop: threading.Event, begin: float) -> None:
    """Events that no handler can handle, again and again."""
    if stop.wait(max(0.0, begin - time.monotonic())):
        return
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    while not stop.wait(POISON_SECONDS):
        producer.send("invoices", POISON)
    producer.close(timeout=2)
