"""OpenTelemetry's messaging metrics, scraped in Prometheus' form or pushed as OTLP: current names and deprecated ones.

    messaging_process_duration_seconds_bucket{messaging_destination_name="orders",messaging_system="kafka",
        messaging_consumer_group_name="billing",error_type="ValueError",le="0.25",otel_scope_name="shop"} 4.0

An event was ok when it bears no `error.type`. Events are counted by their durations: what was received is not yet
handled, and the deprecated counters of processed messages know no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from collectors import metrics as m
from collectors.handlers.dialects.words import FAILED, GROUP, OK, Exposed, Names, Translated
from collectors.handlers.points import Distribution, Point

NAME = "OpenTelemetry"

_HANDLED = ("messaging_process_duration", "messaging_deliver_duration")
#: Units that the exporter may have put behind a name, and how many seconds they are.
_UNITS = {"": 1.0, "_seconds": 1.0, "_milliseconds": 1e-3, "_microseconds": 1e-6}
#: What was sent: the first of them that there is. Of a duration, its count; the oldest counters know no error.
_SENT = (
    "messaging_client_sent_messages_total",
    "messaging_client_published_messages_total",
    "messaging_client_operation_duration_seconds",
    "messaging_client_operation_duration",
    "messaging_publish_duration_seconds",
    "messaging_publish_duration",
    "messaging_publish_messages_total",
    "messaging_publish_messages_message_total",
)
_COUNTED = ("messaging_process_messages_total", "messaging_process_messages_message_total")
_SENDING = ("send", "publish", "schedule", "enqueue")

_DESTINATIONS = (
    "messaging_destination_name",
    "messaging_destination_publish_name",
    "messaging_destination_template",
    "messaging_destination",
)
_GROUPS = (
    "messaging_consumer_group_name",
    "messaging_kafka_consumer_group",
    "messaging_destination_subscription_name",
)
_HANDLERS = ("handler", "code_function_name", "code_function")
#: Systems of which the readers of a destination are no named group.
_QUEUES = ("rabbitmq", "aws_sqs", "aws.sqs", "activemq", "jms", "celery", "redis")


class _Source(NamedTuple):
    """How the names of an instance are found."""

    service: str
    names: Names

    def service_of(self, point: Point) -> str:
        return point.labels.get("service_name", "") or self.service

    def handler(self, point: Point) -> tuple[str, ...]:
        usual = GROUP if point.labels.get("messaging_system") in _QUEUES else ""
        return self.names.handler(
            self.service_of(point), _first(point, _HANDLERS), _destination(point), _first(point, _GROUPS), usual
        )


def translate(exposed: Exposed, names: Names, into: Translated) -> None:
    resource: Mapping[str, str] = next((point.labels for point in exposed.get("target_info", ())), {})
    source = _Source(resource.get("service_name", ""), names)
    forms = ((name + unit, factor) for name in _HANDLED for unit, factor in _UNITS.items())
    name, factor = next(((name, factor) for name, factor in forms if name in exposed), ("", 1.0))
    for point in exposed.get(name, ()):
        _take(point, factor, source, into)
    if not name and any(counter in exposed for counter in _COUNTED):
        into.skip("events by outcome", f"{NAME}'s counters know no error, and there is no messaging.process.duration")
    _sent(exposed, source, into)


def _take(point: Point, factor: float, source: _Source, into: Translated) -> None:
    if not isinstance(point.value, Distribution):
        return
    into.dialects[NAME] = None
    handler, error = source.handler(point), point.labels.get("error_type", "")
    outcome = FAILED if error else OK
    into.count(point, m.HANDLER_EVENTS_TOTAL, (*handler, outcome))
    into.duration(point, m.HANDLER_DURATION_SECONDS, (*handler, outcome), factor)
    if error:
        into.count(point, m.HANDLER_FAILURES_TOTAL, (*handler, error))
    else:
        into.skip("retried, dropped and dead-lettered events", f"{NAME} knows ok and failed only")


def _sent(exposed: Exposed, source: _Source, into: Translated) -> None:
    for points in (list(_sending(exposed, name)) for name in _SENT):
        for point in points:
            into.dialects[NAME] = None
            labels = (
                source.names.of_service(source.service_of(point)),
                source.names.of_destination(_destination(point)),
            )
            error = point.labels.get("error_type", "")
            if error:
                into.count(point, m.PUBLISH_FAILURES_TOTAL, (*labels, error))
            else:
                into.count(point, m.MESSAGES_PUBLISHED_TOTAL, labels)
        if points:
            return


def _sending(exposed: Exposed, name: str) -> Iterator[Point]:
    """The points of what was sent: an operation's duration is of receiving and settling too."""
    for point in exposed.get(name, ()):
        kind = _first(point, ("messaging_operation_type", "messaging_operation_name", "messaging_operation"))
        if "operation" not in name or kind in _SENDING:
            yield point


def _destination(point: Point) -> str:
    """RabbitMQ's are exchange:routing key:queue, or exchange.routing_key as FastStream says; the queue is the last."""
    told = _first(point, _DESTINATIONS)
    if point.labels.get("messaging_system") == "rabbitmq":
        return told.rpartition(":")[2].removeprefix("default.")
    return told


def _first(point: Point, labels: tuple[str, ...]) -> str:
    return next((value for label in labels if (value := point.labels.get(label, ""))), "")
