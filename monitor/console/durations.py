"""How long calls took, over time: percentiles and a heatmap from the histograms, and the share of them that failed."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from collectors import metrics as m
from collectors.base import Metric
from monitor.console.place import BEFORE, Place
from monitor.console.source import Source
from monitor.console.timelines import HANDLED, Line, broken, rates
from monitor.percentiles import Increase, merged, percentile
from monitor.store.reader import STALE_SECONDS

#: Slots of a window.
SLOTS = 60
SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))

#: End of a slot in epoch seconds, and what fell into the buckets within it.
Slot = tuple[float, Increase]


class Cell(NamedTuple):
    """So many calls within a slot took from `low` to `high` seconds; the last bucket has no upper bound of its own."""

    begin: float
    end: float
    low: float
    high: float
    calls: float


def slots(reader: Source, metric: Metric, place: Place, start: float, end: float) -> list[Slot]:
    """What all series of the place counted together, oldest first; raises StoreError."""
    found: dict[float, list[Increase]] = defaultdict(list)
    for _, own in reader.increase_trend(metric.name, start, end, SLOTS, place.only(HANDLED)):
        for at, one in own:
            found[at].append(one)
    return [(at, merged(found[at])) for at in sorted(found)]


def percentiles(reader: Source, metric: Metric, place: Place, now: float) -> list[Line]:
    """The median, 95th and 99th over the window of the place, and the 95th of the time before where it compares."""
    start, end = place.window(now)
    found = percentile_lines(slots(reader, metric, place, start, end), (end - start) / SLOTS)
    if place.before:
        shift = BEFORE[place.before]
        for name, points in percentile_lines(
            slots(reader, metric, place, start - shift, end - shift), (end - start) / SLOTS
        ):
            if name == "p95":
                found.append(Line(f"{name}, {place.before} before", [(at + shift, value) for at, value in points]))
    return found


def percentile_lines(found: list[Slot], slot: float) -> list[Line]:
    """A line for each; broken where nothing was handled, for of nothing there is no percentile."""
    lines = []
    for name, share in SHARES:
        known = [(at, percentile(one.bounds, one.counts, share)) for at, one in found]
        points = [(at, one.seconds) for at, one in known if one is not None]
        if points:
            lines.append(Line(name, broken(points, max(STALE_SECONDS, 2 * slot))))
    return lines


def cells(found: list[Slot], slot: float) -> list[Cell]:
    """The buckets that hold any, within each slot; the first begins, and the last ends, a factor of 2 away."""
    return [
        Cell(at - slot, at, *_edges(one.bounds, number), count)
        for at, one in found
        for number, count in enumerate(one.counts)
        if count > 0 and one.bounds
    ]


def _edges(bounds: tuple[float, ...], number: int) -> tuple[float, float]:
    low = bounds[number - 1] if number else bounds[0] / 2
    return low, bounds[number] if number < len(bounds) else 2 * low


def failure_shares(reader: Source, place: Place, now: float) -> list[Line]:
    """Of the events that ended between two readings, the share that failed for each reason; 0 to 1."""
    start, end = place.window(now)
    where = place.only(HANDLED)
    events: dict[tuple[str, float], float] = defaultdict(float)
    for one in reader.trend(m.HANDLER_EVENTS_TOTAL.name, start, end, SLOTS, where):
        for at, value in rates(one.points):
            events[one.labels["target"], at] += value
    failed: dict[str, dict[tuple[str, float], float]] = defaultdict(lambda: defaultdict(float))
    for one in reader.trend(m.HANDLER_FAILURES_TOTAL.name, start, end, SLOTS, where):
        for at, value in rates(one.points):
            failed[one.labels["reason"] or "unnamed"][one.labels["target"], at] += value
    longest = max(STALE_SECONDS, 2 * (end - start) / SLOTS)
    return [
        Line(reason, broken(sorted(_shares(own, events).items()), longest)) for reason, own in sorted(failed.items())
    ]


def _shares(failed: dict[tuple[str, float], float], events: dict[tuple[str, float], float]) -> dict[float, float]:
    return {key[1]: count / events[key] for key, count in failed.items() if events.get(key)}
