"""Histograms of different bounds, put together. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from collectors.handlers.points import Distribution


def common(distributions: Iterable[Distribution]) -> tuple[float, ...]:
    """The bounds that all of them have: in those they can be added without a guess."""
    shared: set[float] | None = None
    for bounds in {one.bounds for one in distributions}:
        shared = set(bounds) if shared is None else shared & set(bounds)
    return tuple(sorted(shared or ()))


def placed(one: Distribution, bounds: tuple[float, ...]) -> Distribution:
    """The same events in other buckets, each no lower than it was.

    Exact where every one of the bounds is one of its own. Where not, it is still right for what no longer grows: it
    adds the same to every reading, and takes no part in what a window counts.
    """
    if one.bounds == bounds:
        return one
    counts = [0] * (len(bounds) + 1)
    for at, count in enumerate(one.counts):
        counts[bisect_left(bounds, one.bounds[at]) if at < len(one.bounds) else -1] += count
    return Distribution(bounds, tuple(counts), one.sum)


def added(distributions: Iterable[Distribution], bounds: tuple[float, ...]) -> Distribution:
    """All of them in the given buckets."""
    counts, spent = [0] * (len(bounds) + 1), 0.0
    for one in distributions:
        counts = [have + more for have, more in zip(counts, placed(one, bounds).counts, strict=True)]
        spent += one.sum
    return Distribution(bounds, tuple(counts), spent)
