"""Traffic on Kafka that tells a story within two minutes.

orders is healthy; payments has a slow consumer; shipments has one that stops after 20 seconds; invoices meets a
poison message after 30 seconds, retries it and dead-letters it; nobody reads emails.dlq.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

STOPS_AFTER, POISON_AFTER = 20.0, 30.0
TOPICS = ("orders", "payments", "shipments", "invoices", "audit")


def run_kafka(bootstrap: str, stop: threading.Event) -> None:
    """Produce and consume until stopped."""
    began = time.monotonic()
    jobs: list[Callable[[], None]] = [
        lambda: _produce(bootstrap, stop),
        lambda: _consume(bootstrap, "orders", "order-service", stop, 0.0),
        lambda: _consume(bootstrap, "audit", "audit-service", stop, 0.0),
        lambda: _consume(bootstrap, "payments", "payment-service", stop, 0.25),
        lambda: _consume(bootstrap, "shipments", "shipping-service", stop, 0.0, until=began + STOPS_AFTER),
        lambda: _consume(bootstrap, "invoices", "invoice-service", stop, 0.0),
        lambda: _dead_letter(bootstrap, stop, began + POISON_AFTER),
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


def _consume(
    bootstrap: str, topic: str, group: str, stop: threading.Event, pause: float, until: float = float("inf")
) -> None:
    """Handle events one by one, each in `pause` seconds, and commit."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        while not stop.is_set() and time.monotonic() < until:
            records = consumer.poll(500, max_records=10 if pause else 500)
            for _ in range(sum(len(some) for some in records.values())):
                if stop.wait(pause):
                    return
            if records:
                consumer.commit()
    except KafkaError:
        if not stop.is_set():
            raise
    finally:
        consumer.close()


def _dead_letter(bootstrap: str, stop: threading.Event, begin: float) -> None:
    """The poison message: retried, given up, dead-lettered, again and again."""
    if stop.wait(max(0.0, begin - time.monotonic())):
        return
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    while not stop.wait(3):
        producer.send("invoices-retry-0", b"poison")
        producer.send("invoices-dlt", b"poison", headers=[("kafka_dlt-original-topic", b"invoices")])
    producer.close(timeout=2)
