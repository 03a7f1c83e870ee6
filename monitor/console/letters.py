"""Stores of dead letters: what goes in and out, how long is left, what is wrong with them, and what failed before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from collectors import metrics as m
from monitor.console.data import DeadLetterStore, load_dead_letters
from monitor.console.source import Source
from monitor.store.reader import Series
from monitor.store.rises import Rise
from monitor.store.series import Where

HOUR = 3600.0

#: (target, destination).
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Letters:
    """A store, and what is known of it over the last hour. None means unknown, never 0.

    `margin_seconds` is until retention deletes the oldest; `failures` are reasons of the source's handlers with how
    many failed, the most frequent first; `lost` are dead letters that could not be kept.
    """

    store: DeadLetterStore
    came: float | None
    left: float | None
    margin_seconds: float | None
    faults: tuple[str, ...]
    failures: tuple[tuple[str, float], ...]
    lost: float | None

    @property
    def life_over(self) -> float | None:
        """The share of the oldest one's life that is over; None where its age or the retention is not known."""
        age, margin = self.store.oldest_seconds, self.margin_seconds
        if age is None or margin is None or age + max(margin, 0) <= 0:
            return None
        return age / (age + max(margin, 0))


def load_letters(reader: Source, now: float, of: Where | None = None) -> list[Letters]:
    """Where the next one is lost first, then what grew most; raises StoreError.

    All stores, or those on the target and destination in `of`.
    """
    came = _came(reader.rises(m.DEAD_LETTERED_MESSAGES_TOTAL.name, now - HOUR, now, of))
    grown = _grown(reader.trend(m.DEAD_LETTERS.name, now - HOUR, now, where=of))
    margins = _of_destination(reader.latest(m.DEAD_LETTER_RETENTION_MARGIN_SECONDS.name, now, of))
    lost = _lost(reader.rises(m.DEAD_LETTER_FAILURES_TOTAL.name, now - HOUR, now, of))
    faults, failures = load_faults(reader, now), source_failures(reader, now - HOUR, now)
    found = []
    for store in load_dead_letters(reader, now):
        if of is not None and not of.items() <= {"target": store.target, "destination": store.destination}.items():
            continue
        key, place = (store.target, store.destination, store.source), (store.target, store.destination)
        found.append(
            Letters(
                store,
                came.get(key),
                _left(came.get(key), grown.get(key)),
                margins.get(place),
                (*faults.get(place, ()), *faults.get((store.target, store.source), ())),
                failures.get(store.source, ()),
                lost.get(place),
            )
        )
    return sorted(found, key=lambda one: (not one.lost, not (one.store.arrived or 0) > 0, one.life_over is None))


def load_faults(reader: Source, now: float) -> dict[Place, tuple[str, ...]]:
    """What of the configuration loses messages, in words, by target and destination; raises StoreError."""
    found: dict[Place, list[str]] = defaultdict(list)
    for one in reader.latest(m.CONFIGURATION_FAULT.name, now):
        if one.points[-1][1]:
            found[_place(one)].append(one.labels["reason"].replace("_", " "))
    return {place: tuple(sorted(reasons)) for place, reasons in found.items()}


def source_failures(reader: Source, start: float, end: float) -> dict[str, tuple[tuple[str, float], ...]]:
    """What handlers failed with and how often, by their destination, the most frequent first; raises StoreError."""
    counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for one in reader.rises(m.HANDLER_FAILURES_TOTAL.name, start, end):
        if one.increase:
            counts[one.labels["destination"]][one.labels["reason"] or "unnamed"] += one.increase
    return {where: tuple(sorted(own.items(), key=lambda pair: (-pair[1], pair[0]))) for where, own in counts.items()}


def _came(found: Iterable[Rise]) -> dict[tuple[str, str, str], float]:
    """What came within the time, whatever its reason, where it was read at least twice."""
    counts: dict[tuple[str, str, str], float] = defaultdict(float)
    for one in found:
        if one.seconds:
            counts[*_place(one), one.labels["source"]] += one.increase
    return counts


def _grown(found: Iterable[Series]) -> Mapping[tuple[str, str, str], float]:
    return {
        (*_place(one), one.labels["source"]): one.points[-1][1] - one.points[0][1]
        for one in found
        if len(one.points) > 1
    }


def _left(came: float | None, grown: float | None) -> float | None:
    """What came and is not there any more was read, sent back, purged or deleted."""
    return None if came is None or grown is None else max(0.0, came - grown)


def _lost(found: Iterable[Rise]) -> dict[Place, float]:
    counts: dict[Place, float] = defaultdict(float)
    for one in found:
        counts[_place(one)] += one.increase
    return counts


def _of_destination(found: Iterable[Series]) -> dict[Place, float]:
    return {_place(one): one.points[-1][1] for one in found}


def _place(one: Series | Rise) -> Place:
    return one.labels["target"], one.labels["destination"]
