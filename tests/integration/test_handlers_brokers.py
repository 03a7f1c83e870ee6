"""Handlers of real libraries on real brokers, from their own processes into the store: every event counts once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from kafka import KafkaProducer

from collectors import metrics as m
from collectors.handlers.collector import HandlersCollector
from collectors.handlers.settings import HandlersSettings
from monitor.agent import scrape
from monitor.demo import handlers
from monitor.demo.handlers.thumbnails import CORRUPT_EVERY, made
from monitor.demo.services import ADMIN, Kafka, Node
from monitor.demo.traffic.kafka import POISON
from monitor.store.reader import Reader
from monitor.store.writer import Store

Totals = dict[str, float]


def stored(folder: Path, url: str, done: Callable[[Totals], bool]) -> tuple[Totals, Totals]:
    """Collect into a store until `done` says so of the events by outcome; these, and the failures by reason."""
    settings = HandlersSettings.model_validate({"name": "apps", "kind": "handlers", "urls": [url]})
    collector, store, end = HandlersCollector(settings), Store(folder / "store.db"), time.monotonic() + 60
    try:
        while time.monotonic() < end:
            outcome = scrape(settings, collector)
            assert outcome.ok, outcome.error
            store.record(outcome)
            events = latest(store.path, m.HANDLER_EVENTS_TOTAL.name, "outcome")
            if done(events):
                return events, latest(store.path, m.HANDLER_FAILURES_TOTAL.name, "reason")
            time.sleep(0.3)
    finally:
        collector.close()
        store.close()
    raise AssertionError(f"what was stored in the end: {events}")


def latest(path: str, metric: str, label: str) -> Totals:
    reader = Reader(path)
    try:
        return {one.labels[label]: one.points[-1][1] for one in reader.latest(metric, time.time())}
    finally:
        reader.close()


def test_of_faststream_on_kafka_every_event_is_stored_once_by_outcome(kafka: Kafka, tmp_path: Path) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    for number in range(200):
        producer.send("invoices", POISON if number % 20 == 0 else b"an invoice")
    producer.close()

    with handlers.service("invoices", kafka.bootstrap, tmp_path) as url:
        events, failures = stored(tmp_path, url, lambda events: sum(events.values()) >= 200)

    assert events == {"ok": 190, "failed": 10}
    assert failures == {"PoisonError": 10}


def test_of_celery_on_rabbitmq_every_task_is_stored_once_by_outcome(rabbit: Node, tmp_path: Path) -> None:
    broker = "amqp://{}:{}@127.0.0.1:{}//".format(*ADMIN, rabbit.amqp_port)
    with handlers.service("celery_metrics", broker, tmp_path) as url, handlers.celery_worker(broker, tmp_path):
        app = made(broker)
        for number in range(2 * CORRUPT_EVERY):
            app.send_task("render", (number,))
        events, failures = stored(tmp_path, url, lambda events: sum(events.values()) >= 54)

    assert events == {"ok": 48, "failed": 2, "retried": 4}
    assert failures == {"CorruptPictureError": 2, "retried": 4}
