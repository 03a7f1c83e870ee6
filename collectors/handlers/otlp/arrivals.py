"""What one resource sent, as arrivals: a series, an interval, a value. Pure.

What does not fit is refused with a reason.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any, Literal, NamedTuple

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, DataPointFlags

from collectors.handlers.otlp import names
from collectors.handlers.otlp.folding import Exponential, bounds_of, folded
from collectors.handlers.points import Distribution

MOST_NAME = 256
MOST_LABELS = 32
#: Of all labels of a series together, names and values.
MOST_LABEL_TEXT = 2048
MOST_BOUNDS = 128
MOST_BUCKETS = 4096
#: Of one request: scopes, metrics and data points together.
MOST_PARTS = 100_000
#: Of a resource; what comes after them is not looked at.
_MOST_ATTRIBUTES = 128
#: A number beyond this one is no count of anything.
_MOST_COUNT = 2**62
_NO_RECORDED_VALUE = int(DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)

Temporality = Literal["gauge", "cumulative", "delta"]


class Arrival(NamedTuple):
    """A data point: `start` and `time` are nanoseconds; a value of None says that the series has ended.

    `cumulative` and `delta` begin at `start`; of a `gauge`, the newest counts.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    temporality: Temporality
    start: int
    time: int
    value: float | Distribution | None


class Refusal(NamedTuple):
    """Data points that are not taken: how many, of what, and why."""

    what: str
    reason: str
    points: int = 1


class UnfitError(Exception):
    """A data point that cannot be taken; the message is the reason."""


def source_of(resource: Any) -> str:
    """Who sends, for a reader: `namespace/name/instance`, where there is no instance a hash of the other attributes."""
    attributes = {one.key: names.text_of(one.value) for one in islice(resource.attributes, _MOST_ATTRIBUTES)}
    namespace, name, instance = (attributes.pop(f"service.{key}", "") for key in ("namespace", "name", "instance.id"))
    if not instance and attributes:
        instance = f"~{_digest(repr(sorted(attributes.items())))}"
    return "/".join(_part(part) for part in (namespace, name or "unknown", instance) if part)


def service_of(resource: Any) -> str:
    attributes = islice(resource.attributes, _MOST_ATTRIBUTES)
    return next((names.text_of(one.value) for one in attributes if one.key == "service.name"), "")


