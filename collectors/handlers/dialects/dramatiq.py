"""dramatiq's Prometheus middleware, as of 2.2: milliseconds, and no outcome.

    dramatiq_messages_total{actor_name="charge",queue_name="orders"} 9.0
    dramatiq_message_errors_total{actor_name="charge",queue_name="orders"} 3.0
    dramatiq_message_duration_milliseconds_bucket{actor_name="charge",le="5.0",queue_name="orders"} 8.0

Every message that was handled counts, a skipped one too. One with an error is sent again (retries) or, when it has
no more tries, dead-lettered (rejects); without the middleware for retries an error is just that.
"""

from __future__ import annotations

from collections import defaultdict

from collectors import metrics as m
from collectors.handlers.dialects.words import (
    ANY_OUTCOME,
    DEAD_LETTERED,
    FAILED,
    GROUP,
    OK,
    RETRIED,
    Count,
    Exposed,
    Names,
    Translated,
    as_number,
)
from collectors.handlers.points import Point

NAME = "dramatiq"

_OUTCOMES = {"dramatiq_message_retries_total": RETRIED, "dramatiq_message_rejects_total": DEAD_LETTERED}
_TOTAL, _ERRORS = "dramatiq_messages_total", "dramatiq_message_errors_total"


def translate(exposed: Exposed, names: Names, into: Translated) -> None:
    counted: dict[tuple[str, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name in (_TOTAL, _ERRORS, *_OUTCOMES):
        for point in exposed.get(name, ()):
            counted[_handler(point, names)][name] += as_number(point)
            if name in _OUTCOMES:
                outcome = _OUTCOMES[name]
                into.count(point, m.HANDLER_EVENTS_TOTAL, (*_handler(point, names), outcome))
                into.count(point, m.HANDLER_FAILURES_TOTAL, (*_handler(point, names), outcome))
    for handler, counts in counted.items():
        _derive(handler, counts, into)
    for point in exposed.get("dramatiq_message_duration_milliseconds", ()):
        labels = (*_handler(point, names), ANY_OUTCOME)
        into.duration(point, m.HANDLER_DURATION_SECONDS, labels, factor=0.001)
    for point in exposed.get("dramatiq_messages_inprogress", ()):
        into.level(point, m.HANDLER_IN_PROGRESS, _handler(point, names))
    if counted:
        into.dialects[NAME] = None
        into.skip("durations by outcome", f"{NAME} does not tell them apart")
        into.skip("classes of exceptions", f"{NAME} does not tell them")
        into.skip("skipped messages", f"{NAME} counts them as handled")


def _derive(handler: tuple[str, ...], counts: dict[str, float], into: Translated) -> None:
    """What the counts of an actor say only together."""
    total, errors = counts[_TOTAL], counts[_ERRORS]
    key = (NAME, tuple(zip(("service", "handler", "destination", "group"), handler, strict=True)))
    into.counts.append(Count(key, m.HANDLER_EVENTS_TOTAL, (*handler, OK), max(0.0, total - errors), total))
    if errors and not any(counts[name] for name in _OUTCOMES):
        into.counts.append(Count(key, m.HANDLER_EVENTS_TOTAL, (*handler, FAILED), errors, errors))
        into.counts.append(Count(key, m.HANDLER_FAILURES_TOTAL, (*handler, "unknown"), errors, errors))


def _handler(point: Point, names: Names) -> tuple[str, ...]:
    return names.handler("", point.labels.get("actor_name", ""), point.labels.get("queue_name", ""), "", GROUP)
