"""Writes the pages beside this file, from the libraries themselves, run without a broker.

    python tests/recordings/handlers/record.py

celery_exporter.prom and the two of OpenTelemetry are no recordings. The first is written after the source of
danihodovic/celery-exporter (v0.12), as its counters stand after 7 tasks; the others after OpenTelemetry's rules for
Prometheus. Durations are those of the run: only in them the pages differ between runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

HERE = Path(__file__).parent
DIALECTS = ("faststream_kafka", "faststream_rabbit", "dramatiq", "flower")


def write(name: str, registry: Any) -> None:
    text = generate_latest(registry).decode()
    kept = [line for line in text.splitlines() if "_created" not in line]
    (HERE / f"{name}.prom").write_text("\n".join(kept) + "\n", encoding="utf-8")


def faststream_kafka() -> None:
    """orders: 5 come, of which 2 raise and 1 is skipped; shipped is published to by the handler."""
    from faststream.exceptions import SkipMessage
    from faststream.kafka import KafkaBroker, TestKafkaBroker
    from faststream.kafka.prometheus import KafkaPrometheusMiddleware

    registry = CollectorRegistry()
    broker = KafkaBroker(middlewares=[KafkaPrometheusMiddleware(registry=registry, app_name="shop")])

    @broker.subscriber("orders", group_id="billing")
    async def charge(event: str) -> None:
        if event == "bad":
            raise ValueError(event)
        if event == "old":
            raise SkipMessage
        await asyncio.sleep(0.002)

    @broker.subscriber("lines", group_id="billing", batch=True)
    async def lines(events: list[str]) -> None:
        if "bad" in events:
            raise KeyError("bad")

    async def run() -> None:
        async with TestKafkaBroker(broker) as testing:
            for event in ("a", "bad", "b", "bad", "old"):
                with contextlib.suppress(Exception):
                    await testing.publish(event, "orders")
            await testing.publish_batch("a", "b", "c", topic="lines")
            with contextlib.suppress(Exception):
                await testing.publish_batch("a", "bad", topic="lines")

    asyncio.run(run())
    write("faststream_kafka", registry)


def faststream_rabbit() -> None:
    """Queue invoices: 4 come, of which 1 raises, 1 is sent back and 1 is rejected by hand."""
    from faststream.exceptions import NackMessage, RejectMessage
    from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue, TestRabbitBroker
    from faststream.rabbit.prometheus import RabbitPrometheusMiddleware

    registry = CollectorRegistry()
    broker = RabbitBroker(middlewares=[RabbitPrometheusMiddleware(registry=registry, metrics_prefix="mail")])
    events = RabbitExchange("events", type=ExchangeType.TOPIC)

    @broker.subscriber("invoices")
    async def invoice(event: str) -> None:
        if event == "bad":
            raise ValueError(event)
        if event == "again":
            raise NackMessage
        if event == "no":
            raise RejectMessage

    @broker.subscriber(RabbitQueue("audit", routing_key="order.*"), events)
    async def audit(event: str) -> None: ...

    async def run() -> None:
        async with TestRabbitBroker(broker) as testing:
            for event in ("a", "bad", "again", "no"):
                with contextlib.suppress(Exception):
                    await testing.publish(event, "invoices")
            await testing.publish("a", "order.paid", events)

    asyncio.run(run())
    write("faststream_rabbit", registry)


def dramatiq() -> None:
    """charge: 6 messages handled, of which 2 raise and are tried again, 1 raises and is dead-lettered."""
    import tempfile

    import dramatiq.middleware.prometheus as theirs

    with tempfile.TemporaryDirectory() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = theirs.DB_PATH = folder
        from dramatiq import Message
        from dramatiq.brokers.stub import StubBroker
        from prometheus_client import multiprocess

        middleware, broker = theirs.Prometheus(), StubBroker(middleware=[])
        middleware.after_process_boot(broker)
        for number, error in enumerate((None, None, None, "again", "again", "dead")):
            options = {"retries": 1} if error else {}
            message: Message[Any] = Message("orders", "charge", (), {}, options, message_id=str(number))
            middleware.before_process_message(broker, message)
            time.sleep(0.03 if error == "dead" else 0)
            middleware.after_process_message(broker, message, exception=ValueError() if error else None)
            if error == "again":
                middleware.after_enqueue(broker, message, 0)
            elif error == "dead":
                middleware.after_nack(broker, message)
        waiting: Message[Any] = Message("orders", "charge", (), {}, {}, message_id="in progress")
        middleware.before_process_message(broker, waiting)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=folder)
        write("dramatiq", registry)


def flower() -> None:
    """charge: 3 succeed, 1 fails, 2 are tried again, 1 is revoked; on two workers."""
    from celery.events.state import Task
    from flower.events import get_prometheus_metrics
    from prometheus_client import REGISTRY

    for name in list(REGISTRY._collector_to_names):
        REGISTRY.unregister(name)
    metrics, task = get_prometheus_metrics(), Task(uuid="1", name="billing.charge")
    happened = [("succeeded", 0.004), ("succeeded", 0.2), ("failed", None), ("retried", None), ("received", None)]
    for kind, runtime in happened:
        metrics.observe_task("celery@a", {"type": f"task-{kind}", "runtime": runtime}, task)
    for kind, runtime in (("succeeded", 1.5), ("retried", None), ("revoked", None)):
        metrics.observe_task("celery@b", {"type": f"task-{kind}", "runtime": runtime}, task)
    metrics.observe_worker("celery@a", {"type": "worker-heartbeat", "active": 1})
    write("flower", REGISTRY)


if __name__ == "__main__":
    # each in a process of its own: dramatiq's turns all of prometheus-client into its multiprocess mode
    if len(sys.argv) > 1:
        globals()[sys.argv[1]]()
    else:
        import subprocess

        for dialect in DIALECTS:
            env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": "/tmp"} if dialect == "dramatiq" else None
            subprocess.run([sys.executable, __file__, dialect], check=True, env=env)
