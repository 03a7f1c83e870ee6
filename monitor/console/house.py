"""The health of the monitor: how each target is read, how the store grows, and what waits to be told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from collectors import metrics as m
from collectors.base import Metric
from monitor.console.source import Source, known
from monitor.store.reader import ITSELF, Notification, Series, TargetRow
from monitor.store.rises import Rise

HOUR = 3600.0
#: So many notifications that wait or failed are looked through.
NOTIFICATIONS = 200


@dataclass(frozen=True, slots=True)
class Cycle:
    """How a target is read: `phases` are seconds of the last cycle, the longest first; None means unknown, never 0.

    `overruns` are cycles of the last hour that were left out, because the one before still ran.
    """

    row: TargetRow
    interval: float | None
    phases: tuple[tuple[str, float], ...]
    overruns: float | None
    failed_share: float | None
    trend: tuple[float, ...]

    @property
    def is_late(self) -> bool:
        """Whether a cycle takes so long that the next one is near."""
        took = self.row.duration_seconds
        return self.interval is not None and took is not None and took > 0.8 * self.interval


@dataclass(frozen=True, slots=True)
class House:
    """Of the agent itself. Sizes are bytes, `growth` is bytes a day at the pace of the last hour."""

    store: float | None
    log: float | None
    growth: float | None
    waiting: float | None
    failed: tuple[tuple[str, float], ...]
    #: None where the source cannot know them.
    undelivered: tuple[Notification, ...] | None


def load_cycles(reader: Source, now: float) -> list[Cycle]:
    """What cannot be read first; raises StoreError."""
    intervals = {one.labels["target"]: one.points[-1][1] for one in reader.latest(_INTERVAL.name, now)}
    phases: dict[str, dict[str, float]] = defaultdict(dict)
    for one in reader.latest(_DURATION.name, now):
        phases[one.labels["target"]][one.labels["phase"]] = one.points[-1][1]
    overruns = {one.labels["target"]: one.increase for one in _rises(reader, m.COLLECTOR_OVERRUNS_TOTAL, now)}
    readings = reader.window(m.COLLECTOR_UP.name, now - HOUR, now)
    up = {one.labels["target"]: [value for _, value in one.points] for one in readings}
    trends = {
        one.labels["target"]: tuple(value for _, value in one.points)
        for one in reader.trend(_DURATION.name, now - HOUR, now, where={"phase": "collect"})
    }
    found = [
        Cycle(
            row,
            intervals.get(row.name),
            tuple(sorted(phases[row.name].items(), key=lambda pair: -pair[1])),
            overruns.get(row.name),
            1 - sum(up[row.name]) / len(up[row.name]) if up.get(row.name) else None,
            trends.get(row.name, ()),
        )
        for row in reader.targets(now)
    ]
    return sorted(found, key=lambda one: (one.row.up, not one.row.errors, one.row.name))


def load_house(reader: Source, now: float) -> House:
    """Raises StoreError."""
    sizes = reader.trend(m.STORE_BYTES.name, now - HOUR, now, where={"target": ITSELF})
    messages = known(lambda: reader.notifications(NOTIFICATIONS))
    failed = {one.labels["receiver"]: one.increase for one in _rises(reader, m.NOTIFICATIONS_FAILED_TOTAL, now)}
    return House(
        _value(reader, m.STORE_BYTES, now),
        _value(reader, m.STORE_WAL_BYTES, now),
        _growth(sizes),
        _value(reader, m.NOTIFICATIONS_WAITING, now),
        tuple((receiver, count) for receiver, count in sorted(failed.items()) if count),
        None if messages is None else tuple(one for one in messages if one.sent_at is None),
    )


_INTERVAL, _DURATION = m.COLLECTOR_INTERVAL_SECONDS, m.COLLECTOR_DURATION_SECONDS


def _rises(reader: Source, metric: Metric, now: float) -> list[Rise]:
    return reader.rises(metric.name, now - HOUR, now)


def _value(reader: Source, metric: Metric, now: float) -> float | None:
    found = [one.points[-1][1] for one in reader.latest(metric.name, now)]
    return sum(found) if found else None


def _growth(sizes: Sequence[Series]) -> float | None:
    if len(sizes) != 1 or len(sizes[0].points) < 2:
        return None
    (began, first), (ended, last) = sizes[0].points[0], sizes[0].points[-1]
    return (last - first) / (ended - began) * 86400
