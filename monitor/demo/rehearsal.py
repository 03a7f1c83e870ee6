"""The demo's story without a broker: the same figures that its traffic makes, made up.

orders is healthy; payments has a slow consumer; shipments has one that stops; invoices meets a poison message.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from collectors import metrics as m
from collectors.base import Finding, Reading, Sample, TargetSettings
from monitor import config as configuration
from monitor.demo.traffic.kafka import POISON_AFTER, POISON_SECONDS, STOPS_AFTER
from monitor.service import watch

#: Events a second that are produced for each destination, and that the slow consumer handles.
RATE, SLOW_RATE = 10.0, 4.0


class Rehearsal:
    """Reads nothing; its time begins with its first collect."""

    system = "kafka"
    Settings = TargetSettings

    def __init__(self) -> None:
        self._began: float | None = None

    def collect(self, now: float, deadline: float) -> Reading:
        if self._began is None:
            self._began = now
        return Reading(samples=list(_figures(now - self._began)))

    def restore(self, memory: Mapping[str, bytes]) -> None:
        """There is nothing to remember."""

    def check(self, deadline: float) -> list[Finding]:
        return [Finding(True, "a rehearsal reads nothing")]

    def close(self) -> None:
        """There is nothing to close."""


def _figures(seconds: float) -> Iterator[Sample]:
    """The samples of so many seconds into the story."""
    stopped = max(0.0, seconds - STOPS_AFTER)
    slow = seconds * (RATE - SLOW_RATE)
    yield from _group("orders", "order-service", seconds, 0.0, 0.0, 1)
    yield from _group("payments", "payment-service", seconds, slow, slow / RATE, 1)
    yield from _group("shipments", "shipping-service", seconds, stopped * RATE, stopped, 0 if stopped else 1)
    poison = max(0.0, seconds - POISON_AFTER)
    yield from _group("invoices", "invoice-service", seconds, 0.0, 0.0, 1)
    yield m.REDELIVERIES_TOTAL.sample(int(poison / POISON_SECONDS), "invoices", "")
    yield from _dead_letters("emails.dlq", "emails", int(seconds / 5), seconds)
    if poison:
        yield from _dead_letters("invoices-dlt", "invoices", int(poison / POISON_SECONDS), poison)


def _group(
    destination: str, group: str, seconds: float, backlog: float, age: float, consumers: int
) -> Iterator[Sample]:
    written, labels = int(seconds * RATE), (destination, group)
    yield m.MESSAGES_IN_TOTAL.sample(written, destination)
    yield m.MESSAGES_OUT_TOTAL.sample(written - int(backlog), *labels)
    yield m.BACKLOG_MESSAGES.sample(int(backlog), *labels)
    yield m.BACKLOG_AGE_SECONDS.sample(age, *labels)
    yield m.BACKLOG_AGE_QUALITY.sample(3, *labels)
    yield m.CONSUMERS.sample(consumers, *labels)


def _dead_letters(destination: str, source: str, count: int, age: float) -> Iterator[Sample]:
    yield m.DEAD_LETTERS.sample(count, destination, source)
    yield m.DEAD_LETTERED_MESSAGES_TOTAL.sample(count, destination, source, "")
    if count:
        yield m.DEAD_LETTER_AGE_SECONDS.sample(age, destination)


def main(file: Path) -> None:
    target = TargetSettings(name="rehearsal", kind="kafka", interval=2)
    watch(configuration.load(file), [(target, Rehearsal())], with_console=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
