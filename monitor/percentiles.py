"""Percentiles from bucket counts, over any set of handlers. Pure.

Within a bucket events are taken to be spread evenly over the logarithm of their duration, as durations are: that
halves the error of a straight line. Grafana's `histogram_quantile` draws the straight line; on a bound both agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log
from typing import NamedTuple


class Increase(NamedTuple):
    """What fell into the buckets of one series, or of several together, within a window.

    `bounds` are upper bounds, inclusive and rising; `counts` are of each bucket alone, one more than there are bounds.
    They are whole but where a part of a rolled-up bucket was taken. `sum` is NaN where it is not known.
    """

    labels: dict[str, str]
    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    sum: float

    @property
    def count(self) -> float:
        return sum(self.counts)


class Percentile(NamedTuple):
    """A duration that the share of events does not exceed; with `beyond` it is at least that, past the last bound."""

    seconds: float
    beyond: bool


def percentile(bounds: Sequence[float], counts: Sequence[float], q: float) -> Percentile | None:
    """The duration that the share `q` of the events does not exceed; None where nothing was counted."""
    if not 0 <= q <= 1:
        raise ValueError(f"{q} is not a share; expected 0 to 1")
    at = _bucket(counts, q)
    if at is None:
        return None
    if at == len(bounds):
        return Percentile(bounds[-1] if bounds else 0.0, beyond=True)
    low, high = _edges(bounds, at)
    part = min(1.0, max(0.0, (q * sum(counts) - sum(counts[:at])) / counts[at]))
    return Percentile(low * (high / low) ** part if low > 0 else low + (high - low) * part, beyond=False)


def share_above(bounds: Sequence[float], counts: Sequence[float], threshold: float) -> float | None:
    """The share of the events above a threshold; exact on a bound. What lies past the last bound counts as above."""
    total = sum(counts)
    if not total:
        return None
    above = 0.0
    for at, count in enumerate(counts):
        low, high = _edges(bounds, at) if at < len(bounds) else (threshold, threshold)
        if threshold <= low:
            above += count
        elif threshold < high:
            above += count * (1 - _part(low, high, threshold))
    return above / total


def merged(increases: Iterable[Increase]) -> Increase:
    """Increases together, with the labels and the bounds that all of them have that counted anything."""
    parts = [increase for increase in increases if any(increase.counts)]
    if not parts:
        return Increase({}, (), (0,), 0.0)
    labels = dict.items(parts[0].labels) & set.intersection(*(set(part.labels.items()) for part in parts))
    bounds = common([part.bounds for part in parts])
    counts = [coarsened(part.bounds, part.counts, bounds) for part in parts]
    return Increase(
        dict(sorted(labels)),
        bounds,
        tuple(sum(column) for column in zip(*counts, strict=True)),
        sum(p.sum for p in parts),
    )


def common(sets: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """The bounds that all have; none at all leaves one bucket, of everything."""
    if all(bounds == sets[0] for bounds in sets):
        return sets[0]
    return tuple(sorted(set(sets[0]).intersection(*sets[1:])))


def coarsened(bounds: Sequence[float], counts: Sequence[float], to: tuple[float, ...]) -> tuple[float, ...]:
    """The counts between the bounds `to`, each of which must be among `bounds`."""
    if len(to) == len(bounds):
        return tuple(counts)
    own, at = [], 0
    for bound in to:
        until = bounds.index(bound) + 1
        own.append(sum(counts[at:until]))
        at = until
    return (*own, sum(counts[at:]))


def _bucket(counts: Sequence[float], q: float) -> int | None:
    """The bucket in which the event of that rank lies; the last one that holds any, should rounding run past it."""
    rank, seen, last = q * sum(counts), 0.0, None
    for at, count in enumerate(counts):
        if count > 0:
            seen, last = seen + count, at
            if seen >= rank:
                break
    return last


def _edges(bounds: Sequence[float], at: int) -> tuple[float, float]:
    """Where a bucket is taken to begin and where it ends."""
    if at:
        return bounds[at - 1], bounds[at]
    return min(0.0, bounds[0]), bounds[0]


def _part(low: float, high: float, value: float) -> float:
    """How far into a bucket a value lies: by its logarithm, or in a straight line where the bucket begins at 0."""
    return log(value / low) / log(high / low) if low > 0 else (value - low) / (high - low)
