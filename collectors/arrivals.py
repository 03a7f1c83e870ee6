"""How many messages ever came into a queue, from its depth and from what was taken out of it. Pure.

For brokers that count no dead letters by queue. The two figures are not of one moment: what was taken out is known some
time before or after the depth shows it (in RabbitMQ five seconds, of SQS in CloudWatch minutes). So a rise of the depth
is an arrival at once, unless it makes good for a recent fall that nobody explained (a node that starts again shows its
queues empty at first, SQS's depth is approximate); what was taken out without a fall of the depth is one after a while.
What comes and goes by expiry, purge or overflow between two readings is not seen: the count is a lower bound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class Arrivals:
    """The count of one queue. `total` never falls.

    After `patience` seconds what was not explained will not be; a fall is made good for within `flicker` seconds.
    """

    def __init__(
        self, depth: int, removed: int | None, total: int, patience: float, flicker: float | None = None
    ) -> None:
        self.depth, self.removed, self.total = depth, removed, total
        self._patience, self._flicker = patience, patience if flicker is None else flicker
        self._falls: deque[list[float]] = deque()  # [time, messages] gone from the depth, not yet counted as taken out
        self._taken: deque[list[float]] = deque()  # [time, messages] taken out, not yet gone from the depth

    def note(self, now: float, depth: int, removed: int | None) -> None:
        """Note a reading. `removed` is the broker's counter, which begins anew with the broker; None is unknown."""
        taken = 0
        if removed is not None:
            taken = max(0, removed - self.removed) if self.removed is not None else 0
            self.removed = removed
        rise, self.depth = depth - self.depth, depth
        if rise < 0:
            self._falls.append([now, -rise - _settled(self._taken, -rise)])
        elif rise > 0:
            self.total += rise - _settled(self._falls, rise, since=now - self._flicker)
        if taken:
            self._taken.append([now, taken - _settled(self._falls, taken)])
        self.total += self._overdue(self._taken, now)
        self._overdue(self._falls, now)

    def gone(self, now: float) -> None:
        """The queue was deleted; if it comes again, it comes empty."""
        self.depth, self.removed = 0, 0
        self._falls.clear()
        self.total += self._overdue(self._taken, now)

    def state(self) -> list[int | None]:
        return [self.depth, self.removed, self.total]

    @classmethod
    def restored(cls, state: Sequence[int | None], patience: float, flicker: float | None = None) -> Arrivals:
        depth, removed, total = state
        return cls(depth or 0, removed, total or 0, patience, flicker)

    def _overdue(self, entries: deque[list[float]], now: float) -> int:
        """Messages of the entries that waited too long, which are dropped."""
        count = 0
        while entries and now - entries[0][0] >= self._patience:
            count += int(entries.popleft()[1])
        return count


def _settled(entries: deque[list[float]], amount: int, since: float = float("-inf")) -> int:
    """Take so many messages out of the entries of `since` or later, oldest first; returns how many there were."""
    left = amount
    for entry in entries:
        if entry[0] > since:
            step = min(left, int(entry[1]))
            entry[1] -= step
            left -= step
    while entries and not entries[0][1]:
        entries.popleft()
    return amount - left
