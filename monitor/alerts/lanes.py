"""The way of messages from the outbox to one receiver: at least once, and in order.

1. Of the messages about one group of alerts the oldest goes first; a later one never overtakes it.
2. A receiver that cannot be reached is left alone for longer and longer; what it asks for by Retry-After is kept.
3. A message that is refused for good is tried a few times, far apart; any message is given up after a day.
4. Given up is not gone: it stays listed, and is counted in `notifications_failed_total`.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from monitor.alerts.earlier import from_webhook
from monitor.alerts.messages import Notification, from_json
from monitor.alerts.notifiers import NotifyError
from monitor.alerts.notifiers.base import Notifier
from monitor.store.writer import OutboxRow, Store

log = logging.getLogger("eda_monitor")

#: The wait after the first failure; it doubles with each one, up to the longest.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 300.0
#: What a receiver may ask for by Retry-After, at most.
LONGEST_RETRY_AFTER_SECONDS = 3600.0
#: A message that is refused for good is tried so often, and so far apart.
REFUSED_TRIES, REFUSED_WAIT_SECONDS = 4, 300.0
#: A message that could not be sent for so long is of no use any more.
GIVE_UP_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Receiving:
    """A receiver as delivery sees it."""

    notifier: Notifier
    send_resolved: bool = True
    max_waiting: int = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits, as it stands in the outbox."""

    row: OutboxRow
    notification: Notification

    @property
    def group_key(self) -> str:
        return self.notification.group_key


def wait_seconds(tries: int, error: NotifyError, rng: random.Random) -> float:
    """How long to wait after so many failures in a row: between half and all of a time that doubles."""
    if error.permanent:
        return REFUSED_WAIT_SECONDS
    wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(tries, 20)) * rng.uniform(0.5, 1.0)
    return max(wait, min(error.retry_after or 0.0, LONGEST_RETRY_AFTER_SECONDS))


def next_of(waiting: Iterable[Waiting], now: float) -> Waiting | None:
    """The message to send now: the oldest of its group, and of those the one that has been due for longest.

    A time further ahead than any wait was written by a clock that has been set back since: it is due.
    """
    first: dict[str, Waiting] = {}
    for one in waiting:
        first.setdefault(one.group_key, one)
    latest = now + LONGEST_RETRY_AFTER_SECONDS
    due = [one for one in first.values() if one.row.next_try_at <= now or one.row.next_try_at > latest]
    return min(due, key=lambda one: (one.row.next_try_at, one.row.id), default=None)


def surplus(waiting: Sequence[Waiting], bound: int) -> list[Waiting]:
    """Which messages to drop so that no more than `bound` wait: the oldest that a later one of their group replaces,
    and only then the oldest."""
    over = len(waiting) - bound
    if over <= 0:
        return []
    last = {one.group_key: one.row.id for one in waiting}
    replaced = [one for one in waiting if one.row.id != last[one.group_key]]
    return [*replaced, *(one for one in waiting if one.row.id == last[one.group_key])][:over]


def told(notification: Notification, send_resolved: bool) -> Notification | None:
    """What of the message its receiver wants to know; None where that is nothing."""
    if send_resolved:
        return notification
    alerts = tuple(one for one in notification.alerts if one.status != "resolved")
    return replace(notification, alerts=alerts) if alerts else None


def read(row: OutboxRow) -> Notification:
    """The message of a row, also of one that an earlier release wrote. Raises ValueError."""
    try:
        return from_json(row.payload)
    except ValueError:
        return from_webhook(json.loads(row.payload))


class Lane:
    """The way of messages to one receiver. Used by one thread; everything that must last is in the outbox."""

    def __init__(self, store: Store, name: str, receiver: Receiving, rng: random.Random) -> None:
        self._store, self._name, self._receiver, self._rng = store, name, receiver, rng
        self._failures, self._not_before = 0, 0.0
        self.sent, self.failed = 0, 0
        self.delay: float | None = None

    def deliver_due(self, clock: Callable[[], float]) -> None:
        """Send all that is due, until the receiver fails."""
        bound = self._receiver.max_waiting
        if self._is_left_alone(clock()) and self._store.outbox_waiting(self._name) <= bound:
            return
        waiting = self._waiting()
        for one in surplus(waiting, bound):
            self._give_up(one.row, f"dropped: more than {bound} messages wait")
            waiting.remove(one)
        while not self._is_left_alone(clock()) and (message := next_of(waiting, clock())) is not None:
            if self._deliver(message, clock()):
                waiting.remove(message)
            else:
                waiting = [one for one in waiting if one.group_key != message.group_key]

    def _is_left_alone(self, now: float) -> bool:
        return now < self._not_before <= now + LONGEST_RETRY_AFTER_SECONDS

    def _waiting(self) -> list[Waiting]:
        found = []
        for row in self._store.outbox_of(self._name):
            try:
                found.append(Waiting(row, read(row)))
            except (ValueError, TypeError, KeyError, AttributeError):
                self._give_up(row, "it cannot be read")
        return found

    def _deliver(self, message: Waiting, now: float) -> bool:
        """Whether nothing remains to be done about the message."""
        row, notification = message.row, told(message.notification, self._receiver.send_resolved)
        if notification is None:
            self._store.outbox_done(row.id, now)
            return True
        try:
            self._receiver.notifier.send(notification, row.key)
        except NotifyError as error:
            return self._retry(row, error, now)
        except Exception as error:  # a fault of ours must not end the thread, nor keep the others waiting
            log.exception("receiver %s: the notifier failed", self._name)
            return self._retry(row, NotifyError(f"{type(error).__name__} in the notifier", permanent=True), now)
        self._failures, self._not_before = 0, 0.0
        self.sent, self.delay = self.sent + 1, now - row.created_at
        self._store.outbox_done(row.id, now)
        return True

    def _retry(self, row: OutboxRow, error: NotifyError, now: float) -> bool:
        text = f"receiver {self._name}: {error}"
        tries = row.attempts + 1
        if now - row.created_at > GIVE_UP_SECONDS or (error.permanent and tries >= REFUSED_TRIES):
            self._give_up(row, text)
            return True
        if self._failures == 0:
            log.warning("%s", text)
        self._store.outbox_retry(row.id, now + wait_seconds(row.attempts, error, self._rng), text)
        if not error.permanent:  # it is the receiver, not the message
            self._not_before = now + wait_seconds(self._failures, error, self._rng)
            self._failures += 1
        return False

    def _give_up(self, row: OutboxRow, text: str) -> None:
        self.failed += 1
        log.error("receiver %s: a message is given up: %s", self._name, text)
        self._store.outbox_give_up(row.id, text)
