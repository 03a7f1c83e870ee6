"""OTLP requests with defaults, so that a test shows only its point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

CUMULATIVE = otlp.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = otlp.AGGREGATION_TEMPORALITY_DELTA
SECOND = 1_000_000_000
#: When the applications of the tests began, and a minute later.
BEGAN, LATER = 1_700_000_000 * SECOND, 1_700_000_060 * SECOND

BOUNDS = (0.1, 1.0)


def attributes(labels: Mapping[str, Any]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=value if isinstance(value, AnyValue) else AnyValue(string_value=value))
        for key, value in labels.items()
    ]


def number(value: float, start: int = BEGAN, time: int = LATER, flags: int = 0, **labels: Any) -> otlp.NumberDataPoint:
    return otlp.NumberDataPoint(
        attributes=attributes(labels), start_time_unix_nano=start, time_unix_nano=time, as_double=value, flags=flags
    )


def counter(
    *points: otlp.NumberDataPoint, name: str = "orders", temporality: Any = CUMULATIVE, monotonic: bool = True
) -> otlp.Metric:
    data = otlp.Sum(data_points=points, aggregation_temporality=temporality, is_monotonic=monotonic)
    return otlp.Metric(name=name, sum=data)


def gauge(*points: otlp.NumberDataPoint, name: str = "depth") -> otlp.Metric:
    return otlp.Metric(name=name, gauge=otlp.Gauge(data_points=points))


def buckets(
    counts: Sequence[int] = (1, 2, 3),
    bounds: Sequence[float] = BOUNDS,
    total: float | None = 4.5,
    count: int | None = None,
    start: int = BEGAN,
    time: int = LATER,
    **labels: Any,
) -> otlp.HistogramDataPoint:
    return otlp.HistogramDataPoint(
        attributes=attributes(labels),
        start_time_unix_nano=start,
        time_unix_nano=time,
        count=sum(counts) if count is None else count,
        sum=total,
        bucket_counts=counts,
        explicit_bounds=bounds,
    )


def histogram(
    *points: otlp.HistogramDataPoint, name: str = "duration", unit: str = "s", temporality: Any = CUMULATIVE
) -> otlp.Metric:
    data = otlp.Histogram(data_points=points, aggregation_temporality=temporality)
    return otlp.Metric(name=name, unit=unit, histogram=data)


def block(*metrics: otlp.Metric, resource: Mapping[str, str] | None = None, scope: str = "") -> otlp.ResourceMetrics:
    named = {"service.name": "billing"} if resource is None else resource
    return otlp.ResourceMetrics(
        resource=Resource(attributes=attributes(named)),
        scope_metrics=[otlp.ScopeMetrics(scope=InstrumentationScope(name=scope), metrics=metrics)],
    )


def request(*metrics: otlp.Metric, blocks: Iterable[otlp.ResourceMetrics] = ()) -> ExportMetricsServiceRequest:
    """A request of one service with these metrics, or with these blocks."""
    return ExportMetricsServiceRequest(resource_metrics=list(blocks) or [block(*metrics)])
