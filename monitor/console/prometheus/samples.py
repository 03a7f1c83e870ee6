"""The samples and histograms of an API, as `monitor.store.increases.IncreaseReader` tells those of a store."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from collectors import metrics as m
from collectors.base import Metric
from collectors.metrics import METRICS
from monitor.console.prometheus.api import Answer, Api
from monitor.console.prometheus.counted import Stood, growth, standing, summed
from monitor.console.prometheus.readings import Readings, together
from monitor.percentiles import Increase
from monitor.store.histograms import Standing, Window
from monitor.store.reader import ITSELF
from monitor.store.rises import Rise, risen
from monitor.store.series import HEAD_TREND_SECONDS, STALE_SECONDS, Series, Where, milliseconds

#: How long after a reading it is scraped at the latest: the slowest cadence of scrapers in use.
SCRAPED_SECONDS = 60.0
#: What was not there for so long counts as new when it comes back.
ABSENT_SECONDS = 3600.0
#: Labels of a histogram, what stood at each reading, also at some before the window, and its growth in it.
Counted = tuple[dict[str, str], Stood, list[tuple[float, Standing]]]

#: Steps in which a window longer than an hour is read for its increases.
STEPS = 120


class SampleSource:
    """What agents read, from an API that scraped them. What was asked is kept: it is for one drawing of one page."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._readings = cache(self._readings_of)
        self._ask = cache(self._answers)
        self._last = cache(self._last_of)
        self._series = cache(self._series_of)
        self._counted = cache(self._counted_of)

    def latest(self, metric: str, now: float, where: Where | None = None) -> list[Series]:
        """The present value of each series, one point each, stamped with the last reading of its target."""
        readings = self._readings(now - STALE_SECONDS - 0.001, now, 0.0)
        last = readings.last(now)
        start = min(readings.scraped(last), default=now - STALE_SECONDS) - 1
        return [
            one._replace(points=one.points[-1:])
            for one in self._series(METRICS[metric], (start, now, 0.0), readings, _matchers(where))
            if one.labels["target"] == ITSELF or one.points[-1][0] == last[one.labels["target"]]
        ]

    def window(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Series]:
        """Samples in (start, end], one at every reading that was scraped."""
        span = (start, end, 0.0)
        return list(self._series(METRICS[metric], span, self._readings(*span), _matchers(where)))

    def rises(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Rise]:
        """What each counter of the window rose by."""
        return [risen(one) for one in self.window(metric, start, end, where)]

    def trend(
        self, metric: str, start: float, end: float, points: int = 60, where: Where | None = None
    ) -> list[Series]:
        """The window thinned to at most so many points, each the last of its slot."""
        slot = (end - start) / points
        span = (start, end, slot if end - start > HEAD_TREND_SECONDS else 0.0)
        return [
            one._replace(points=list({int((at - start) / slot): (at, value) for at, value in one.points}.values()))
            for one in self._series(METRICS[metric], span, self._readings(*span), _matchers(where))
        ]

    def increases(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Increase]:
        """What fell into the buckets of each series in (start, end]; zeros where it was read and idle.

        Of a window longer than an hour, from what stood at the ends of its 120th parts.
        """
        step = (end - start) / STEPS if end - start > HEAD_TREND_SECONDS else 0.0
        return [
            summed(labels, inside[-1][1].bounds, [one for _, one in added])
            for labels, stood, added in self._counted(METRICS[metric], start, end, step, _matchers(where), True)
            if (inside := [one for one in stood if one[0] > start])
        ]

    def increase_trend(
        self, metric: str, start: float, end: float, points: int = 60, where: Where | None = None
    ) -> list[tuple[dict[str, str], list[tuple[float, Increase]]]]:
        """The increases of each series in slots of one length, each stamped with its end; without those not read."""
        window, slot = Window(milliseconds(start), milliseconds(end), points), (end - start) / points
        found = []
        step = slot if end - start > HEAD_TREND_SECONDS else 0.0
        for labels, stood, added in self._counted(METRICS[metric], start, end, step, _matchers(where), False):
            slots: dict[int, list[Standing]] = {window.slot(milliseconds(at)): [] for at, _ in stood if at > start}
            for at, one in added:
                slots[window.slot(milliseconds(at))].append(one)
            bounds = stood[-1][1].bounds
            told = [(start + slot * (at + 1), summed(labels, bounds, parts)) for at, parts in sorted(slots.items())]
            if told:
                found.append((labels, told))
        return found

    def _series_of(
        self, metric: Metric, span: tuple[float, float, float], readings: Readings, matchers: str
    ) -> list[Series]:
        """The series of a metric with the times of these readings, which may reach further back than the span."""
        told = self._ask(f"{metric.exposed_name}{{{matchers}}}", *span)
        read = ((one.labels, readings.read(one.labels, one.points)) for one in told)
        return [Series(metric.name, labels, points) for labels, points in together(metric, read)]

    def _counted_of(
        self, metric: Metric, start: float, end: float, step: float, matchers: str, at_ends: bool
    ) -> list[Counted]:
        """With `at_ends` perhaps only what stood before the window and at its end, where nothing else matters."""
        since = start - (step or STALE_SECONDS)
        selector = f'{{__name__=~"{metric.exposed_name}_(bucket|sum)",{matchers}}}'
        readings = self._readings(since, end, step)
        spans = [(since, end)]
        if at_ends and not step and self._only_grew(f"{metric.exposed_name}_count{{{matchers}}}", readings, start):
            ends = [readings.scraped(readings.last(at)) for at in (start, end)]
            spans = [(scraped[0] - 1, scraped[-1] - SCRAPED_SECONDS) for scraped in ends if scraped]
        told = [one for span in spans for one in self._ask(selector, *span, step)]
        found = []
        for labels, stood in standing(metric, told, readings.read):
            first, times = stood[0][0], readings.times.get(labels["target"], [])
            before, is_read_before = None, any(at < first for at in times[:1])
            if first > start:  # it is new, or comes back
                before = self._stood(metric, selector, since).get(tuple(labels.values()))
                is_read_before = is_read_before or labels["target"] in self._read_before(since)
            found.append((labels, stood, growth(stood, before, is_read_before, start)))
        return found

    def _only_grew(self, counts: str, readings: Readings, start: float) -> bool:
        """Whether all counts were there before the window and at its end, and never fell between: most of the time.

        There is one count for some twenty buckets, so it is cheap to ask them all for every reading.
        """
        first, last = readings.last(start), readings.last(readings.end)
        for one in self._ask(counts, readings.start, readings.end, 0.0):
            points, target = readings.read(one.labels, one.points), one.labels.get("target", "")
            there = points and points[0][0] <= first.get(target, -1.0) and points[-1][0] == last[target]
            if not there or any(value < before for (_, before), (_, value) in pairwise(points)):
                return False
        return True

    def _stood(self, metric: Metric, selector: str, at: float) -> dict[tuple[str, ...], Standing]:
        """What histograms showed last before a time."""
        told = self._last(selector, at, ABSENT_SECONDS)
        return {
            tuple(labels.values()): stood[-1][1] for labels, stood in standing(metric, told, lambda _, points: points)
        }

    def _read_before(self, at: float) -> set[str]:
        told = self._last(m.COLLECTOR_LAST_SUCCESS.exposed_name, at, ABSENT_SECONDS)
        return {one.labels.get("target", "") for one in told}

    def _readings_of(self, start: float, end: float, step: float) -> Readings:
        return Readings(self._ask(m.COLLECTOR_LAST_SUCCESS.exposed_name, start, end, step), start, end)

    def _answers(self, selector: str, start: float, end: float, step: float) -> list[Answer]:
        """All samples of a span, and of the while after it in which they are scraped; with a step the last of each."""
        if step:
            query = f"last_over_time({selector}[{_milliseconds(step)}])"
            return self._api.ranged(query, start + step, end, step)
        end += SCRAPED_SECONDS
        return self._api.instant(f"{selector}[{_milliseconds(end - start)}]", end)

    def _last_of(self, selector: str, at: float, seconds: float) -> list[Answer]:
        """The last sample of each series within so many seconds before a time, whether it ended since or not."""
        return self._api.instant(f"last_over_time({selector}[{_milliseconds(seconds)}])", at)


def _milliseconds(seconds: float) -> str:
    """A duration as queries have it."""
    return f"{milliseconds(seconds)}ms"


def _matchers(where: Where | None) -> str:
    return ",".join(f'{name}="{_escaped(text)}"' for name, text in (where or {}).items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
