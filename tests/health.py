"""A house in which all is well: what comes is handled at once, and nothing that counts failures has begun."""

from __future__ import annotations

from collections.abc import Iterator

from outage import EVERY, SCRAPES, SYSTEM, TARGET, labels_of

from collectors import metrics as m
from collectors.base import Histogram, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.store.series import FROM_SCRAPES

#: Of these there is no series until something goes wrong, or is sent back.
NOT_YET = {
    m.CONFIGURATION_FAULT, m.DEAD_LETTER_AGE_SECONDS, m.DEAD_LETTER_FAILURES_TOTAL,
    m.DEAD_LETTER_RETENTION_MARGIN_SECONDS, m.DEAD_LETTERED_MESSAGES_TOTAL, m.DEAD_LETTERS_BORN,
    m.DEAD_LETTERS_SENT_TOTAL,
    m.DEATHS_TOTAL, m.DELIVERY_FAILURES_TOTAL, m.HANDLER_FAILURES_TOTAL, m.HANDLER_IN_PROGRESS_SINCE, m.LOST_MESSAGES,
    m.OFFSET_CLAMPS_TOTAL, m.PUBLISH_FAILURES_TOTAL, m.REDELIVERIES_TOTAL, m.REDRIVEN_MESSAGES_TOTAL,
    m.REDRIVES_RUNNING, m.RULE_FAILURES_TOTAL, m.UNROUTABLE_MESSAGES_TOTAL,
}  # fmt: skip
#: What is not 0 though nothing waits or is wrong.
STANDING = {
    m.CONSUMERS: 3, m.CONSUMER_CAPACITY: 1, m.GROUP_STATE: 3, m.NODE_UP: 1, m.BACKLOG_AGE_QUALITY: 3,
    m.DEAD_LETTER_ROUTE: 1, m.RETENTION_MARGIN_SECONDS: 600_000, m.COLLECTOR_INTERVAL_SECONDS: EVERY,
    m.COLLECTOR_DURATION_SECONDS: 0.1, m.STORE_BYTES: 1e7, m.STORE_WAL_BYTES: 1e6, m.SUBSCRIPTIONS: 2,
}  # fmt: skip


def scrapes(end: float) -> Iterator[Scrape]:
    """The half hour before a time, without a fault."""
    for number in range(SCRAPES):
        at = end - (SCRAPES - number) * EVERY
        yield Scrape(TARGET, SYSTEM, at, 0.1, Reading(list(_samples(number, at)), list(_histograms(number))))


def _samples(number: int, at: float) -> Iterator[Sample]:
    for metric in m.METRICS.values():
        if metric.kind == "histogram" or metric.name in FROM_SCRAPES or metric in NOT_YET:
            continue
        for labels in labels_of(metric):
            if not {"failed", "retried"} & set(labels):
                yield metric.sample(_value(metric.name, number, at), *labels)


def _value(name: str, number: int, at: float) -> float:
    metric = m.METRICS[name]
    if name.endswith("timestamp_seconds"):
        return at
    return 10.0 + 3 * number if metric.kind == "counter" else STANDING.get(metric, 0.0)


def _histograms(number: int) -> Iterator[Histogram]:
    """Every call is quick."""
    for metric in m.METRICS.values():
        if metric.kind == "histogram":
            for labels in labels_of(metric):
                if "failed" not in labels:
                    yield metric.histogram(BOUNDS, (1 + number, *(0 for _ in BOUNDS)), 0.001 * number, *labels)
