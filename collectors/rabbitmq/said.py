"""What was said of queues, so that of one that stands as it did the same is said again, and nothing is made anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from collectors.base import Reading, Sample, Skipped
from collectors.rabbitmq import judge
from collectors.rabbitmq.broker import Key, Queue

#: A queue, whether it holds dead letters, and what follows from that.
_Saying = tuple[Queue, bool, list[Sample], list[Skipped]]


class Said:
    """What the last cycle said of every queue."""

    def __init__(self) -> None:
        self._last: dict[Key, _Saying] = {}

    def say(self, queues: Iterable[Queue], stores: Collection[Key], now: float, reading: Reading) -> None:
        """Add to the reading what is known and unknown of the queues, as `judge` finds it."""
        before, lasting = self._last, {}
        samples, skipped = reading.samples, reading.skipped
        for one in queues:
            key = one.declared.key
            is_store = key in stores
            saying = before.get(key)
            if saying is None or saying[0] != one or saying[1] != is_store:
                saying = one, is_store, judge.queue(one, is_store, now), judge.unknown(one, is_store, now)
            samples += saying[2]
            skipped += saying[3]
            if not (one.ready and judge.waiting_seconds(one, now)):  # else its age goes on
                lasting[key] = saying
        self._last = lasting
