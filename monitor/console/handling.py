"""What the handlers of a destination did lately, joined to the groups that the brokers report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from collectors import metrics as m
from collectors.base import Metric
from monitor.console.kept import once
from monitor.console.source import Source
from monitor.derive import FAILURES, percentile_text
from monitor.percentiles import Increase, Percentile, merged, percentile
from monitor.store.series import Where

#: How long "lately" is.
SECONDS = 600.0

#: (destination, group).
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Handling:
    """What the handlers of a group did within the last ten minutes. None means unknown, never 0.

    `queued` is the 95th percentile of how old events were when their handling began; `reason` is the most frequent one
    of the failures.
    """

    services: tuple[str, ...]
    events: float
    failed_share: float | None
    p95: Percentile | None
    in_progress: float | None
    p50: Percentile | None = None
    p99: Percentile | None = None
    queued: Percentile | None = None
    reason: str = ""


@once
def handlings(reader: Source, now: float) -> dict[Key, Handling]:
    """By destination and group; a group of "" is not known."""
    services: dict[Key, set[str]] = defaultdict(set)
    events: dict[Key, float] = defaultdict(float)
    failed: dict[Key, float] = defaultdict(float)
    for one in reader.rises(m.HANDLER_EVENTS_TOTAL.name, now - SECONDS, now):
        key = _key(one.labels)
        services[key].add(one.labels["service"])
        events[key] += one.increase
        failed[key] += one.increase if one.labels["outcome"] in FAILURES else 0
    durations, queued = (
        _increases(reader, metric, now) for metric in (m.HANDLER_DURATION_SECONDS, m.HANDLER_QUEUE_SECONDS)
    )
    for key, own in durations.items():
        services[key] |= {one.labels["service"] for one in own}
    took = {key: merged(durations[key]) for key in services}
    reasons = failure_reasons(reader, now)
    running: dict[Key, float] = defaultdict(float)
    for series in reader.latest(m.HANDLER_IN_PROGRESS.name, now):
        running[_key(series.labels)] += series.points[-1][1]
    return {
        key: Handling(
            tuple(sorted(services[key])),
            events[key],
            failed[key] / events[key] if events[key] else None,
            _percentile(took[key], 0.95),
            running.get(key),
            _percentile(took[key], 0.5),
            _percentile(took[key], 0.99),
            _percentile(merged(queued[key]), 0.95),
            reasons.get(key, ""),
        )
        for key in services
    }


def of_group(known: Mapping[Key, Handling], destination: str, group: str) -> Handling | None:
    """What handled the group's events: under its own name, else what tells no group."""
    return known.get((destination, group)) or known.get((destination, ""))


@once
def failure_reasons(reader: Source, now: float, where: Where | None = None) -> dict[Key, str]:
    """The most frequent reason of the failures within the last ten minutes."""
    found: dict[Key, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for one in reader.rises(m.HANDLER_FAILURES_TOTAL.name, now - SECONDS, now, where):
        if one.increase:
            found[_key(one.labels)][one.labels["reason"]] += one.increase
    return {key: max(reasons, key=lambda reason: reasons[reason]) for key, reasons in found.items()}


def p95_text(handling: Handling | None) -> str:
    """What all but one in twenty calls of the handler took at most, within the last ten minutes."""
    return "–" if handling is None or handling.p95 is None else percentile_text(handling.p95)


def failed_text(handling: Handling | None) -> str:
    """The share of events that were not handled, within the last ten minutes."""
    return "–" if handling is None or handling.failed_share is None else f"{handling.failed_share:.1%}"


def _key(labels: Mapping[str, str]) -> Key:
    return labels["destination"], labels["group"]


def _increases(reader: Source, metric: Metric, now: float) -> defaultdict[Key, list[Increase]]:
    found: defaultdict[Key, list[Increase]] = defaultdict(list)
    for one in reader.increases(metric.name, now - SECONDS, now):
        found[_key(one.labels)].append(one)
    return found


def _percentile(together: Increase, share: float) -> Percentile | None:
    return percentile(together.bounds, together.counts, share)
