"""Reading samples far back or over long: what stood at the end of each bucket, at a cost that has a bound."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from monitor.store.rises import RiseReader
from monitor.store.rollup import ROLLUPS, Rollup
from monitor.store.series import FROM_SCRAPES, STALE_SECONDS, Series, Step, Where, milliseconds, points_at

#: So many buckets of a series are read for a window, at most.
BUCKETS = 150


class HistoryReader(RiseReader):
    """Read-only view of the samples of a store, those included that are only rolled up."""

    def past(
        self, metric: str, start: float, end: float, where: Where | None = None, every: float = STALE_SECONDS
    ) -> list[Series]:
        """Samples in (start, end], thinned: the first, and the last of each bucket.

        A bucket's value stands from its end on, for nobody knew it earlier; so what changed at the edge of the window
        may count with it or not. Samples are at most `every` seconds apart, where there are any. Buckets are as narrow
        as they are still kept from `start` on, and as at most 150 of them fill the window.
        """
        rollup = fitting(start, end, self._newest(end))
        target = (where or {}).get("target")
        times = self._thinned_times(start, end, min(every, rollup.width / 1000), target)
        made = dict(self._all("SELECT rollup, until / 1000.0 FROM rollup_progress"))
        steps = self._steps(rollup, metric, start, end, target)
        if rollup is not ROLLUPS[0]:  # the wide buckets of late are not made yet
            until = made.get(rollup.table, 0)
            for series, recent in self._steps(ROLLUPS[0], metric, max(start, until), end, target).items():
                steps[series] += [step for step in recent if step[0] > until]
        found = []
        for series, labels, changed_at, value in self._series(metric, where):
            own = steps.get(series, [])
            if changed_at <= end and (not own or changed_at >= made.get(ROLLUPS[0].table, 0)):
                own = [*own, (changed_at, value, None)]
            points = points_at(times.get(labels["target"], ()), own, start)
            if points:
                found.append(Series(metric, labels, points))
        return found

    def minutes(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Series]:
        """Samples in (start, end], thinned to the last of each minute, from the narrowest buckets that are kept."""
        if metric in FROM_SCRAPES:
            found = self.window(metric, start, end, where)
            return [
                one._replace(points=list({int(at // 60): (at, v) for at, v in one.points}.values())) for one in found
            ]
        points: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = defaultdict(list)
        for since, until in self._pieces(start, end):
            for one in self.past(metric, since, until, where, 60.0):
                points[tuple(one.labels.items())] += one.points
        return [Series(metric, dict(labels), own) for labels, own in points.items()]

    def _pieces(self, start: float, end: float) -> Iterator[tuple[float, float]]:
        """Spans of an hour, which `past` reads from the narrowest buckets."""
        while start < end:
            yield start, min(start + 3600, end)
            start += 3600

    def _newest(self, end: float) -> float:
        """The time of the last scrape of all, by which buckets are pruned."""
        ((ts,),) = self._all("SELECT max(ts) FROM scrape")
        return max(end, (ts or 0) / 1000)

    def _thinned_times(self, start: float, end: float, every: float, target: str | None) -> dict[str, list[float]]:
        """By target the first good scrape, and the last one of every so many seconds; of one target, or of all."""
        times: dict[str, list[float]] = defaultdict(list)
        slot = milliseconds(every)
        of_target, wanted = ("AND target = ?", [target]) if target is not None else ("", [])
        for name, first, last in self._all(
            f"SELECT target, min(ts), max(ts) FROM scrape WHERE ok AND ts > ? AND ts <= ? {of_target}"
            " GROUP BY target, ts / ? ORDER BY 2",
            (milliseconds(start), milliseconds(end), *wanted, slot),
        ):
            times[name] += [last / 1000] if times[name] or first == last else [first / 1000, last / 1000]
        return times

    def _steps(
        self, rollup: Rollup, metric: str, start: float, end: float, target: str | None
    ) -> dict[int, list[Step]]:
        """By series what stood at the end of each bucket that changed it, from the last one before the window on.

        Of one target, or of all.
        """
        steps: dict[int, list[Step]] = defaultdict(list)
        since, until, table = milliseconds(start) - rollup.width, milliseconds(end), rollup.table
        of_target, wanted = ("AND target = ?4", [target]) if target is not None else ("", [])
        for series, ts, last in self._all(
            f"SELECT series, ts, last FROM series AS own JOIN {table} ON series = own.id WHERE metric = ?1"
            f" {of_target} AND ts <= ?3 AND ts >= coalesce((SELECT max(ts) FROM {table} WHERE series = own.id"
            " AND ts <= ?2), ?2) ORDER BY series, ts",
            (metric, since, until, *wanted),
        ):
            steps[series].append(((ts + rollup.width) / 1000, last, None))
        return steps


def fitting(start: float, end: float, now: float) -> Rollup:
    """The narrowest buckets that are kept since `start` and are not too many, else the widest."""
    for rollup in ROLLUPS:
        if rollup.oldest(now) <= start * 1000 and (end - start) * 1000 <= rollup.width * BUCKETS:
            return rollup
    return ROLLUPS[-1]
