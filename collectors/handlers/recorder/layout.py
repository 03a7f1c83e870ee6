"""What the numbers of a handler mean: which slot of its record holds what, and how records of several processes add up.

The names here are those of the vocabulary in `collectors.metrics`, which a handler's process must not import: it
needs pydantic. A test holds the two equal.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple

from collectors.handlers.geometry import BOUNDS

OUTCOMES = ("ok", "failed", "retried", "dead_lettered", "dropped")
OK, FAILED, RETRIED, DEAD_LETTERED, DROPPED = range(5)

#: A distribution is a slot a bucket, one for what lies above all bounds, and one for the sum.
SUM = len(BOUNDS) + 1
DISTRIBUTION = SUM + 1

#: A handler's record: a distribution of durations an outcome, one of ages, events by outcome, and three gauges.
QUEUE = DISTRIBUTION * len(OUTCOMES)
EVENTS = QUEUE + DISTRIBUTION
IN_PROGRESS = EVENTS + len(OUTCOMES)
SINCE = IN_PROGRESS + 1
LAST_SUCCESS = SINCE + 1
HANDLER_SLOTS = LAST_SUCCESS + 1

_HANDLER = ("service", "handler", "destination", "group")

FAILURES_TOTAL = "eda_handler_failures_total"
ERRORS_TOTAL = "eda_recorder_errors_total"


class Name(NamedTuple):
    """A metric as it is exposed."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


DURATION = Name(
    "eda_handler_duration_seconds",
    "histogram",
    "How long calls of the handler took, by outcome; a batch is one call.",
    (*_HANDLER, "outcome"),
)
QUEUE_TIME = Name(
    "eda_handler_queue_seconds",
    "histogram",
    "How old events were, by their own timestamps, when their handling began.",
    _HANDLER,
)
EVENTS_TOTAL = Name(
    "eda_handler_events_total",
    "counter",
    "Events handled, by outcome: ok, failed, retried, dead_lettered or dropped. Every event of a batch counts.",
    (*_HANDLER, "outcome"),
)
IN_PROGRESS_NOW = Name(
    "eda_handler_in_progress", "gauge", "Calls of the handler that have begun and not ended.", _HANDLER
)
IN_PROGRESS_SINCE = Name(
    "eda_handler_in_progress_since_timestamp_seconds",
    "gauge",
    "When the longest of the calls in progress began, as Unix time; absent where none is.",
    _HANDLER,
)
LAST_SUCCESS_AT = Name(
    "eda_handler_last_success_timestamp_seconds",
    "gauge",
    "When the handler last ended with the outcome ok, as Unix time; absent where it never did.",
    _HANDLER,
)
#: Counters with a record of their own a series, added to by `count`.
COUNTERS: dict[str, Name] = {
    counter.name: counter
    for counter in (
        Name(
            FAILURES_TOTAL,
            "counter",
            "Events whose outcome was not ok, by reason: the class of the exception, or what the handler said.",
            (*_HANDLER, "reason"),
        ),
        Name(
            "eda_messages_published_total",
            "counter",
            "Messages that the service published and the broker took.",
            ("service", "destination"),
        ),
        Name(
            "eda_publish_failures_total",
            "counter",
            "Messages that the service could not publish, by reason: the error's class or the broker's name for it.",
            ("service", "destination", "reason"),
        ),
        Name(
            "eda_dead_letters_sent_total",
            "counter",
            "Dead letters that the service itself wrote to the destination, as it counts them.",
            ("service", "destination", "source", "reason"),
        ),
        Name(
            ERRORS_TOTAL,
            "counter",
            "Errors of the instrumentation itself, by class; the handlers never saw them.",
            ("reason",),
        ),
    )
}
START = Name("eda_recorder_start_timestamp_seconds", "gauge", "When counting began, as Unix time.")


def add(total: list[float], more: Sequence[float], alive: bool) -> None:
    """Add a record of another process to a total of the same length.

    Of a process that is dead, nothing is in progress.
    """
    if len(total) != HANDLER_SLOTS:
        total[:] = map(operator.add, total, more)
        return
    summed = [*map(operator.add, total[:IN_PROGRESS], more)]
    in_progress, since = total[IN_PROGRESS], total[SINCE]
    if alive and more[IN_PROGRESS]:
        in_progress += more[IN_PROGRESS]
        since = min(since or more[SINCE], more[SINCE])
    total[:] = [*summed, in_progress, since, max(total[LAST_SUCCESS], more[LAST_SUCCESS])]
