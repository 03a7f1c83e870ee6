"""From the lines of a page to points: the lines of a histogram put together. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from collectors.exposition import Series
from collectors.handlers.points import Distribution, Point

#: When counting began: our recorder says it for certain, client libraries say when their process began.
_STARTED = ("eda_recorder_start_timestamp_seconds", "process_start_time_seconds")

_Key = tuple[str, tuple[tuple[str, str], ...]]


class Page(NamedTuple):
    """What one instance exposes. `broken` names histograms that do not fit together."""

    points: list[Point]
    started: float | None
    broken: list[str]


class _Histogram:
    """The lines of one histogram: cumulative counts by upper bound, which is compared as a number."""

    __slots__ = ("buckets", "count", "labels", "name", "sum")

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        self.name, self.labels = name, labels
        self.buckets: dict[float, float] = {}
        self.count, self.sum = math.nan, math.nan

    def point(self) -> Point | None:
        """None where the counts are no counts: half a histogram, or one that falls from bucket to bucket."""
        total = self.buckets.pop(math.inf, self.count)
        bounds = sorted(self.buckets)
        reached = [0.0, *(self.buckets[bound] for bound in bounds), total]
        counts = [after - before for before, after in pairwise(reached)]
        if any(map(math.isnan, bounds)) or not all(0 <= count < math.inf for count in counts):  # NaN is neither
            return None
        spent = self.sum if math.isfinite(self.sum) else 0.0
        return Point(self.name, self.labels, Distribution(tuple(bounds), tuple(round(c) for c in counts), spent))


def page(samples: Iterable[tuple[Series, float]]) -> Page:
    """The points of a page. Values that are no numbers say nothing, and are left out."""
    plain: list[tuple[Series, float]] = []
    histograms: dict[_Key, _Histogram] = {}
    for series, value in samples:
        bound = series.labels.get("le")
        if bound is None or not series.name.endswith("_bucket"):
            plain.append((series, value))
            continue
        labels = {name: label for name, label in series.labels.items() if name != "le"}
        key = _key(series.name.removesuffix("_bucket"), labels)
        known = histograms.get(key)
        if known is None:
            known = histograms[key] = _Histogram(key[0], labels)
        known.buckets[_number(bound)] = value
    points = list(_single(plain, histograms))
    broken = []
    for histogram in histograms.values():
        point = histogram.point()
        if point is None:
            broken.append(histogram.name)
        else:
            points.append(point)
    return Page(points, started(points), broken)


def started(points: Iterable[Point]) -> float | None:
    """When the counters of an instance began, as Unix time, where it says so."""
    told = {point.name: point.value for point in points if point.name in _STARTED}
    value = next((told[name] for name in _STARTED if name in told), None)
    return value if isinstance(value, float) else None


def _single(plain: Iterable[tuple[Series, float]], histograms: Mapping[_Key, _Histogram]) -> Iterator[Point]:
    """The points of lines that are no bucket; those that belong to a histogram are put into it."""
    names = {name for name, _ in histograms}
    for series, value in plain:
        base, _, role = series.name.rpartition("_")
        if base in names and role in ("sum", "count"):
            histogram = histograms.get(_key(base, series.labels))
            if histogram is not None:
                if role == "sum":
                    histogram.sum = value
                else:
                    histogram.count = value
                continue
        if not math.isnan(value):
            yield Point(series.name, series.labels, value)


def _key(name: str, labels: Mapping[str, str]) -> _Key:
    return name, tuple(sorted(labels.items()))


def _number(bound: str) -> float:
    try:
        return float(bound)
    except ValueError:
        return math.nan
