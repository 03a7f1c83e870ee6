"""From samples as they were scraped to readings as the agents took them. Pure.

A scraper reads `/metrics` on a cadence of its own, so the same reading of a target may be scraped twice, and its
samples bear the scraper's time. When the target was read is told beside them, in a series of its own. With that, every
sample gets the time of its reading, and what was scraped twice counts once: by the same agent again, or by the other
one of a pair of scrapers.

Who scraped, and from where, are labels that the vocabulary does not have, such as `job`, `instance` and `replica`.
Series that differ in nothing else are copies. At any time one copy of a target is believed: the one that is read still,
and before its time the one before it. So an agent that moved goes on, and agents that watch a target of the same name
are not mixed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping

from collectors.base import Metric
from collectors.metrics import METRICS
from monitor.console.prometheus.api import Answer, Points
from monitor.store.reader import ITSELF
from monitor.store.series import milliseconds

#: All labels that metrics have of their own.
VOCABULARY = frozenset(name for metric in METRICS.values() for name in metric.labels)
#: What tells nothing of who scraped. A scraper's own label of such a name gives way to the agent's.
NOT_OF_COPIES = VOCABULARY | {"__name__", "le"}

#: Labels by which copies differ, with the target's.
Copy = tuple[tuple[str, str], ...]


class Readings:
    """When the targets were read in (start, end], from the samples of `collector_last_success_timestamp_seconds`."""

    def __init__(self, told: Iterable[Answer], start: float, end: float) -> None:
        self.start, self.end = start, end = milliseconds(start) / 1000, milliseconds(end) / 1000
        copies: dict[str, list[tuple[Copy, dict[float, float]]]] = defaultdict(list)
        for one in told:
            first: dict[float, float] = {}
            for scraped_at, read_at in one.points:
                if start < read_at <= end:
                    first.setdefault(read_at, scraped_at)
            if first:
                copies[one.labels.get("target", "")].append((_copy(one.labels), first))
        #: By copy: time of the scrape -> time of the reading that it scraped first.
        self._of: dict[Copy, dict[float, float]] = {}
        #: By target, oldest first.
        self.times: dict[str, list[float]] = {}
        for target, found in copies.items():
            believed: list[float] = []
            for copy, first in sorted(found, key=lambda one: (-max(one[1]), one[0])):
                until = min(believed, default=float("inf"))
                own = {scraped: read for read, scraped in first.items() if read < until}
                self._of[copy] = own
                believed += own.values()
            self.times[target] = sorted(believed)

    def read(self, labels: Mapping[str, str], points: Points) -> Points:
        """The points of a series at the times of their readings, oldest first."""
        if labels.get("target") == ITSELF:  # it reads nobody: what it tells is of the time that it was asked
            return [(at, value) for at, value in points if self.start < at <= self.end]
        times = self._of.get(_copy(labels), {})
        return [(times[at], value) for at, value in points if at in times]

    def last(self, until: float) -> dict[str, float]:
        """The last reading of each target up to a time."""
        found = {target: bisect_right(times, until) for target, times in self.times.items()}
        return {target: self.times[target][after - 1] for target, after in found.items() if after}

    def scraped(self, wanted: Mapping[str, float]) -> list[float]:
        """When these readings of targets were scraped, the first of them first."""
        return sorted(
            at
            for copy, times in self._of.items()
            for at, read_at in times.items()
            if read_at == wanted.get(dict(copy).get("target", ""))
        )


def named(metric: Metric, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of the vocabulary. A label that is empty is none to Prometheus, so it is missing there."""
    return {name: labels.get(name, "") for name in ("target", "system", *metric.labels)}


def together(metric: Metric, read: Iterable[tuple[Mapping[str, str], Points]]) -> list[tuple[dict[str, str], Points]]:
    """The series of a metric, those of several copies as one; the agents themselves stay apart, for each is another."""
    found: dict[tuple[str, ...], tuple[dict[str, str], Points]] = {}
    for labels, points in read:
        own = named(metric, labels)
        apart = labels.get("job", "") + "/" + labels.get("instance", "") if own["target"] == ITSELF else ""
        key = (*own.values(), apart)
        if key in found:
            points = sorted({**dict(found[key][1]), **dict(points)}.items())
        if points:
            found[key] = own, points
    return list(found.values())


def _copy(labels: Mapping[str, str]) -> Copy:
    return tuple(sorted((name, text) for name, text in labels.items() if name not in NOT_OF_COPIES))
