"""Delivery: a thread a receiver, and one for whatever else is told, so that one that hangs delays no other."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from collectors import metrics as m
from collectors.base import Sample
from monitor.alerts.lanes import Lane, Receiving
from monitor.alerts.notifiers import ReceiverSettings, notifier
from monitor.alerts.notifiers.alertmanager import AlertmanagerSettings
from monitor.alerts.resending import Resender, resend_for_ever
from monitor.alerts.settings import AlertingSettings
from monitor.alerts.watchdog import call_for_ever
from monitor.store.writer import Store, StoreError

log = logging.getLogger("eda_monitor")

#: How often a receiver's outbox is looked at when nothing announces itself.
LOOK_SECONDS = 0.5

#: Runs until the first event is set; the second one says that there may be something to tell.
Loop = Callable[[threading.Event, threading.Event], None]


class Deliverer:
    """A thread for each receiver and each other loop, from `start` until `stop`. One that hangs delays no other."""

    def __init__(
        self,
        store: Store,
        receivers: Mapping[str, Receiving],
        loops: Iterable[Loop] = (),
        samples: Iterable[Callable[[], Iterable[Sample]]] = (),
        rng: random.Random | None = None,
    ) -> None:
        self._store, self._samples = store, list(samples)
        rng = rng or random.Random()
        self.lanes = {name: Lane(store, name, receiver, rng) for name, receiver in receivers.items()}
        self._loops: list[Loop] = [partial(_deliver_for_ever, lane) for lane in self.lanes.values()] + list(loops)
        self._news = [threading.Event() for _ in self._loops]
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._store.outbox_drop_strangers(self.lanes.keys())
        for loop, news in zip(self._loops, self._news, strict=True):
            thread = threading.Thread(target=loop, args=(self._stop, news), name="deliver", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wake(self) -> None:
        """There may be something to send."""
        for news in self._news:
            news.set()

    def stop(self, end: float) -> None:
        """Stop, and wait until `end` of the monotonic clock; what still hangs ends with the process."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def deliver_due(self, now: float) -> None:
        """Send what is due, here and now, one receiver after the other."""
        for lane in self.lanes.values():
            lane.deliver_due(lambda: now)

    def samples(self) -> Iterable[Sample]:
        for name, lane in self.lanes.items():
            yield m.NOTIFICATIONS_SENT_TOTAL.sample(lane.sent, name)
            yield m.NOTIFICATIONS_FAILED_TOTAL.sample(lane.failed, name)
            if lane.delay is not None:
                yield m.NOTIFICATIONS_DELAY_SECONDS.sample(lane.delay, name)
        for samples in self._samples:
            yield from samples()


def _deliver_for_ever(lane: Lane, stop: threading.Event, news: threading.Event) -> None:
    while not stop.is_set():
        news.wait(LOOK_SECONDS)
        news.clear()
        try:
            lane.deliver_due(time.time)
        except StoreError as error:
            if not stop.is_set():
                log.error("outbox: %s", error)
            stop.wait(LOOK_SECONDS)


def deliverer_of(
    store: Store,
    receivers: Sequence[ReceiverSettings],
    alerting: AlertingSettings,
    healthy: Callable[[], bool],
    interval: float,
    console_url: str,
) -> Deliverer:
    """What sends to these receivers. `interval` is the longest time between two evaluations, in seconds."""
    lanes = {
        one.name: Receiving(notifier(one), one.send_resolved, one.max_waiting)
        for one in receivers
        if not isinstance(one, AlertmanagerSettings)
    }
    members = [
        (one.name, Resender(one, url.get_secret_value(), interval, console_url))
        for one in receivers
        if isinstance(one, AlertmanagerSettings)
        for url in one.urls
    ]
    loops: list[Loop] = [partial(resend_for_ever, resender, store, healthy) for _, resender in members]
    if alerting.watched:
        loops.append(partial(call_for_ever, alerting, healthy))
    return Deliverer(store, lanes, loops, [partial(_failures, members)])


def _failures(members: Sequence[tuple[str, Resender]]) -> Iterable[Sample]:
    """Of an Alertmanager's members together."""
    for name in dict.fromkeys(name for name, _ in members):
        yield m.NOTIFICATIONS_FAILED_TOTAL.sample(sum(one.failed for own, one in members if own == name), name)
