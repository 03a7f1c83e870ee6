"""Readings for rules, made up."""

from __future__ import annotations

from monitor.percentiles import Increase
from monitor.store.reader import STALE_SECONDS, Series


def series(metric: str, *points: tuple[float, float], target: str = "t", **labels: str) -> Series:
    return Series(metric, {"target": target, "system": "kafka", **labels}, list(points))


class Given:
    """These series, read as those of one target or of all. Notes which metrics were read."""

    def __init__(self, *series: Series, target: str = "t") -> None:
        self.series, self.target = series, target
        self.read: list[tuple[str, bool]] = []

    def latest(self, metric: str, now: float, everywhere: bool = False) -> list[Series]:
        found = self.window(metric, now - STALE_SECONDS, now, everywhere)
        return [one._replace(points=one.points[-1:]) for one in found]

    def window(self, metric: str, start: float, end: float, everywhere: bool = False) -> list[Series]:
        self.read.append((metric, everywhere))
        found = [
            one._replace(points=[point for point in one.points if start < point[0] <= end])
            for one in self.series
            if one.metric == metric and (everywhere or one.labels["target"] == self.target)
        ]
        return [one for one in found if one.points]

    def increases(self, metric: str, start: float, end: float, everywhere: bool = False) -> list[Increase]:
        raise AssertionError("histograms are read from a store")

    def standing(self, metric: str, at: float, everywhere: bool = False) -> list[Increase]:
        raise AssertionError("histograms are read from a store")

    def past(self, metric: str, start: float, end: float, everywhere: bool = False) -> list[Series]:
        return self.window(metric, start, end, everywhere)

    def fired(self, rule: str, start: float, end: float) -> list[dict[str, str]]:
        return []
