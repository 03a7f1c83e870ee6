"""What our own recorder exposes: the vocabulary itself."""

from __future__ import annotations

from collectors import metrics as m
from collectors.handlers.dialects.words import Exposed, Names, Translated

NAME = "eda-monitor"

#: Stands on a page of ours before the first event.
_STARTED = "eda_recorder_start_timestamp_seconds"

#: What is known of handlers, by name.
METRICS = {
    metric.name: metric
    for metric in (
        m.HANDLER_DURATION_SECONDS,
        m.HANDLER_QUEUE_SECONDS,
        m.HANDLER_EVENTS_TOTAL,
        m.HANDLER_FAILURES_TOTAL,
        m.HANDLER_IN_PROGRESS,
        m.HANDLER_IN_PROGRESS_SINCE,
        m.HANDLER_LAST_SUCCESS,
        m.MESSAGES_PUBLISHED_TOTAL,
        m.PUBLISH_FAILURES_TOTAL,
        m.DEAD_LETTERS_SENT_TOTAL,
    )
}


def translate(exposed: Exposed, names: Names, into: Translated) -> None:
    if _STARTED in exposed:
        into.dialects[NAME] = None
    for metric in METRICS.values():
        for point in exposed.get(metric.exposed_name, ()):
            if "target" in point.labels:
                into.skip(metric.exposed_name, "on a page of eda-monitor itself, not of a handler")
                continue
            into.dialects[NAME] = None
            into.take(point, metric, names.of(metric, point.labels))
