"""The buckets in which durations are counted: bounds by √2 from 1 ms to 12 min. Standard library only.

Percentiles read from them are within 6 % of the exact value; every second bound is 1 ms · 2ⁿ, and what is told to
Prometheus is a true histogram of just these.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Upper bounds in seconds, inclusive; longer ones fall into one bucket more.
BOUNDS: tuple[float, ...] = tuple(round(0.001 * 2 ** (half / 2), 9) for half in range(40))

#: A request that bears this header gets all bounds, others every second one.
ALL_BOUNDS_HEADER = "Eda-Bounds"
ALL_BOUNDS_VALUE = "all"

#: A histogram with more bounds than this is told to Prometheus with every second one: each is a series there.
MANY_BOUNDS = 24


def halved(bounds: Sequence[float], counts: Sequence[int]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Every second bound, from the first one on, and the counts of those buckets (one more than bounds)."""
    kept = tuple(bounds[::2])
    own = [counts[0], *(counts[at - 1] + counts[at] for at in range(2, len(bounds), 2))]
    return kept, (*own, sum(counts) - sum(own))
