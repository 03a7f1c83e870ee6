"""Which blobs are to be listed again, as cheaply as it goes, and what of a listing is an hour of dead letters. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from collectors.eventgrid.deadletters import Place, day_of, hour_of, place_of
from collectors.eventgrid.ledger import Blob, Ledger

HOUR = 3600.0
#: How long after an hour blobs are still written into it: where the container cannot be written Event Grid tries again
#: for 4 hours, and a namespace for 2 days; with 5 minutes of waiting, and clocks that differ.
LATE, LATE_IN_NAMESPACES = 5 * HOUR, 49 * HOUR
#: A request costs as much as so many blobs that are listed.
FEW = 250


def fresh(children: Callable[[str], Iterable[str]], known: Iterable[str]) -> list[str]:
    """Prefixes that hold nothing that is known yet. `children` lists those right below a prefix."""
    streams = {f"{name}/" for name in known}
    above = {name[: at + 1] for name in streams for at, sign in enumerate(name[:-1]) if sign == "/"}
    found, waiting = [], [""]
    while waiting:
        for child in children(waiting.pop()):
            if child in above:
                waiting.append(child)
            elif child not in streams:
                found.append(child)
    return found


def changing(ledger: Ledger, now: float) -> list[str]:
    """Prefixes below which something can have come since the last reading; only "" where all is listed as cheaply."""
    by_day, total = _blobs_by_day(ledger), ledger.blobs
    prefixes: list[str] = []
    for name in ledger.streams:
        days: dict[str, list[str]] = {}
        for at in _hours(name, ledger.read_at, now):
            days.setdefault(day_of(name, at), []).append(hour_of(name, at))
        if total <= FEW * (len(prefixes) + len(days)):
            return [""]
        for day, hours in days.items():
            prefixes += [day] if by_day[day] <= FEW * len(hours) else hours
    return prefixes if total > FEW * len(prefixes) else [""]


def _hours(stream: str, read_at: float, now: float) -> Iterator[float]:
    late = LATE_IN_NAMESPACES if stream.count("/") >= 2 else LATE
    at = min(read_at, now) - late
    while at <= now + HOUR:
        yield at
        at += HOUR


def _blobs_by_day(ledger: Ledger) -> Counter[str]:
    days: Counter[str] = Counter()
    for hour in ledger.hours.values():
        days[day_of(hour.place.stream, hour.place.at)] += len(hour.known)
    return days


@dataclass(slots=True)
class Listing:
    """All blobs below a prefix, page by page. The blobs of an hour follow each other, for names come in their order."""

    prefix: str
    marker: str | None = None
    pages: int = 0
    #: Hours that were seen, and blobs that are no dead letters.
    seen: set[str] = field(default_factory=set)
    foreign: int = 0
    _place: Place | None = None
    _blobs: list[Blob] = field(default_factory=list)

    @property
    def is_ended(self) -> bool:
        return self.pages > 0 and self.marker is None

    def took(self, blobs: Iterable[Blob], marker: str | None) -> Iterator[tuple[Place, list[Blob]]]:
        """Take a page and the marker of the next one; yields hours of which all blobs have come."""
        self.marker, self.pages = marker, self.pages + 1
        for blob in blobs:
            place = place_of(blob.name)
            if place is None:
                self.foreign += blob.size > 0  # a folder of an account with folders is a blob of no size
                continue
            if place != self._place:
                yield from self._hour()
                self._place = place
                self.seen.add(place.hour)
            self._blobs.append(blob)
        if marker is None:
            yield from self._hour()

    def _hour(self) -> Iterator[tuple[Place, list[Blob]]]:
        if self._place is not None:
            yield self._place, self._blobs
        self._place, self._blobs = None, []
