"""An outage in which every metric of the vocabulary has something to tell: orders are given up, redriven in vain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from collectors import metrics as m
from collectors.base import Histogram, Metric, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.store.series import FROM_SCRAPES

TARGET, SYSTEM = "shop", "kafka"
EVERY, SCRAPES = 15.0, 120

#: What the labels of a metric are; of some the panels name the values.
VALUES = {
    "destination": ("orders",), "source": ("orders",), "group": ("billing",), "partition": ("3",), "service": ("shop",),
    "handler": ("charge",), "node": ("broker-1",), "reason": ("TimeoutError",), "strategy": ("disabled",),
    "phase": ("collect", "judge"), "kind": ("target", "part"), "receiver": ("ops",), "rule": ("Own",),
    "state": ("firing", "pending", "suppressed"),
}  # fmt: skip
OUTCOMES = {
    m.REDRIVEN_MESSAGES_TOTAL: ("sent", "came_back"),
    m.HANDLER_EVENTS_TOTAL: ("ok", "failed", "retried"),
    m.HANDLER_DURATION_SECONDS: ("ok", "failed"),
}
#: What some metrics alone have.
SPECIAL = {
    m.DELIVERY_FAILURES_TOTAL: {"reason": ("TimeoutError", "throttled")},
    m.UNROUTABLE_MESSAGES_TOTAL: {"reason": ("returned", "unmatched")},
    m.SUBSCRIPTIONS: {"state": ("dead_letters", "none", "pending")},
    m.PUBLISH_FAILURES_TOTAL: {"service": ("shop", "publishers")},
}
#: What a Prometheus that judges our rules writes of an alert.
ALERTS = Metric(
    "ALERTS", "gauge", "", "Alerts.", ("alertname", "alertstate", "severity", "destination", "group"), foreign=True
)
#: Of the store of dead letters, not of its source.
STORE = "orders.dlq"


def labels_of(metric: Metric) -> Iterator[tuple[str, ...]]:
    """The labels of each series that a metric has."""
    values = VALUES | {"outcome": OUTCOMES.get(metric, ())} | SPECIAL.get(metric, {})
    if "source" in metric.labels or metric.name.startswith("dead_letter"):
        values |= {"destination": (STORE,)}
    return product(*(values[name] for name in metric.labels))


def scrapes(end: float) -> Iterator[Scrape]:
    """The half hour before a time: what counts rises, and nobody is well."""
    for number in range(SCRAPES):
        at = end - (SCRAPES - number) * EVERY
        yield Scrape(TARGET, SYSTEM, at, 0.1, Reading(list(_samples(number, at)), list(_histograms(number))))


def _samples(number: int, at: float) -> Iterator[Sample]:
    yield ALERTS.sample(1, "BacklogAgeHigh", "firing", "warning", "orders", "billing")
    for metric in m.METRICS.values():
        if metric.kind != "histogram" and metric.name not in FROM_SCRAPES:
            for labels in labels_of(metric):
                yield metric.sample(_value(metric, number, at), *labels)


def _value(metric: Metric, number: int, at: float) -> float:
    if metric.name.endswith("timestamp_seconds"):
        return at - 60
    return 10.0 + 3 * number if metric.kind == "counter" else 1.0 + number


def _histograms(number: int) -> Iterator[Histogram]:
    for metric in m.METRICS.values():
        if metric.kind == "histogram":
            for labels in labels_of(metric):
                yield metric.histogram(BOUNDS, (1 + number,) * (len(BOUNDS) + 1), 9.5 * number, *labels)
