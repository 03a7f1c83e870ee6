"""From the buckets of histograms, as they are exposed, to what fell into them. Pure.

As in the store: what began while its target was read counts from 0; what is there at the first reading that is known of
a target was counted at times unknown; a count that fell began anew; and what comes back has grown by what it counted in
its absence, if that was short.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from collectors.base import Metric
from monitor.console.prometheus.api import Answer, Points
from monitor.console.prometheus.readings import named
from monitor.percentiles import Increase, merged
from monitor.store.histograms import Standing, grown

#: Times of readings and what each showed, oldest first.
Stood = list[tuple[float, Standing]]
#: What a series with these labels showed.
Counting = tuple[dict[str, str], Stood]


def standing(
    metric: Metric, told: Iterable[Answer], read: Callable[[Mapping[str, str], Points], Points]
) -> list[Counting]:
    """The histograms of a metric from the answers for its `_bucket` and `_sum`; `read` gives points their times."""
    buckets: dict[tuple[str, ...], dict[float, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    sums: dict[tuple[str, ...], dict[float, float]] = defaultdict(dict)
    labels: dict[tuple[str, ...], dict[str, str]] = {}
    for one in told:
        own = named(metric, one.labels)
        key = tuple(own.values())
        labels[key] = own
        if one.labels.get("__name__", "").endswith("_bucket"):
            bound = float(one.labels["le"])
            for at, value in read(one.labels, one.points):
                buckets[key][at][bound] = value
        else:
            sums[key].update(read(one.labels, one.points))
    return [
        (labels[key], [(at, _standing(until, sums[key].get(at, float("nan")))) for at, until in sorted(found.items())])
        for key, found in buckets.items()
    ]


def _standing(until: Mapping[float, float], total: float) -> Standing:
    """From counts up to each bound to counts of each bucket alone."""
    bounds = sorted(until)
    counts = [int(until[bound]) for bound in bounds]
    own = tuple(count - before for count, before in zip(counts, (0, *counts), strict=False))
    return Standing(tuple(bounds[:-1]), own, total)


def growth(stood: Stood, before: Standing | None, is_read_before: bool, start: float) -> list[tuple[float, Standing]]:
    """What was added at each reading after `start`; `before` is what stood when the first of `stood` was not there."""
    found = []
    for at, now in stood:
        if at > start and (before is not None or is_read_before):
            found.append((at, now if before is None else grown(before, now)))
        before, is_read_before = now, True
    return found


def summed(labels: dict[str, str], bounds: tuple[float, ...], added: Iterable[Standing]) -> Increase:
    """Growth together; zeros in these bounds where nothing was added."""
    parts = [Increase(labels, one.bounds, one.counts, one.sum) for one in added if any(one.counts)]
    if not parts:
        return Increase(labels, bounds, (0,) * (len(bounds) + 1), 0.0)
    return merged(parts)._replace(labels=labels)
