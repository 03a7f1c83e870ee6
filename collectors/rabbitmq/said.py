"""What was said of queues, so that of one that stands as it did the same is said again, and nothing is made anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from collectors.base import Reading, Sample, Skipped
from collectors.rabbitmq import judge
from collectors.rabbitmq.broker import Key, Queue


class Saying(NamedTuple):
    """A queue, whether it holds dead letters or is fed by them, and what follows from that."""

    queue: Queue
    is_store: bool
    is_fed: bool
    traffic: list[Sample]
    backlog: list[Sample]
    unknown: list[Skipped]


class Said:
    """What the last cycle said of every queue."""

    def __init__(self) -> None:
        self._last: dict[Key, Saying] = {}

    def say(
        self, queues: Iterable[Queue], stores: Collection[Key], fed: Collection[Key], now: float, reading: Reading
    ) -> None:
        """Add to the reading what is known and unknown of the queues, as `judge` finds it."""
        before, lasting = self._last, {}
        samples, skipped = reading.samples, reading.skipped
        for one in queues:
            key = one.declared.key
            place = key in stores, key in fed
            saying = before.get(key)
            if saying is None or saying.queue != one or (saying.is_store, saying.is_fed) != place:
                saying = _said(one, *place, now, saying)
            samples += saying.traffic
            samples += saying.backlog
            skipped += saying.unknown
            if not (one.ready and judge.waiting_seconds(one, now)):  # else its age goes on
                lasting[key] = saying
        self._last = lasting


def _said(one: Queue, is_store: bool, is_fed: bool, now: float, before: Saying | None) -> Saying:
    """What is to be said of a queue; of its traffic what was said `before`, where that stands."""
    stands = before is not None and before.is_fed == is_fed and _counts(before.queue) == _counts(one)
    traffic = before.traffic if before is not None and stands else judge.traffic(one, is_fed)
    return Saying(one, is_store, is_fed, traffic, judge.backlog(one, is_store, now), judge.unknown(one, is_store, now))


def _counts(one: Queue) -> tuple[object, ...]:
    return judge.is_known(one), one.consumers, one.statistics
