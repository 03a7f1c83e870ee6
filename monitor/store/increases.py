"""Reading the histograms of a store: what fell into the buckets within a window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import sub

from monitor.percentiles import Increase
from monitor.store.histograms import Window, increases_by_slot, standing_bounds, stood
from monitor.store.history import HistoryReader
from monitor.store.rollup import HISTOGRAM_ROLLUPS
from monitor.store.series import HEAD_TREND_SECONDS, Found, Where, milliseconds


class IncreaseReader(HistoryReader):
    """Read-only view of the samples and histograms of a store."""

    def increases(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Increase]:
        """What fell into the buckets of each series in (start, end]; zeros where it was read and idle.

        It is told from the last reading before the window on. See `histograms` for births, resets and gaps.
        """
        with self._one_moment():
            series = self._series(metric, where)
            counted, idle = self._counted(series, Window(milliseconds(start), milliseconds(end)))
            times = self._good_times(start, end)
            return [
                counted.get(one, {}).get(0) or idle[one]
                for one, labels, changed_at, value in series
                if one in counted
                or (labels["target"] in times and self._stood_within((one, labels, changed_at, value), start, end))
            ]

    def increase_trend(
        self, metric: str, start: float, end: float, points: int = 60, where: Where | None = None
    ) -> list[tuple[dict[str, str], list[tuple[float, Increase]]]]:
        """The increases of each series in slots of one length, each stamped with its end.

        Slots in which the series was not read are left out. A long window is read from the rollups; where only they are
        left, a bucket across the border of two slots counts in each by its part.
        """
        window, slot = Window(milliseconds(start), milliseconds(end), points), (end - start) / points
        found = []
        with self._one_moment():
            series = self._series(metric, where)
            counted, idle = self._counted(series, window)
            read = {
                tuple(one.labels.items()): {window.slot(milliseconds(at)) for at, _ in one.points}
                for one in self.trend(metric, start, end, points, where)
            }
        for one, labels, _, _ in series:
            own = counted.get(one, {})
            slots = sorted(own.keys() | read.get(tuple(labels.items()), set()))
            if slots:
                found.append((labels, [(start + slot * (at + 1), own.get(at) or idle[one]) for at in slots]))
        return found

    def standing(self, metric: str, at: float, where: Where | None = None) -> list[Increase]:
        """What each histogram had counted in all at a time; those left out of which that is not known any more."""
        found, start = [], milliseconds(at)
        with self._one_moment():
            series = {one: labels for one, labels, _, _ in self._series(metric, where)}
            known = stood(self._all, series, start)
            for until in {one.until for one in known.values()}:
                those = {id: series[id] for id, one in known.items() if one.until == until}
                later = increases_by_slot(self._all, those, Window(start, until), 0) if until > start else {}
                found += [_less(known[one].total, later.get(one, {}).get(0)) for one in those]
        return [one for one in found if one is not None]

    def _counted(
        self, series: list[Found], window: Window
    ) -> tuple[dict[int, dict[int, Increase]], dict[int, Increase]]:
        """Increases by series and slot, and what each series tells where it counted nothing."""
        labels = {one: labels for one, labels, _, _ in series}
        slot = (window.end - window.start) / window.slots
        long = window.end - window.start > HEAD_TREND_SECONDS * 1000
        widest = max((rollup.width for rollup in HISTOGRAM_ROLLUPS if long and rollup.width <= slot), default=0)
        bounds = standing_bounds(self._all, labels)
        idle = {
            one: Increase(own, bounds.get(one, ()), (0,) * (len(bounds.get(one, ())) + 1), 0.0)
            for one, own in labels.items()
        }
        return increases_by_slot(self._all, labels, window, widest), idle

    def _stood_within(self, found: Found, start: float, end: float) -> bool:
        """Whether the series had a value at a time in (start, end], by its last change."""
        series, labels, changed_at, value = found
        if changed_at <= start:
            return value is not None
        standing = [] if changed_at <= end else self._standing(series, labels["target"], end)
        return changed_at <= end or any(before is not None for _, before, _ in standing)

    @contextmanager
    def _one_moment(self) -> Iterator[None]:
        """All reads within see the store as it is at the first."""
        if self._db.in_transaction:
            yield
            return
        self._all("BEGIN")
        try:
            yield
        finally:
            self._all("COMMIT")


def _less(total: Increase, later: Increase | None) -> Increase | None:
    """What had been counted before what came later; not known in other bounds, or where that is more than all."""
    if later is None:
        return total
    counts = tuple(map(sub, total.counts, later.counts)) if total.bounds == later.bounds else ()
    return total._replace(counts=counts) if counts and min(counts) >= 0 else None
