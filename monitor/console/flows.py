"""What goes in and out of each destination."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from collectors import metrics as m
from monitor.console.kept import once
from monitor.console.source import Source

#: How long rates are taken over.
SECONDS = 600.0

#: (target, destination).
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Destination:
    """Rates are events a second over the last ten minutes. None means unknown, never 0."""

    target: str
    destination: str
    rate_in: float | None
    rate_out: float | None
    backlog: float | None
    groups: tuple[str, ...]


@once
def load_destinations(reader: Source, now: float) -> list[Destination]:
    """All destinations, the one with the most events waiting first; raises StoreError."""
    arriving, leaving = (_rates(reader, metric.name, now) for metric in (m.MESSAGES_IN_TOTAL, m.MESSAGES_OUT_TOTAL))
    backlogs: dict[Key, float] = defaultdict(float)
    groups: dict[Key, set[str]] = defaultdict(set)
    for series in reader.latest(m.BACKLOG_MESSAGES.name, now):
        key = series.labels["target"], series.labels["destination"]
        backlogs[key] += series.points[-1][1]
        groups[key].add(series.labels["group"])
    for series in reader.latest(m.MESSAGES_OUT_TOTAL.name, now):  # of a topic of the cloud nobody tells what waits
        groups[series.labels["target"], series.labels["destination"]].add(series.labels["group"])
    found = [
        Destination(*key, arriving.get(key), leaving.get(key), backlogs.get(key), tuple(sorted(groups.get(key, ()))))
        for key in arriving.keys() | leaving.keys() | backlogs.keys()
    ]
    return sorted(found, key=lambda one: (-(one.backlog or 0), one.destination, one.target))


def _rates(reader: Source, metric: str, now: float) -> dict[Key, float]:
    found: dict[Key, float] = defaultdict(float)
    for one in reader.rises(metric, now - SECONDS, now):
        if one.rate is not None:
            found[one.labels["target"], one.labels["destination"]] += one.rate
    return found
