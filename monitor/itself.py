"""What the monitor tells of itself: of each target how reading it went, and of the agent how it fares.

Pure, but for what is read of the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field

from collectors import metrics as m
from collectors.base import Sample, Scrape
from monitor.store.reader import Reader
from monitor.store.writer import Store, StoreError


@dataclass(slots=True)
class Tally:
    """What the monitor counts about one target since the agent started."""

    interval: float
    requests: int = 0
    failed: int = 0
    failed_parts: int = 0
    overruns: int = 0
    last_success: float | None = None
    judged_at: float | None = None
    #: Of what comes after the collect, in seconds.
    phases: dict[str, float] = field(default_factory=dict)

    def add(self, scrape: Scrape) -> None:
        self.requests += scrape.reading.requests
        self.failed += not scrape.ok
        self.failed_parts += len(scrape.reading.errors)
        if scrape.ok:
            self.last_success = scrape.started_at
        self.phases = {}

    def judged(self, scrape: Scrape) -> Iterable[Sample]:
        """What is stored too, for rules to look at."""
        yield m.COLLECTOR_INTERVAL_SECONDS.sample(self.interval)
        yield from (m.COLLECTOR_DURATION_SECONDS.sample(took, phase) for phase, took in _collected(scrape).items())
        yield m.COLLECTOR_ERRORS_TOTAL.sample(self.failed, "target")
        yield m.COLLECTOR_ERRORS_TOTAL.sample(self.failed_parts, "part")
        yield m.COLLECTOR_OVERRUNS_TOTAL.sample(self.overruns)
        yield from (m.COLLECTOR_SKIPPED.sample(count, reason) for reason, count in _count_by_reason(scrape).items())

    def shown(self, scrape: Scrape) -> Iterable[Sample]:
        """What is shown only: it tells nothing of an earlier time that the scrapes don't, or is known too late."""
        yield m.COLLECTOR_UP.sample(float(scrape.ok))
        if self.last_success is not None:
            yield m.COLLECTOR_LAST_SUCCESS.sample(self.last_success)
        if self.judged_at is not None:
            yield m.RULES_JUDGED_AT.sample(self.judged_at)
        yield from (m.COLLECTOR_DURATION_SECONDS.sample(seconds, phase) for phase, seconds in self.phases.items())
        yield m.COLLECTOR_REQUESTS_TOTAL.sample(self.requests)


def _collected(scrape: Scrape) -> Mapping[str, float]:
    """Seconds of the collect by phase, and of all of it."""
    return {**scrape.reading.phases, "collect": scrape.duration_seconds}


def _count_by_reason(scrape: Scrape) -> Mapping[str, int]:
    reasons = [skipped.reason for skipped in scrape.reading.skipped]
    return {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}


def alert_samples(reader: Reader) -> Iterable[Sample]:
    """How many alerts there are, by state; not those that are no matter of people, for Watchdog always fires."""
    states = Counter(state.state for state in reader.alerts() if state.labels.get("severity") != "none")
    counts = {"pending": states["pending"], "firing": states["firing"], "suppressed": len(reader.suppressed())}
    yield from (m.ALERTS_ACTIVE.sample(count, state) for state, count in counts.items())


def store_samples(store: Store, failed: int) -> Iterable[Sample]:
    """Of the store, of which `failed` scrapes could not be written, and of what is in it."""
    sizes = store.sizes()
    yield m.STORE_BYTES.sample(sizes["store_bytes"])
    yield m.STORE_WAL_BYTES.sample(sizes["wal_bytes"])
    yield m.STORE_ERRORS_TOTAL.sample(failed)
    with suppress(StoreError):
        yield m.NOTIFICATIONS_WAITING.sample(store.outbox_waiting())
        with closing(store.reader()) as reader:
            yield from alert_samples(reader)
