"""Targets that read what a test made up, for a real agent to watch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from collectors import metrics as m
from collectors.base import CollectError, Finding, Histogram, PartError, Reading, Sample, Skipped, TargetSettings
from collectors.handlers.geometry import BOUNDS

#: A label that Prometheus must escape.
HOSTILE = 'in"voices\\ {x="1"}'
HANDLER = ("shop", "billing.charge", "orders", "billing")
OTHER = ("shop", "mail.send", HOSTILE, "")


class Scripted:
    """A collector whose readings are made from their number, 0 at first; it cannot read before it is told to begin, and
    after the last one it waits for its end.
    """

    Settings = TargetSettings

    def __init__(self, system: str, make: Callable[[int], Reading], count: int) -> None:
        self.system, self.count, self.over = system, count, threading.Event()
        self.begun = threading.Event()
        self._make, self._ended, self._number = make, threading.Event(), 0

    def collect(self, now: float, deadline: float) -> Reading:
        if not self.begun.is_set():
            raise CollectError("it has not begun")
        if self._number == self.count:
            self.over.set()
            self._ended.wait()
            raise CollectError("it ended")
        self._number += 1
        return self._make(self._number - 1)

    def end(self) -> None:
        self._ended.set()

    def restore(self, memory: Mapping[str, bytes]) -> None: ...

    def check(self, deadline: float) -> list[Finding]:
        return []

    def close(self) -> None: ...


def broker(number: int) -> Reading:
    """Two groups, of which one falls behind and one is gone after a while; dead letters from the third reading on."""
    samples = [
        m.MESSAGES_IN_TOTAL.sample(100 * number, "orders"),
        m.MESSAGES_IN_TOTAL.sample(7 * number, HOSTILE),
        m.DEAD_LETTERS.sample(3, "old.DLT", ""),
        *_group("orders", "billing", 40 * number, 60 * number, 2.5 * number),
        *_group(HOSTILE, "mail", 7 * number, 0, 0),
        m.DEAD_LETTER_AGE_SECONDS.sample(50 + number, "old.DLT"),
        m.GROUP_STATE.sample(3, "billing"),
    ]
    if number < 4:
        samples += _group("orders", "gone", 1, 5, 1)
    if number > 2:
        samples += [
            m.DEAD_LETTERS.sample(number, "orders.DLT", "orders"),
            m.DEAD_LETTERED_MESSAGES_TOTAL.sample(number, "orders.DLT", "orders", "Timeout"),
        ]
    skipped = [Skipped("a topic", "over the budget"), Skipped("another", "over the budget")]
    return Reading(samples, skipped=skipped, errors=[PartError("broker 2", "did not answer")], requests=4)


def handlers(number: int) -> Reading:
    """Two handlers: one, of few bounds, begins with the third reading; the other one began anew at the sixth."""
    since = number if number < 6 else number - 6
    samples = [
        m.HANDLER_EVENTS_TOTAL.sample(50 * since, *HANDLER, "ok"),
        m.HANDLER_EVENTS_TOTAL.sample(9 * since, *HANDLER, "failed"),
        m.HANDLER_FAILURES_TOTAL.sample(9 * since, *HANDLER, "Timeout"),
        m.HANDLER_IN_PROGRESS.sample(2, *HANDLER),
    ]
    histograms = [calls(50 * since, BOUNDS, *HANDLER, "ok"), calls(0, BOUNDS, *HANDLER, "failed")]
    if number > 1:
        samples.append(m.HANDLER_EVENTS_TOTAL.sample(20 * number, *OTHER, "ok"))
        histograms.append(calls(20 * number, BOUNDS[::2], *OTHER, "ok"))
    return Reading(samples, histograms, requests=1)


#: Of 100 calls so many fall into these buckets.
SHARES = (2, 5, 9, 14, 18, 17, 14, 9, 6, 4, 2)


def calls(count: int, bounds: tuple[float, ...], *labels: str) -> Histogram:
    counts = [0] * (len(bounds) + 1)
    for at, share in enumerate(SHARES, 4):
        counts[at] = count * share // 10
    return m.HANDLER_DURATION_SECONDS.histogram(bounds, tuple(counts), sum(counts) * 0.05, *labels)


def lost(number: int) -> Reading:
    """A target that cannot be read any more after two readings: its figures stand for a while."""
    if number > 1:
        raise CollectError("connection refused")
    return Reading(_group("audit", "archive", 10 * number, 4, 9), requests=2)


def _group(destination: str, group: str, out: float, backlog: float, age: float) -> list[Sample]:
    labels = (destination, group)
    return [
        m.MESSAGES_OUT_TOTAL.sample(out, *labels),
        m.BACKLOG_MESSAGES.sample(backlog, *labels),
        m.BACKLOG_AGE_SECONDS.sample(age, *labels),
        m.BACKLOG_AGE_QUALITY.sample(2, *labels),
        m.CONSUMERS.sample(1, *labels),
    ]
