"""Celery as celery-exporter (danihodovic's) and Flower tell of it: both listen to the events of the workers.

    celery_task_succeeded_total{hostname="w1",name="billing.charge",queue_name="orders"} 5.0
    celery_task_failed_total{exception="ValueError",hostname="w1",name="billing.charge",queue_name="orders"} 2.0
    celery_task_runtime_bucket{hostname="w1",le="0.25",name="billing.charge",queue_name="orders"} 4.0
    flower_events_total{task="billing.charge",type="task-retried",worker="celery@w1"} 1.0

An event of a failed task bears no runtime, so that both time successes only. A retried task is no failed one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors import metrics as m
from collectors.handlers.dialects.words import (
    DROPPED,
    FAILED,
    GROUP,
    OK,
    RETRIED,
    Exposed,
    Names,
    Translated,
)
from collectors.handlers.points import Point

EXPORTER, FLOWER = "celery-exporter", "Flower"

#: Outcome and reason of what the workers say became of a task. Whether a rejected one is dead-lettered, or comes again,
#: is the broker's affair.
_OUTCOMES = {
    "succeeded": (OK, ""),
    "failed": (FAILED, "unknown"),
    "retried": (RETRIED, "retried"),
    "rejected": (FAILED, "rejected"),
    "revoked": (DROPPED, "revoked"),
}
_COUNTER = re.compile(r"(.*)task_(sent|succeeded|failed|retried|rejected|revoked)_total")


def exporter(exposed: Exposed, names: Names, into: Translated) -> None:
    """celery-exporter, under any prefix."""
    prefixes: dict[str, None] = {}
    for name in exposed:
        if (match := _COUNTER.fullmatch(name)) is None:
            continue
        for point in _tasks(exposed, name):
            prefixes[match[1]] = None
            if match[2] == "sent":
                queue = point.labels["queue_name"]
                into.count(point, m.MESSAGES_PUBLISHED_TOTAL, (names.of_service(""), names.of_destination(queue)))
            else:
                _became(point, match[2], _task(point, names), into)
    for prefix in prefixes:
        into.dialects[EXPORTER] = None
        for point in _tasks(exposed, f"{prefix}task_runtime"):
            into.duration(point, m.HANDLER_DURATION_SECONDS, (*_task(point, names), OK))
        for point in _tasks(exposed, f"{prefix}task_queue_wait_time"):
            into.duration(point, m.HANDLER_QUEUE_SECONDS, _task(point, names))
        into.skip("durations of failed tasks", f"{EXPORTER} times successes only")
        into.skip("tasks in progress by handler", f"{EXPORTER} counts them by worker")


def flower(exposed: Exposed, names: Names, into: Translated) -> None:
    """Flower, and OpenTelemetry's instrumentation of Celery, which uses Flower's name for the runtime."""
    for point in exposed.get("flower_events_total", ()):
        kind = point.labels.get("type", "").removeprefix("task-")
        if kind in _OUTCOMES and "task" in point.labels:
            into.dialects[FLOWER] = None
            into.skip("reasons of failures", f"{FLOWER} tells none")
            _became(point, kind, _flower_task(point, names), into)
    for point in exposed.get("flower_task_runtime_seconds", ()):
        if "task" in point.labels:
            into.dialects[FLOWER] = None
            into.duration(point, m.HANDLER_DURATION_SECONDS, (*_flower_task(point, names), OK))
    if FLOWER in into.dialects:
        into.skip("durations of failed tasks", f"{FLOWER} times successes only")
        into.skip("tasks in progress by handler", f"{FLOWER} counts them by worker")
        if not (names.destination or names.destinations):
            into.skip("queues of tasks", f"{FLOWER} tells none; set destination or destinations")


def _became(point: Point, kind: str, handler: tuple[str, ...], into: Translated) -> None:
    outcome, usual = _OUTCOMES[kind]
    into.count(point, m.HANDLER_EVENTS_TOTAL, (*handler, outcome))
    # celery-exporter shows every counter with 0 once one of them counted: the one of failures without an exception
    reason = point.labels.get("exception", usual)
    if reason:
        into.count(point, m.HANDLER_FAILURES_TOTAL, (*handler, reason))


def _tasks(exposed: Exposed, name: str) -> Iterator[Point]:
    return (point for point in exposed.get(name, ()) if point.labels.keys() >= {"name", "queue_name", "hostname"})


def _task(point: Point, names: Names) -> tuple[str, ...]:
    return names.handler("", point.labels["name"], point.labels["queue_name"], "", GROUP)


def _flower_task(point: Point, names: Names) -> tuple[str, ...]:
    return names.handler("", point.labels["task"], "", "", GROUP)
