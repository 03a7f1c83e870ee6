"""What the charts of one thing show: its panels, and their lines from the store."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from collectors import metrics as m
from collectors.base import Metric
from monitor.console.place import BEFORE, Place
from monitor.console.source import Source
from monitor.derive import increase
from monitor.store.reader import STALE_SECONDS

#: Points of a line, at most.
POINTS = 120

Points = list[tuple[float, float]]


class Wanted(NamedTuple):
    """Series of a metric: found by those `labels` that the place has, summed by the label `by`, else called `name`."""

    metric: Metric
    labels: tuple[str, ...]
    name: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: its title with the unit, and the series that it shows. Counters are shown a second."""

    title: str
    wanted: tuple[Wanted, ...]


class Line(NamedTuple):
    """Points are (epoch seconds, value), oldest first; a value of NaN is where nothing was read for a while."""

    name: str
    points: Points


_GROUP = ("target", "destination", "group")
_DESTINATION = ("target", "destination")
HANDLED = ("destination", "group", "service")

_HANDLING = (
    Panel("Handled, events a second", (Wanted(m.HANDLER_EVENTS_TOTAL, HANDLED, "", "outcome"),)),
    Panel("Failures by reason, a second", (Wanted(m.HANDLER_FAILURES_TOTAL, HANDLED, "", "reason"),)),
)

CONSUMERS = (
    Panel(
        "Events in and out, a second",
        (Wanted(m.MESSAGES_IN_TOTAL, _DESTINATION, "in"), Wanted(m.MESSAGES_OUT_TOTAL, _GROUP, "out")),
    ),
    Panel(
        "Backlog, messages",
        (Wanted(m.BACKLOG_MESSAGES, _GROUP, "waiting"), Wanted(m.IN_FLIGHT_MESSAGES, _GROUP, "in flight")),
    ),
    Panel("Behind, seconds", (Wanted(m.BACKLOG_AGE_SECONDS, _GROUP, "oldest event"),)),
    Panel("Consumers", (Wanted(m.CONSUMERS, _GROUP, "consumers"),)),
    *_HANDLING,
)
DEAD_LETTERS = (
    Panel("Dead letters in the store", (Wanted(m.DEAD_LETTERS, (*_DESTINATION, "source"), "", "source"),)),
    Panel(
        "Dead letters added, a second",
        (Wanted(m.DEAD_LETTERED_MESSAGES_TOTAL, (*_DESTINATION, "source"), "", "source"),),
    ),
    Panel("Age of the oldest, seconds", (Wanted(m.DEAD_LETTER_AGE_SECONDS, _DESTINATION, "oldest"),)),
)
DESTINATIONS = (
    Panel("Events in, a second", (Wanted(m.MESSAGES_IN_TOTAL, _DESTINATION, "in"),)),
    Panel("Events out, a second", (Wanted(m.MESSAGES_OUT_TOTAL, _DESTINATION, "", "group"),)),
    Panel("Backlog, messages", (Wanted(m.BACKLOG_MESSAGES, _DESTINATION, "", "group"),)),
    Panel("Failed deliveries, a second", (Wanted(m.DELIVERY_FAILURES_TOTAL, _DESTINATION, "", "reason"),)),
    Panel("Unroutable, a second", (Wanted(m.UNROUTABLE_MESSAGES_TOTAL, _DESTINATION, "", "reason"),)),
)
FAILURES = _HANDLING[1]
HANDLERS = (
    _HANDLING[0],
    Panel("In progress", (Wanted(m.HANDLER_IN_PROGRESS, HANDLED, "in progress"),)),
)


def lines(reader: Source, panel: Panel, place: Place, now: float) -> list[Line]:
    """The lines of a panel over the window of the place, and those of the time before where it compares."""
    start, end = place.window(now)
    found = _lines(reader, panel, place, start, end)
    if place.before:
        shift = BEFORE[place.before]
        for name, points in _lines(reader, panel, place, start - shift, end - shift):
            found.append(Line(f"{name}, {place.before} before", [(at + shift, value) for at, value in points]))
    return found


def rates(points: Sequence[tuple[float, float]]) -> Points:
    """What a counter rose by a second, between readings; after a reset it began at 0."""
    return [
        (at, increase((old, value)) / (at - before)) for (before, old), (at, value) in pairwise(points) if at > before
    ]


def broken(points: Sequence[tuple[float, float]], longest: float) -> Points:
    """With a NaN between points that are further apart than so many seconds: what was then is not known."""
    found = list(points[:1])
    for (before, _), (at, value) in pairwise(points):
        if at - before > longest:
            found.append(((before + at) / 2, math.nan))
        found.append((at, value))
    return found


def _lines(reader: Source, panel: Panel, place: Place, start: float, end: float) -> list[Line]:
    """Series of one target are read at the same times, and are summed; those of several have lines of their own."""
    sums: dict[tuple[str, str], dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for wanted in panel.wanted:
        where = place.only(wanted.labels)
        for series in reader.trend(wanted.metric.name, start, end, POINTS, where):
            is_counter = wanted.metric.kind == "counter"
            name = (series.labels.get(wanted.by) or "unnamed") if wanted.by else wanted.name
            for at, value in rates(series.points) if is_counter else series.points:
                sums[name, series.labels["target"]][at] += value
    longest, several = max(STALE_SECONDS, 2 * (end - start) / POINTS), Counter(name for name, _ in sums)
    return [
        Line(f"{name}, {target}" if several[name] > 1 else name, broken(sorted(points.items()), longest))
        for (name, target), points in sorted(sums.items())
    ]
