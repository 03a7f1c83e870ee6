"""The only door from the pages to the data: what a page shows, as frozen values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from monitor.console.handling import Handling, Key, handlings, of_group
from monitor.console.kept import once
from monitor.console.source import Source
from monitor.store.reader import Series

TREND_SECONDS = 900.0
#: Of groups, which are many: a little more than an hour, in slots of two minutes, is read from rollups.
HOUR, SLOTS = 3660.0, 30


@dataclass(frozen=True, slots=True)
class Consumer:
    """A group on a destination, with what handles its events. None means unknown, never 0.

    Handlers of a destination that no broker tells of have a row of their own, without a backlog.
    """

    target: str
    destination: str
    group: str
    backlog: float | None
    age_seconds: float | None
    quality: float | None
    consumers: float | None
    trend: tuple[float, ...]
    handling: Handling | None


@dataclass(frozen=True, slots=True)
class DeadLetterStore:
    target: str
    destination: str
    source: str
    depth: float
    arrived: float | None
    oldest_seconds: float | None
    is_read: bool
    trend: tuple[float, ...]


@once
def load_consumers(reader: Source, now: float) -> list[Consumer]:
    """The one that is furthest behind first; raises StoreError."""
    ages = _values(reader.latest("backlog_age_seconds", now), "destination", "group")
    qualities = _values(reader.latest("backlog_age_quality", now), "destination", "group")
    readers = _values(reader.latest("consumers", now), "destination", "group")
    trends = _trends(reader.trend("backlog_messages", now - HOUR, now, SLOTS), "destination", "group")
    backlogs = _values(reader.latest("backlog_messages", now), "destination", "group")
    handled = handlings(reader, now)
    found = []
    for key, backlog in backlogs.items():
        target, topic, group = key
        known = ages.get(key), qualities.get(key), readers.get(key)
        handling = of_group(handled, topic, group)
        found.append(Consumer(target, topic, group, backlog, *known, trends.get(key, ()), handling))
    found += _handled_only(handled, {(one.destination, one.group) for one in found})
    return sorted(found, key=lambda one: (-(one.age_seconds or 0), -(one.backlog or 0), one.destination, one.group))


def _handled_only(handled: Mapping[Key, Handling], reported: Collection[Key]) -> Iterator[Consumer]:
    """Rows for handlers whose destination and group no broker reports."""
    destinations = {destination for destination, _ in reported}
    for (destination, group), handling in handled.items():
        if (destination, group) not in reported and not (group == "" and destination in destinations):
            yield Consumer("", destination, group, None, None, None, None, (), handling)


@once
def load_dead_letters(reader: Source, now: float) -> list[DeadLetterStore]:
    """The one that grew most first; raises StoreError."""
    read = set(_values(reader.latest("backlog_messages", now), "destination"))
    oldest = _values(reader.latest("dead_letter_age_seconds", now), "destination")
    window = reader.trend("dead_letters", now - TREND_SECONDS, now)
    trends = _trends(window, "destination", "source")
    found = [
        DeadLetterStore(
            target,
            topic,
            source,
            depth,
            trends[key][-1] - trends[key][0] if len(trends.get(key, ())) > 1 else None,
            oldest.get(key[:2]),
            (target, topic) in read,
            trends.get(key, ()),
        )
        for key, depth in _values(reader.latest("dead_letters", now), "destination", "source").items()
        for target, topic, source in [key]
    ]
    return sorted(found, key=lambda one: (-(one.arrived or 0), -one.depth, one.destination))


def _key(series: Series, labels: tuple[str, ...]) -> tuple[str, ...]:
    return (series.labels["target"], *(series.labels[name] for name in labels))


def _values(found: Iterable[Series], *labels: str) -> dict[tuple[str, ...], float]:
    return {_key(series, labels): series.points[-1][1] for series in found}


def _trends(found: Iterable[Series], *labels: str) -> dict[tuple[str, ...], tuple[float, ...]]:
    return {_key(series, labels): tuple(value for _, value in series.points) for series in found}
