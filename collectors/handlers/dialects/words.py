"""What a dialect says of an instance in our vocabulary, and how its names are found. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from collectors import metrics as m
from collectors.base import Metric, Skipped
from collectors.handlers.points import Distribution, Point

#: The readers of a queue are one group, under the name that RabbitMQ's collector gives them.
GROUP = "consumers"

OK, FAILED, RETRIED, DEAD_LETTERED, DROPPED = "ok", "failed", "retried", "dead_lettered", "dropped"
#: Durations that are not told apart by outcome.
ANY_OUTCOME = ""

#: Of the buckets that OpenTelemetry's SDKs fall back to. They are meant for milliseconds.
_MILLISECOND_BOUNDS = (0.0, 5.0, 10.0, 25.0)

#: One of the series that an exporter exposes, or what is made of several.
Origin = tuple[str, tuple[tuple[str, str], ...]]

#: Of what was not exposed, because nothing of it came yet.
_NONE_YET: Origin = ("", ())

#: The points of an instance by name.
Exposed = Mapping[str, Sequence[Point]]


class Count(NamedTuple):
    """Something that only grows, since the instance began to count.

    `witness` is what falls when counting begins anew; where it is none, the value itself does. A value that is made of
    several series may fall without that, because they are not written at once.
    """

    origin: Origin
    metric: Metric
    labels: tuple[str, ...]
    value: float | Distribution
    witness: float | None = None

    @property
    def witnessed(self) -> float:
        if self.witness is not None:
            return self.witness
        return float(sum(self.value.counts)) if isinstance(self.value, Distribution) else self.value


class Level(NamedTuple):
    """Something that stands now."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


@dataclass(slots=True)
class Translated:
    """What is known of one instance. `skipped` is what cannot be known from such an instance, whichever it is."""

    counts: list[Count] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    skipped: dict[Skipped, None] = field(default_factory=dict)
    #: The dialects that were understood.
    dialects: dict[str, None] = field(default_factory=dict)

    def take(self, point: Point, metric: Metric, labels: tuple[str, ...], factor: float = 1.0) -> None:
        """A point as what the metric is."""
        take = {"histogram": self.duration, "counter": self.count, "gauge": self.level}[metric.kind]
        take(point, metric, labels, factor)

    def count(self, point: Point, metric: Metric, labels: tuple[str, ...], factor: float = 1.0) -> None:
        """What a point counts; what is below 0, or infinite, is no count and left out."""
        amount = as_number(point) * factor
        if 0 <= amount < math.inf:
            self.counts.append(Count(origin(point), metric, labels, amount))

    def duration(self, point: Point, metric: Metric, labels: tuple[str, ...], factor: float = 1.0) -> None:
        """A histogram in seconds, once multiplied with the factor; told where its buckets are of no use."""
        value = point.value
        if not isinstance(value, Distribution):
            return
        if factor == 1.0 and value.bounds[:4] == _MILLISECOND_BOUNDS:
            self.skip(f"durations in {point.name}", "buckets made for milliseconds, counted in seconds")
            return
        bounds = tuple(round(bound * factor, 12) for bound in value.bounds)
        scaled = Distribution(bounds, value.counts, value.sum * factor)
        self.counts.append(Count(origin(point), metric, labels, scaled))

    def level(self, point: Point, metric: Metric, labels: tuple[str, ...], factor: float = 1.0) -> None:
        if not isinstance(point.value, Distribution) and math.isfinite(point.value):
            self.levels.append(Level(metric, labels, point.value * factor))

    def tell_none_yet(self, since: int, outcomes: Iterable[str]) -> None:
        """0 for the outcomes that no event of a handler had yet, of those counted from `since` on.

        A counter that is born with its first failure would be no increase.
        """
        told = {count.labels for count in self.counts[since:] if count.metric is m.HANDLER_EVENTS_TOTAL}
        for handler in dict.fromkeys(labels[:-1] for labels in sorted(told)):
            for labels in ((*handler, outcome) for outcome in outcomes):
                if labels not in told:
                    self.counts.append(Count(_NONE_YET, m.HANDLER_EVENTS_TOTAL, labels, 0.0))

    def skip(self, what: str, reason: str) -> None:
        self.skipped[Skipped(what, reason)] = None


@dataclass(frozen=True, slots=True)
class Names:
    """What the configuration says of names.

    `service`, `group`, `destination` stand in where an exporter tells none; `groups` by destination;
    `destinations` by what the exporter calls them, or by handler where it does not. What a file of targets says of a
    service or group wins over everything.
    """

    service: str = ""
    group: str = ""
    destination: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    destinations: Mapping[str, str] = field(default_factory=dict)
    said_service: str = ""
    said_group: str = ""

    def of_service(self, told: str) -> str:
        return self.said_service or told or self.service

    def of_destination(self, told: str, handler: str = "") -> str:
        return self.destinations.get(told or handler, told or self.destination)

    def handler(self, service: str, handler: str, destination: str, group: str, usual: str = "") -> tuple[str, ...]:
        """The labels of a handler, from what is told of it; `usual` is its group where nobody says another."""
        where = self.of_destination(destination, handler)
        who = self.said_group or group or self.groups.get(where) or self.group or usual
        return self.of_service(service), handler or where, where, who

    def of(self, metric: Metric, told: Mapping[str, str]) -> tuple[str, ...]:
        """The labels of a metric in their order, from those that are told; the others are empty."""
        labels = {label: told.get(label, "") for label in metric.labels}
        if "handler" in labels:
            four = self.handler(labels["service"], labels["handler"], labels["destination"], labels["group"])
            labels.update(zip(("service", "handler", "destination", "group"), four, strict=True))
        else:
            labels["service"] = self.of_service(labels["service"])
            labels["destination"] = self.of_destination(labels["destination"])
        return tuple(labels.values())


def origin(point: Point) -> Origin:
    return point.name, tuple(sorted(point.labels.items()))


def as_number(point: Point) -> float:
    """A counter's value, or how many a histogram counted."""
    return float(sum(point.value.counts)) if isinstance(point.value, Distribution) else point.value
