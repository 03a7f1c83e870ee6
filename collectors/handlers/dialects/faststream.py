"""FastStream's PrometheusMiddleware, as of 0.7, under any prefix.

    faststream_received_processed_messages_total{app_name="shop",broker="kafka",handler="orders",status="acked"} 5.0
    faststream_received_processed_messages_exceptions_total{…,handler="orders",exception_type="ValueError"} 2.0

What it calls `handler` is the destination: the topic, or `exchange.routing_key`. Its status is what became of the
message, not of the handler: by default Kafka's are acknowledged before they are handled, and a handler that raised
counts as `acked`. So exceptions that no other status explains are taken off the acknowledged ones.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from collectors import metrics as m
from collectors.handlers.dialects.words import (
    ANY_OUTCOME,
    DROPPED,
    FAILED,
    GROUP,
    OK,
    RETRIED,
    Count,
    Exposed,
    Names,
    Origin,
    Translated,
    as_number,
    origin,
)
from collectors.handlers.points import Point

NAME = "FastStream"

_PREFIX = re.compile(r"(.+)_(?:received_processed|received|published)_messages(?:_total|_in_process)")
_LABELS = {"app_name", "broker"}
#: Statuses that are an outcome as they stand, with what is said of them where no exception says more.
_PLAIN = {"nacked": RETRIED, "rejected": FAILED, "error": FAILED, "skipped": DROPPED}


@dataclass(slots=True)
class _Subscriber:
    """The counts of one series of labels: processed by status, and exceptions.

    Every `error` is an exception. Where there are more of them, they lie behind the nacked and the rejected ones, and
    the rest behind what was acknowledged.
    """

    statuses: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    exceptions: float = 0.0

    @property
    def handled(self) -> float:
        return sum(self.statuses.values())

    @property
    def failed_though_acked(self) -> float:
        explained = self.statuses["error"] + self.statuses["nacked"] + self.statuses["rejected"]
        return min(self.statuses["acked"], max(0.0, self.exceptions - explained))

    def without_exception(self) -> Iterator[tuple[str, float]]:
        """How many were nacked and rejected because the handler said so."""
        raised = max(0.0, self.exceptions - self.statuses["error"])
        for status in ("nacked", "rejected"):
            here = min(self.statuses[status], raised)
            raised -= here
            yield status, self.statuses[status] - here


def translate(exposed: Exposed, names: Names, into: Translated) -> None:
    for prefix in {match[1]: None for name in exposed if (match := _PREFIX.fullmatch(name))}:
        points = list(_points(exposed, f"{prefix}_received_processed_messages_total"))
        processed = [point for point in points if "status" in point.labels]
        if processed:
            into.dialects[NAME] = None
            _handled(exposed, prefix, processed, names, into)
        _published(exposed, prefix, names, into)
        for point in _points(exposed, f"{prefix}_received_messages_in_process"):
            into.level(point, m.HANDLER_IN_PROGRESS, _handler(point, prefix, names))


def _handled(exposed: Exposed, prefix: str, processed: list[Point], names: Names, into: Translated) -> None:
    subscribers: dict[Origin, _Subscriber] = defaultdict(_Subscriber)
    labels: dict[Origin, tuple[str, ...]] = {}
    for point in processed:
        key, status = _without(point, "status"), point.labels["status"]
        labels[key] = _handler(point, prefix, names)
        subscribers[key].statuses[status] += as_number(point)
        if status in _PLAIN:
            into.count(point, m.HANDLER_EVENTS_TOTAL, (*labels[key], _PLAIN[status]))
        if status == "skipped":
            into.count(point, m.HANDLER_FAILURES_TOTAL, (*labels[key], status))
    for point in _points(exposed, f"{prefix}_received_processed_messages_exceptions_total"):
        subscribers[_without(point, "exception_type")].exceptions += as_number(point)
        reason = point.labels.get("exception_type", "")
        into.count(point, m.HANDLER_FAILURES_TOTAL, (*_handler(point, prefix, names), reason))
    for key, subscriber in subscribers.items():
        if key in labels:
            into.counts += _derived(key, labels[key], subscriber)
    calls = _durations(exposed, prefix, names, into)
    if sum(subscriber.handled for subscriber in subscribers.values()) > calls:
        into.skip("failed events of batches", f"{NAME} counts one exception a batch")
    into.skip("handlers of one destination apart", f"{NAME} labels by destination")
    if any(point.labels["broker"] == "kafka" for point in processed):
        into.skip("skipped messages of Kafka", f"{NAME} counts them as acked")


def _derived(key: Origin, handler: tuple[str, ...], subscriber: _Subscriber) -> Iterator[Count]:
    """What its counters say only together."""
    acked, wrong = subscriber.statuses["acked"], subscriber.failed_though_acked
    witness = subscriber.handled + subscriber.exceptions
    yield Count(key, m.HANDLER_EVENTS_TOTAL, (*handler, OK), acked - wrong, witness)
    yield Count(key, m.HANDLER_EVENTS_TOTAL, (*handler, FAILED), wrong, witness)
    for status, count in subscriber.without_exception():
        if count:
            yield Count(key, m.HANDLER_FAILURES_TOTAL, (*handler, status), count, witness)


def _durations(exposed: Exposed, prefix: str, names: Names, into: Translated) -> float:
    """Takes on the durations; how many there are."""
    calls = 0.0
    for point in _points(exposed, f"{prefix}_received_processed_messages_duration_seconds"):
        into.duration(point, m.HANDLER_DURATION_SECONDS, (*_handler(point, prefix, names), ANY_OUTCOME))
        into.skip("durations by outcome", f"{NAME} does not tell them apart")
        calls += as_number(point)
    return calls


def _published(exposed: Exposed, prefix: str, names: Names, into: Translated) -> None:
    for point in _points(exposed, f"{prefix}_published_messages_total"):
        if point.labels.get("status") == "success":
            into.dialects[NAME] = None
            into.count(point, m.MESSAGES_PUBLISHED_TOTAL, _publisher(point, prefix, names))
    for point in _points(exposed, f"{prefix}_published_messages_exceptions_total"):
        labels = (*_publisher(point, prefix, names), point.labels.get("exception_type", ""))
        into.count(point, m.PUBLISH_FAILURES_TOTAL, labels)


def _points(exposed: Exposed, name: str) -> Iterator[Point]:
    return (point for point in exposed.get(name, ()) if point.labels.keys() >= _LABELS)


def _service(point: Point, prefix: str, names: Names) -> str:
    """The app's name; where nobody gave it one it is that of the prefix, and says nothing."""
    told = point.labels["app_name"]
    return names.of_service("" if told == prefix else told) or told


def _destination(point: Point, told: str) -> str:
    """A message of the default exchange goes to the queue that its routing key names."""
    return told.removeprefix("default.") if point.labels["broker"] == "rabbitmq" else told


def _handler(point: Point, prefix: str, names: Names) -> tuple[str, ...]:
    destination = _destination(point, point.labels.get("handler", ""))
    usual = GROUP if point.labels["broker"] == "rabbitmq" else ""
    _, handler, where, group = names.handler("", destination, destination, "", usual)
    return _service(point, prefix, names), handler, where, group


def _publisher(point: Point, prefix: str, names: Names) -> tuple[str, ...]:
    told = _destination(point, point.labels.get("destination", ""))
    return _service(point, prefix, names), names.of_destination(told)


def _without(point: Point, label: str) -> Origin:
    _, labels = origin(point)
    return NAME, tuple(one for one in labels if one[0] != label)