def _part(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F") if len(text) <= MOST_NAME else f"~{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Batch:
    """The arrivals of one resource, read once; `refusals` are complete when they have been."""

    def __init__(self, block: Any, room: int = MOST_PARTS) -> None:
        self.source = source_of(block.resource)
        self._block = block
        self._service = service_of(block.resource)
        self._refused: Counter[tuple[str, str]] = Counter()
        self._bounds: dict[tuple[float, ...], tuple[float, ...]] = {}
        #: How many parts more the request may have.
        self.room = room

    @property
    def refusals(self) -> list[Refusal]:
        return [Refusal(what, reason, points) for (what, reason), points in self._refused.items()]

    def arrivals(self) -> Iterator[Arrival]:
        for scope_metrics in self._fitting(self._block.scope_metrics):
            common = _labels_of_scope(scope_metrics.scope)
            if self._service:
                common["service_name"] = self._service
            for metric in self._fitting(scope_metrics.metrics):
                yield from self._of_metric(metric, common)

    def _fitting(self, parts: Sequence[Any]) -> Sequence[Any]:
        """These parts, or none of them where the request has too many."""
        self.room -= len(parts)
        if self.room >= 0:
            return parts
        self._refused["the request", f"more than {MOST_PARTS} scopes, metrics and data points"] += len(parts)
        return ()

    def _of_metric(self, metric: Any, common: Mapping[str, str]) -> Iterator[Arrival]:
        kind = metric.WhichOneof("data")
        points = self._fitting(getattr(metric, kind).data_points if kind else ())
        try:
            name, temporality, value_of = self._reader(metric, kind)
        except UnfitError as unfit:
            self._refused[printable(metric.name), str(unfit)] += len(points)
            return
        for point in points:
            try:
                yield self._arrival(point, common, name, temporality, value_of)
            except UnfitError as unfit:
                self._refused[printable(metric.name), str(unfit)] += 1

    def _reader(self, metric: Any, kind: str | None) -> tuple[str, Temporality, Callable[[Any], Any]]:
        """Name, temporality, and what reads the value of a point of this metric."""
        if len(metric.name) > MOST_NAME or len(metric.unit) > MOST_NAME:
            raise UnfitError(f"a name or unit of more than {MOST_NAME} characters")
        monotonic = kind == "sum" and metric.sum.is_monotonic
        like = "counter" if monotonic else "histogram" if kind in _HISTOGRAMS else "gauge"
        name = names.metric_name(metric.name, metric.unit, like)
        if not any(sign.isascii() and sign.isalpha() for sign in metric.name):
            raise UnfitError("a name without a letter of ASCII")
        if kind == "gauge":
            return name, "gauge", _number
        if kind == "sum":
            temporality = _temporality(metric.sum)
            counts = _count if monotonic else _number
            return name, temporality if monotonic or temporality == "delta" else "gauge", counts
        if kind == "histogram":
            return name, _temporality(metric.histogram), self._distribution
        if kind == "exponential_histogram":
            unit = metric.unit
            return name, _temporality(metric.exponential_histogram), lambda point: _folded(point, unit)
        raise UnfitError(
            "a summary has quantiles that cannot be added up" if kind == "summary" else "no data of a known kind"
        )

    def _arrival(
        self,
        point: Any,
        common: Mapping[str, str],
        name: str,
        temporality: Temporality,
        value_of: Callable[[Any], Any],
    ) -> Arrival:
        start, time = point.start_time_unix_nano, point.time_unix_nano
        if not time:
            raise UnfitError("a data point without a time")
        if start > time:
            raise UnfitError("a data point that ends before it starts")
        value = None if point.flags & _NO_RECORDED_VALUE else value_of(point)
        return Arrival(name, _labels(point.attributes, common), temporality, start, time, value)

    def _distribution(self, point: Any) -> Distribution:
        bounds, counts = self._known_bounds(tuple(point.explicit_bounds)), tuple(point.bucket_counts)
        if not counts and not bounds:
            counts = (point.count,)
        if len(counts) != len(bounds) + 1:
            raise UnfitError("bucket counts that do not fit the bounds")
        return Distribution(bounds, counts, _sum(point, counts))

    def _known_bounds(self, bounds: tuple[float, ...]) -> tuple[float, ...]:
        """These bounds, once judged and kept once: most series of a sender share theirs."""
        known = self._bounds.get(bounds)
        if known is not None:
            return known
        if len(bounds) > MOST_BOUNDS:
            raise UnfitError(f"more than {MOST_BOUNDS} bounds")
        if not all(map(math.isfinite, bounds)) or any(low >= high for low, high in pairwise(bounds)):
            raise UnfitError("bounds that do not rise")
        return self._bounds.setdefault(bounds, bounds)


_HISTOGRAMS = ("histogram", "exponential_histogram")


def printable(text: str) -> str:
    """A name that a sender gave, fit to be shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:100])


def _labels_of_scope(scope: Any) -> dict[str, str]:
    told = {"otel_scope_name": scope.name, "otel_scope_version": scope.version}
    return {label: value for label, value in told.items() if value}


def _labels(attributes: Sequence[Any], common: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The labels of a point by name: its own, and those common to its scope that it does not have."""
    if len(attributes) > MOST_LABELS:
        raise UnfitError(f"more than {MOST_LABELS} attributes")
    if sum(one.ByteSize() for one in attributes) > 4 * MOST_LABEL_TEXT:
        raise UnfitError(f"attributes of more than {MOST_LABEL_TEXT} characters")
    labels = {**common, **names.labels_of(attributes)}
    if sum(map(len, labels)) + sum(map(len, labels.values())) > MOST_LABEL_TEXT:
        raise UnfitError(f"attributes of more than {MOST_LABEL_TEXT} characters")
    return tuple(sorted(labels.items()))


def _temporality(data: Any) -> Temporality:
    if data.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE:
        return "cumulative"
    if data.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA:
        return "delta"
    raise UnfitError("neither cumulative nor delta")


def _number(point: Any) -> float:
    kind = point.WhichOneof("value")
    value = float(getattr(point, kind)) if kind else math.nan
    if not math.isfinite(value):
        raise UnfitError("a value that is no finite number")
    return value


def _count(point: Any) -> float:
    value = _number(point)
    if value < 0:
        raise UnfitError("a counter below zero")
    return value


def _sum(point: Any, counts: Sequence[int]) -> float:
    """The sum of a histogram's values, once its count and buckets agree."""
    if sum(counts) != point.count or point.count > _MOST_COUNT:
        raise UnfitError("bucket counts that do not add up to the count")
    if point.count and not point.HasField("sum"):
        raise UnfitError("a histogram without a sum")
    if not math.isfinite(point.sum):
        raise UnfitError("a sum that is no finite number")
    return float(point.sum)


def _folded(point: Any, unit: str) -> Distribution:
    positive, negative = point.positive, point.negative
    if len(positive.bucket_counts) + len(negative.bucket_counts) > MOST_BUCKETS:
        raise UnfitError(f"more than {MOST_BUCKETS} buckets")
    if not point.zero_threshold >= 0:
        raise UnfitError("a zero threshold below zero")
    low = sum(negative.bucket_counts)
    one = Exponential(point.scale, positive.offset, positive.bucket_counts, point.zero_count, point.zero_threshold, low)
    counts = folded(one, unit)
    return Distribution(bounds_of(unit), counts, _sum(point, counts))
