"""An application with OpenTelemetry's own SDK: handles so many events and exports once a round."""

from __future__ import annotations

import sys

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

#: Nothing is exported but by force_flush.
NEVER_MILLIS = 3_600_000


def sdk(
    url: str,
    temporality: str = "cumulative",
    exponential: bool = False,
    compression: Compression = Compression.NoCompression,
    resource: dict[str, str] | None = None,
) -> MeterProvider:
    delta = AggregationTemporality.DELTA
    exporter = OTLPMetricExporter(
        endpoint=f"{url}/v1/metrics",
        compression=compression,
        preferred_temporality={Counter: delta, Histogram: delta} if temporality == "delta" else None,
    )
    views = [View(instrument_type=Histogram, aggregation=ExponentialBucketHistogramAggregation())]
    return MeterProvider(
        metric_readers=[PeriodicExportingMetricReader(exporter, export_interval_millis=NEVER_MILLIS)],
        resource=Resource(resource or {"service.name": "billing"}),
        views=views if exponential else [],
    )


def handle(provider: MeterProvider, durations: list[float], outcome: str = "ok") -> None:
    meter = provider.get_meter("messaging")
    histogram = meter.create_histogram("messaging.process.duration", unit="s")
    events = meter.create_counter("messaging.client.consumed.messages", unit="{message}")
    labels = {"messaging.system": "kafka", "messaging.destination.name": "orders", "outcome": outcome}
    for duration in durations:
        histogram.record(duration, labels)
        events.add(1, labels)


def main(url: str, temporality: str, rounds: str, events: str) -> None:
    provider = sdk(url, temporality)
    for _ in range(int(rounds)):
        handle(provider, [0.02] * int(events))
        provider.force_flush()
        print("exported", flush=True)
        sys.stdin.readline()
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
