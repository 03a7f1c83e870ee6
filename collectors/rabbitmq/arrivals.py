"""How many messages ever came into a queue, from its depth and from what was taken out of it. Pure.

RabbitMQ counts no dead letters by queue, and its two figures are not of one moment: depth and statistics come up to
five seconds apart, in either order. So a rise of the depth is an arrival at once, unless it makes good for a fall that
nobody explained (a node that starts again shows its queues empty at first); what was taken out without a fall of the
depth is one after a while. What comes and goes by expiry, purge or overflow between two readings is not seen: the
count is a lower bound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

#: Four intervals of the broker's statistics: then what was not explained will not be.
PATIENCE_SECONDS = 20.0


class Arrivals:
    """The count of one queue. `total` never falls."""

    def __init__(self, depth: int, removed: int | None, total: int) -> None:
        self.depth, self.removed, self.total = depth, removed, total
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
            self.total += rise - _settled(self._falls, rise)
        if taken:
            self._taken.append([now, taken - _settled(self._falls, taken)])
        self.total += _overdue(self._taken, now)
        _overdue(self._falls, now)

    def gone(self, now: float) -> None:
        """The queue was deleted; if it comes again, it comes empty."""
        self.depth, self.removed = 0, 0
        self._falls.clear()
        self.total += _overdue(self._taken, now)

    def state(self) -> list[int | None]:
        return [self.depth, self.removed, self.total]

    @classmethod
    def restored(cls, state: Sequence[int | None]) -> Arrivals:
        depth, removed, total = state
        return cls(depth or 0, removed, total or 0)


def _settled(entries: deque[list[float]], amount: int) -> int:
    """Take so many messages out of the entries, oldest first; returns how many there were."""
    left = amount
    while left and entries:
        step = min(left, int(entries[0][1]))
        entries[0][1] -= step
        left -= step
        if not entries[0][1]:
            entries.popleft()
    return amount - left


def _overdue(entries: deque[list[float]], now: float) -> int:
    """Messages of the entries that waited too long, which are dropped."""
    count = 0
    while entries and now - entries[0][0] >= PATIENCE_SECONDS:
        count += int(entries.popleft()[1])
    return count
