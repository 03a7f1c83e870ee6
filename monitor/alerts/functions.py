"""What the functions of the rule language make of points and of buckets, as Prometheus does. Pure.

See https://prometheus.io/docs/prometheus/latest/querying/functions/.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from collectors.handlers.geometry import MANY_BOUNDS
from monitor.alerts.rules import Function
from monitor.percentiles import Increase
from monitor.store.runs import Runs

Points = Sequence[tuple[float, float]]


def apply(function: Function, points: Points, start: float, end: float) -> float | None:
    """One value of the points in (start, end], or None where Prometheus would give none."""
    if not points:
        return None
    values = _values(points)
    match function:
        case "last":
            return values[-1]
        case "age":
            return end - values[-1]
        case "min_over_time":
            return min(values)
        case "max_over_time":
            return max(values)
        case "avg_over_time":
            return _sum(points) / len(points)
        case "increase":
            return extrapolated(points, start, end, counter=True)
        case "delta":
            return extrapolated(points, start, end, counter=False)
        case "rate":
            increase = extrapolated(points, start, end, counter=True)
            return None if increase is None else increase / (end - start)
    raise ValueError(f"{function} gives no value of points")


def extrapolated(points: Points, start: float, end: float, *, counter: bool) -> float | None:
    """The change over a window, extrapolated to its ends as Prometheus' `extrapolatedRate` does."""
    if len(points) < 2:
        return None
    first, last = points[0][1], points[-1][1]
    change = last - first
    if counter:
        change += sum(before for before, after in pairwise(_values(points)) if after < before)
    if not change:  # most series, most of the time
        return 0.0
    return change * _stretch(points, start, end, first / change if counter and change > 0 and first >= 0 else None)


def _values(points: Points) -> Sequence[float]:
    """Those that came one after the other; one that stood for long is there once or more often."""
    return points.values if isinstance(points, Runs) else [value for _, value in points]


def _sum(points: Points) -> float:
    if isinstance(points, Runs):
        return sum(value * length for value, length in zip(points.values, points.lengths, strict=True))
    return sum(value for _, value in points)


def _stretch(points: Points, start: float, end: float, first_to_change: float | None) -> float:
    """How much longer than its points the window is taken to be: no counter is stretched back to below zero."""
    first_at, last_at = points[0][0], points[-1][0]
    sampled = last_at - first_at
    average = sampled / (len(points) - 1)
    to_start = first_at - start if first_at - start < average * 1.1 else average / 2
    to_end = end - last_at if end - last_at < average * 1.1 else average / 2
    if first_to_change is not None:
        to_start = min(to_start, sampled * first_to_change)
    return (sampled + to_start + to_end) / sampled


def bucket_rates(grown: Increase, stood: Increase | None, points: Points, start: float, end: float) -> Increase:
    """What fell into each bucket a second.

    `grown` is what was added since the first of the points, `stood` what had been counted by then. Both are needed
    because Prometheus extrapolates each of its buckets, which hold those below them too, by itself.
    """
    changes = list(accumulate(grown.counts))
    if stood is not None and stood.bounds == grown.bounds:
        firsts = list(accumulate(stood.counts))
    else:
        firsts = [-1.0] * len(changes)  # not known: below zero means that the counter fell, and is not held back
    rates = [
        change * _stretch(points, start, end, first / change if change > 0 and first >= 0 else None) / (end - start)
        for first, change in zip(firsts, changes, strict=True)
    ]
    alone = tuple(upper - lower for lower, upper in pairwise([0.0, *rates]))
    return grown._replace(counts=alone, sum=grown.sum / (end - start))


def rising(bounds: Sequence[float], counts: Sequence[float]) -> tuple[float, ...]:
    """The same buckets, none of them below zero.

    Buckets that are stretched one by one may come to hold more than those that hold them too; then Prometheus takes
    the larger figure for both. It knows only the bounds that it is told: what lies between two of them stays between
    the figures of these.
    """
    until = list(accumulate(counts))
    told = [*range(0, len(bounds), 2 if len(bounds) > MANY_BOUNDS else 1), len(bounds)]
    for at, most in zip(told, list(accumulate((until[at] for at in told), max)), strict=True):
        until[at] = most
    for lower, upper in pairwise(told):
        for at in range(lower + 1, upper):
            until[at] = min(max(until[at], until[lower]), until[upper])
    return tuple(upper - lower for lower, upper in pairwise([0.0, *until]))
