"""What was counted of a container, so that a dead letter is counted once, and what went is seen to have gone. Pure.

Blobs are known one by one, by a hash of their names, an hour of a subscription together. Of the oldest beyond a budget
only the number is known: that more came is seen then, and that fewer are there.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

from collectors.eventgrid.deadletters import NOT_READ, Contents, Place, place_of

#: Reasons of a subscription that are told apart, and subscriptions of a container.
MAX_REASONS, MAX_STREAMS = 50, 1000
OTHER = "other"
#: Blobs with a flaw that are looked at again when they change.
MAX_FLAWED = 100
#: Of the blobs that are known, a part is given up at once, so that this is not done for each that comes.
_LEFT = 0.9
_HEAD, _ENTRY = struct.Struct("<d"), struct.Struct("<QI")


class Blob(NamedTuple):
    """A blob as it is listed: its size in bytes, when it was made, in epoch seconds, and which version it is."""

    name: str
    size: int
    created: float
    etag: str


@dataclass(slots=True)
class Hour:
    """The blobs of a subscription that lie in an hour: events of each, by the hash of its name."""

    place: Place
    oldest: float = float("inf")
    known: dict[int, int] = field(default_factory=dict)

    @property
    def events(self) -> int:
        return sum(self.known.values())

    def packed(self) -> bytes:
        return _HEAD.pack(self.oldest) + b"".join(_ENTRY.pack(*entry) for entry in self.known.items())

    @classmethod
    def unpacked(cls, place: Place, data: bytes) -> Hour:
        (oldest,) = _HEAD.unpack_from(data)
        return cls(place, oldest, dict(_ENTRY.iter_unpack(data[_HEAD.size :])))


@dataclass(slots=True)
class Old:
    """The blobs of the hours up to `until`, of which only the number is known."""

    until: float = 0.0
    blobs: int = 0
    events: int = 0
    oldest: float = float("inf")


@dataclass(slots=True)
class Stream:
    """A subscription: dead letters that ever came while it was watched, by reason, and its oldest blobs."""

    totals: dict[str, int] = field(default_factory=dict)
    old: Old = field(default_factory=Old)

    def add(self, reason: str, count: int) -> None:
        if reason not in self.totals and len(self.totals) >= MAX_REASONS:
            reason = OTHER
        self.totals[reason] = self.totals.get(reason, 0) + count


class Depth(NamedTuple):
    """What lies in a container of a subscription now. `oldest` is in epoch seconds, infinite where nothing is."""

    events: int
    oldest: float


class Ledger:
    """One container. What is there when it is first listed as a whole is no arrival: `is_begun` says that it was."""

    def __init__(self, key: str, budget: int) -> None:
        self.key, self.budget = key, budget
        self.streams: dict[str, Stream] = {}
        self.hours: dict[str, Hour] = {}
        self.is_begun = False
        #: When it was last listed as far as it can have changed, and as a whole, in epoch seconds.
        self.read_at = self.full_at = 0.0
        #: Subscriptions over the budget, whose dead letters are not counted.
        self.over: set[str] = set()
        self._flawed: dict[str, str] = {}  # name -> etag
        #: What the listing of all has come past: hours, and blobs of which only the number is known.
        self._swept: set[str] = set()
        self._old_seen: dict[str, Old] = {}
        self._changed: set[str] = set()
        self._stored = b""

    @property
    def blobs(self) -> int:
        """How many are there, as far as is known."""
        known = sum(len(hour.known) for hour in self.hours.values())
        return known + sum(one.old.blobs for one in self.streams.values())

    def began(self) -> None:
        """From now on all blobs are listed."""
        self._swept.clear()
        self._old_seen.clear()

    def listed(self, place: Place, blobs: Iterable[Blob]) -> list[Blob]:
        """Note all blobs of an hour; returns those that are to be counted."""
        if place.stream not in self.streams:
            if len(self.streams) >= MAX_STREAMS:
                self.over.add(place.stream)
                return []
            self.streams[place.stream] = Stream()
        if self._is_old(place):
            for blob in blobs:
                self._see_old(place.stream, 1, blob.created)
            return []
        self._swept.add(place.hour)
        by_id = {_id(blob.name): blob for blob in blobs}
        hour = self.hours.get(place.hour)
        if hour is None:
            return list(by_id.values())
        gone = hour.known.keys() - by_id.keys()
        if gone:
            for one in gone:
                del hour.known[one]
            hour.oldest = min((by_id[one].created for one in hour.known), default=float("inf"))
            self._keep(hour)
        return [blob for one, blob in by_id.items() if one not in hour.known or self._has_changed(blob)]

    def count(self, found: Iterable[tuple[Blob, Contents]]) -> None:
        """Count blobs that `listed` returned. One that was counted before, with a flaw, counts as far as it is more."""
        changed: dict[str, Hour] = {}
        for blob, held in found:
            place = place_of(blob.name)
            if place is None or self._is_old(place):
                continue
            hour = changed.setdefault(place.hour, self.hours.setdefault(place.hour, Hour(place)))
            stream = self.streams[place.stream]
            before = hour.known.get(_id(blob.name), 0)
            hour.known[_id(blob.name)] = max(before, held.events)
            hour.oldest = min(hour.oldest, blob.created)
            left = held.events - before
            for reason, count in held.reasons.items():
                more = max(0, min(count, left))
                left -= more
                stream.add(reason, more if self.is_begun else 0)
            self._note_flaw(blob, held.flaw)
        for hour in changed.values():
            self._keep(hour)
        self._give_up()

    def ended(self, prefix: str, seen: Collection[str]) -> None:
        """All blobs below a prefix were listed, and these hours were among them: others there are empty now."""
        for key in [key for key in self.hours if key.startswith(prefix) and key not in seen]:
            self.hours[key].known.clear()
            self._keep(self.hours[key])
        if prefix:
            return
        for name, stream in self.streams.items():
            self._refresh(stream, self._old_seen.get(name, Old()))

    def depths(self) -> Mapping[str, Depth]:
        """What lies there, by subscription."""
        events = {name: one.old.events for name, one in self.streams.items()}
        oldest = {name: one.old.oldest for name, one in self.streams.items()}
        for hour in self.hours.values():
            stream = hour.place.stream
            events[stream] = events.get(stream, 0) + hour.events
            oldest[stream] = min(oldest.get(stream, float("inf")), hour.oldest)
        return {name: Depth(events[name], oldest[name]) for name in events}

    def take_changes(self) -> dict[str, bytes | None]:
        """What is to be stored now, by key."""
        changes: dict[str, bytes | None] = {
            f"{self.key}/{key}": self.hours[key].packed() if key in self.hours else None for key in self._changed
        }
        self._changed.clear()
        state = json.dumps(self._state()).encode()
        if state != self._stored:
            self._stored = changes[self.key] = state
        return changes

    def restore(self, memory: Mapping[str, bytes]) -> None:
        """Take back what was stored; what cannot be read is as if it had never been."""
        try:
            self._restore_state(json.loads(memory.get(self.key, b"{}")))
        except (ValueError, TypeError, KeyError, AttributeError):
            self.is_begun = False
        for key, data in memory.items():
            place = place_of(f"{key.removeprefix(self.key + '/')}x") if key.startswith(self.key + "/") else None
            if place is not None:
                try:
                    self.hours[place.hour] = Hour.unpacked(place, data)
                except struct.error:
                    continue
                self.streams.setdefault(place.stream, Stream())

    def _is_old(self, place: Place) -> bool:
        stream = self.streams.get(place.stream)
        return stream is not None and place.at <= stream.old.until

    def _see_old(self, stream: str, blobs: int, oldest: float) -> None:
        seen = self._old_seen.setdefault(stream, Old())
        seen.blobs, seen.oldest = seen.blobs + blobs, min(seen.oldest, oldest)

    def _keep(self, hour: Hour) -> None:
        """Note that an hour changed; one without blobs is forgotten."""
        self._changed.add(hour.place.hour)
        if not hour.known:
            self.hours.pop(hour.place.hour, None)

    def _has_changed(self, blob: Blob) -> bool:
        return self._flawed.get(blob.name, blob.etag) != blob.etag

    def _note_flaw(self, blob: Blob, flaw: str) -> None:
        self._flawed.pop(blob.name, None)
        if flaw:
            self._flawed[blob.name] = blob.etag
            while len(self._flawed) > MAX_FLAWED:
                del self._flawed[next(iter(self._flawed))]

    def _give_up(self) -> None:
        """Where more blobs are known than the budget has, know of the oldest only how many they are."""
        known = sum(len(hour.known) for hour in self.hours.values())
        if known <= self.budget:
            return
        for hour in self._oldest_hours():
            if known <= self.budget * _LEFT:
                return
            old = self.streams[hour.place.stream].old
            old.until = max(old.until, hour.place.at)
            old.blobs, old.events = old.blobs + len(hour.known), old.events + hour.events
            old.oldest = min(old.oldest, hour.oldest)
            if hour.place.hour in self._swept:
                self._see_old(hour.place.stream, len(hour.known), hour.oldest)
            known -= len(hour.known)
            hour.known = {}
            self._keep(hour)

    def _oldest_hours(self) -> Iterator[Hour]:
        return iter(sorted(self.hours.values(), key=lambda hour: (hour.place.at, hour.place.hour)))

    def _refresh(self, stream: Stream, seen: Old) -> None:
        old, more = stream.old, seen.blobs - stream.old.blobs
        if more > 0:
            stream.add(NOT_READ, more if self.is_begun else 0)
            old.events += more
        elif more < 0:
            old.events = min(old.events, seen.blobs)
        old.blobs, old.oldest = seen.blobs, seen.oldest

    def _state(self) -> dict[str, object]:
        streams = {
            name: [one.totals, [one.old.until, one.old.blobs, one.old.events, min(one.old.oldest, 1e18)]]
            for name, one in self.streams.items()
        }
        marks = [self.is_begun, self.read_at, self.full_at]
        return {"marks": marks, "streams": streams, "flawed": self._flawed}

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        self.streams = {
            name: Stream(dict(totals), Old(until, blobs, events, oldest if oldest < 1e18 else float("inf")))
            for name, (totals, (until, blobs, events, oldest)) in state["streams"].items()
        }
        self.is_begun, self.read_at, self.full_at = state["marks"]
        self._flawed = dict(state["flawed"])


def _id(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
