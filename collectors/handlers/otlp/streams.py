"""Streams of data points become totals of instances. Pure: time is an argument.

1. Cumulative points pass as they stand; the newest counts, older and repeated ones change nothing.
2. Delta points are added up, each interval once: what was seen, or is older than what is remembered, is a repetition.
3. When a counter began is part of what it is, as the label START: one that begins anew is another series, so nobody who
   reads them has to guess at resets, and processes that share an identity do not disturb each other.
4. What nobody sends any more ends after five minutes, or after three times its sender's own interval.
5. There is room for so many senders and series, and not for more: what comes on top is refused and told.

A delta that was added up and not yet read lives in this memory only: it is lost when the process ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from collectors.handlers.otlp.arrivals import Arrival, Refusal
from collectors.handlers.points import Distribution, Point

LIFETIME_SECONDS = 300.0
LIFETIME_INTERVALS = 3
#: No sender's interval is taken for longer.
_LONGEST_INTERVAL = 3600.0
#: Exports that follow each other so closely are parts of one.
_SHORTEST_INTERVAL = 1.0
#: How many intervals of a delta stream are remembered to tell repetitions.
REMEMBERED = 16

#: Nanoseconds of Unix time at which a counter or histogram began; of added deltas, when the first of them came.
START = "otel_start_time_unix_nano"


class Instance(NamedTuple):
    """One sender and its series. `started` is None: series of one process begin at different times, each says when.

    Counters and histograms bear the label START, and as long as it is the same they never begin anew. Only where a
    sender does not say when they began is there no such label, and a fall of the value tells that they did anew.
    """

    id: str
    started: float | None
    points: list[Point]


class Limits(NamedTuple):
    sources: int = 1_000
    series_of_source: int = 5_000
    series: int = 20_000


@dataclass(slots=True)
class _Stream:
    """One series: what it shows now, until which time (ns), and when something of it last came (s)."""

    point: Point
    time: int
    seen: float
    #: Of a delta stream: the intervals last added, and the end of the latest forgotten one.
    intervals: list[tuple[int, int]] = field(default_factory=list)
    forgotten: int = 0

    def replace(self, arrival: Arrival, value: float | Distribution, now: float) -> None:
        if arrival.time > self.time:
            self.point, self.time, self.seen = self.point._replace(value=value), arrival.time, now

    def add(self, arrival: Arrival, value: float | Distribution, now: float) -> None:
        self.seen = now
        interval = (arrival.start, arrival.time)
        if interval in self.intervals or arrival.time <= self.forgotten:
            return
        self.point = self.point._replace(value=_added(self.point.value, value))
        self.remember(interval)

    def remember(self, interval: tuple[int, int]) -> None:
        self.intervals.append(interval)
        if len(self.intervals) > REMEMBERED:
            oldest = min(self.intervals, key=lambda one: one[1])
            self.intervals.remove(oldest)
            self.forgotten = oldest[1]


@dataclass(slots=True)
class _Source:
    """One sender. It outlives its streams, so that a slow one is known by its interval when it comes again."""

    seen: float
    interval: float = 0.0
    streams: dict[Any, _Stream] = field(default_factory=dict)

    def heard(self, now: float) -> None:
        if now - self.seen > _SHORTEST_INTERVAL:
            self.interval = min(now - self.seen, _LONGEST_INTERVAL)
        self.seen = now

    @property
    def lifetime(self) -> float:
        return max(LIFETIME_SECONDS, LIFETIME_INTERVALS * self.interval)


class Streams:
    """All that is known of all senders."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._sources: dict[str, _Source] = {}
        self._series = 0
        self._expired = 0.0
        self._last_start = 0

    def take(self, source: str, arrivals: Iterable[Arrival], now: float) -> list[Refusal]:
        """Note what a sender sent; returns what there was no room for."""
        refused: Counter[tuple[str, str]] = Counter()
        known = self._source(source, now)
        if known is None:
            refused.update((arrival.name, f"more than {self._limits.sources} senders") for arrival in arrivals)
        else:
            for arrival in arrivals:
                reason = self._note(known, arrival, now)
                if reason is not None:
                    refused[arrival.name, reason] += 1
        return [Refusal(what, reason, points) for (what, reason), points in refused.items()]

    def instances(self, now: float) -> list[Instance]:
        """What stands now, without what has ended."""
        self._expire(now)
        live = ((name, source.streams.values()) for name, source in self._sources.items() if source.streams)
        return [Instance(name, None, [stream.point for stream in streams]) for name, streams in live]

    def _source(self, name: str, now: float) -> _Source | None:
        known = self._sources.get(name)
        if known is None:
            if len(self._sources) >= self._limits.sources and not self._forget_one(now):
                return None
            known = self._sources[name] = _Source(now)
        known.heard(now)
        return known

    def _note(self, known: _Source, arrival: Arrival, now: float) -> str | None:
        """Note one arrival; returns why not, where there is no room for it."""
        key = _key(arrival)
        stream = known.streams.get(key)
        if arrival.value is None:
            if stream is not None and arrival.temporality != "delta":
                del known.streams[key]
                self._series -= 1
        elif stream is None:
            if not self._has_room(known, now):
                return f"more than {min(self._limits.series, self._limits.series_of_source)} series"
            known.streams[key] = self._born(arrival, arrival.value, now)
            self._series += 1
        elif arrival.temporality == "delta":
            stream.add(arrival, arrival.value, now)
        else:
            stream.replace(arrival, arrival.value, now)
        return None

    def _born(self, arrival: Arrival, value: float | Distribution, now: float) -> _Stream:
        """A new stream. One of deltas begins at a moment that no other does: what ended before it is another series."""
        labels = dict(arrival.labels)
        if arrival.temporality == "cumulative" and arrival.start:
            labels[START] = str(arrival.start)
        if arrival.temporality == "delta":
            self._last_start = max(int(now * 1e9), self._last_start + 1)
            labels[START] = str(self._last_start)
        stream = _Stream(Point(arrival.name, labels, value), arrival.time, now)
        stream.remember((arrival.start, arrival.time))
        return stream

    def _has_room(self, known: _Source, now: float) -> bool:
        if now - self._expired > 1:
            self._expire(now)
        return self._series < self._limits.series and len(known.streams) < self._limits.series_of_source

    def _expire(self, now: float) -> None:
        """Let go of series that nobody sends, and of senders that have long been silent."""
        self._expired = now
        for name, source in list(self._sources.items()):
            oldest = now - source.lifetime
            gone = [key for key, stream in source.streams.items() if stream.seen < oldest]
            for key in gone:
                del source.streams[key]
            self._series -= len(gone)
            if not source.streams and now - source.seen > LIFETIME_INTERVALS * _LONGEST_INTERVAL:
                del self._sources[name]

    def _forget_one(self, now: float) -> bool:
        """Let go of the sender that has been silent for longest, if there is one without series."""
        if now - self._expired > 1:
            self._expire(now)
        silent = [(source.seen, name) for name, source in self._sources.items() if not source.streams]
        if silent:
            del self._sources[min(silent)[1]]
        return len(self._sources) < self._limits.sources


def _key(arrival: Arrival) -> tuple[Any, ...]:
    """What makes a stream: a cumulative one by its start too, a delta by the bounds that it can be added to."""
    variant: Any = None
    if arrival.temporality == "cumulative":
        variant = arrival.start
    elif arrival.temporality == "delta" and isinstance(arrival.value, Distribution):
        variant = arrival.value.bounds
    return arrival.name, arrival.labels, arrival.temporality, variant


def _added(total: float | Distribution, more: float | Distribution) -> float | Distribution:
    if isinstance(total, Distribution) and isinstance(more, Distribution):
        counts = tuple(one + other for one, other in zip(total.counts, more.counts, strict=True))
        return Distribution(total.bounds, counts, total.sum + more.sum)
    assert not isinstance(total, Distribution) and not isinstance(more, Distribution)
    return total + more
