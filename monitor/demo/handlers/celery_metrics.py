"""What Celery's events tell, under the names of celery-exporter (https://github.com/danihodovic/celery-exporter)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from celery import Celery
from celery.events import EventReceiver
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from monitor.demo.handlers import BROKER
from monitor.demo.handlers.thumbnails import QUEUE

LABELS = ("name", "hostname", "queue_name")
KINDS = ("sent", "received", "started", "succeeded", "retried", "rejected", "revoked")


class TaskMetrics:
    """Counts events. Only some name the task, and only that of sending the queue: what is told is remembered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counters = {
            f"task-{kind}": Counter(f"celery_task_{kind}", f"Tasks {kind}.", LABELS, registry=registry)
            for kind in KINDS
        }
        self._failed = Counter("celery_task_failed", "Tasks failed.", (*LABELS, "exception"), registry=registry)
        self._runtime = Histogram("celery_task_runtime", "Seconds of tasks that succeeded.", LABELS, registry=registry)
        self._tasks: dict[str, tuple[str, str]] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        kind, task = event["type"], event.get("uuid")
        if task is None:
            return  # a worker tells of itself
        if "name" in event:
            self._tasks[task] = event["name"], event.get("queue", QUEUE)
        name, queue = self._tasks.get(task, ("unknown", QUEUE))
        labels = (name, event.get("hostname", ""), queue)
        if kind == "task-failed":
            exception = str(event["exception"]).partition("(")[0]
            self._failed.labels(*labels, exception).inc()
        elif kind in self._counters:
            self._counters[kind].labels(*labels).inc()
        if kind == "task-succeeded":
            self._runtime.labels(*labels).observe(event["runtime"])
        if kind in ("task-succeeded", "task-failed"):
            self._tasks.pop(task, None)


class Receiver(EventReceiver):  # type: ignore[misc]  # Celery has no types
    """Listens to events; `ready` is called when none is missed any more."""

    def __init__(self, app: Celery, connection: Any, metrics: TaskMetrics, ready: Callable[[], object]) -> None:
        super().__init__(connection, handlers={"*": metrics.take}, app=app)
        self._ready = ready

    def on_consume_ready(self, *args: Any, **kwargs: Any) -> None:
        super().on_consume_ready(*args, **kwargs)
        self._ready()


def main(broker: str, address: str, port: int) -> None:
    registry = CollectorRegistry()
    app = Celery(broker=broker)
    with app.connection() as connection:
        served = partial(start_http_server, port, address, registry)
        Receiver(app, connection, TaskMetrics(registry), served).capture(limit=None, timeout=None, wakeup=False)


if __name__ == "__main__":
    main(os.environ[BROKER], sys.argv[1], int(sys.argv[2]))
