"""The agent: a thread a target that collects on a cadence. What is to be told, `alerts.delivery` sends.

`scrape` is the one place that catches what a collector raises.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from collectors import metrics as m
from collectors.base import CollectError, Collector, Reading, Sample, Scrape, TargetSettings
from monitor.alerts.delivery import Deliverer
from monitor.alerts.engine import Engine
from monitor.births import MEMORY_KEY, Births
from monitor.exporter import Exporter
from monitor.reader import ITSELF
from monitor.store import Store, StoreError, Tx

log = logging.getLogger("eda_monitor")

#: Seconds after which threads that still run at shutdown are left to the end of the process.
GRACE_SECONDS = 4.0
MAINTENANCE_SECONDS = 30.0
#: How often it is looked at who is to be told, when nothing was read.
TICK_SECONDS = 2.0


def scrape(target: TargetSettings, collector: Collector, clock: Callable[[], float] = time.time) -> Scrape:
    """Collect once, within the target's timeout, and turn whatever fails into the scrape's error."""
    started_at, began = round(clock(), 3), time.monotonic()  # to the precision of the store
    error = None
    try:
        reading = collector.collect(started_at, began + target.timeout)
    except CollectError as failure:
        reading, error = Reading(), str(failure)
    except Exception as failure:  # a fault of ours must not end the other targets
        log.exception("target %s: the collector failed", target.name)
        reading, error = Reading(), f"{type(failure).__name__}: {failure}"
    duration = time.monotonic() - began
    return Scrape(target.name, collector.system, started_at, duration, reading, error)


@dataclass(slots=True)
class Tally:
    """What the monitor counts about one target since the agent started."""

    interval: float
    requests: int = 0
    failed: int = 0
    failed_parts: int = 0
    overruns: int = 0
    last_success: float | None = None
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
        yield from (m.COLLECTOR_DURATION_SECONDS.sample(seconds, phase) for phase, seconds in self.phases.items())
        yield m.COLLECTOR_REQUESTS_TOTAL.sample(self.requests)


def _collected(scrape: Scrape) -> Mapping[str, float]:
    """Seconds of the collect by phase, and of all of it."""
    return {**scrape.reading.phases, "collect": scrape.duration_seconds}


def _count_by_reason(scrape: Scrape) -> Mapping[str, int]:
    reasons = [skipped.reason for skipped in scrape.reading.skipped]
    return {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}


class Agent:
    """Collects all targets until told to stop. `start` returns at once; `stop` within 5 seconds."""

    def __init__(
        self,
        targets: Iterable[tuple[TargetSettings, Collector]],
        store: Store,
        exporter: Exporter,
        engine: Engine,
        deliverer: Deliverer,
    ) -> None:
        self.targets = list(targets)
        self.store, self.exporter, self.engine, self.deliverer = store, exporter, engine, deliverer
        self.tallies = {target.name: Tally(target.interval) for target, _ in self.targets}
        self.births = {target.name: Births(store.memory(target.name).get(MEMORY_KEY)) for target, _ in self.targets}
        self._store_errors = 0
        self._judged_at: float | None = None
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def ready(self) -> bool:
        return any(tally.last_success is not None for tally in self.tallies.values())

    @property
    def healthy(self) -> bool:
        """Whether targets are still read and judged: within three turns of the slowest one, something was."""
        turn = max((target.interval + target.timeout for target, _ in self.targets), default=0.0)
        return self._judged_at is not None and time.monotonic() - self._judged_at < 3 * turn

    def start(self) -> None:
        self.store.change(lambda tx: self.engine.begin(tx, time.time()))
        for target, collector in self.targets:
            self._run(f"collect {target.name}", self._collect_for_ever, target, collector)
        self.deliverer.start()
        self._run("alerts", self._tell_for_ever)
        self._run("maintenance", self._maintain_for_ever)

    def stop(self) -> None:
        self._stop.set()
        end = time.monotonic() + GRACE_SECONDS
        self.deliverer.stop(end)
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        for _, collector in self.targets:
            collector.close()
        self.exporter.close()
        self.store.close()

    def take(self, scrape: Scrape) -> None:
        """Store, judge and show one scrape."""
        tally = self.tallies[scrape.target]
        tally.add(scrape)
        scrape.reading.samples.extend([*self.births[scrape.target].add_to(scrape), *tally.judged(scrape)])
        began = time.monotonic()
        try:
            self.store.record(scrape, lambda tx: self._judge(tx, scrape))
        except StoreError as error:
            log.error("store: %s", error)
            self._store_errors += 1
            self._show_itself()
        else:
            self._judged_at = time.monotonic()
        tally.phases["store"] = time.monotonic() - began - tally.phases.get("rules", 0.0)
        self.exporter.update(scrape, [*scrape.reading.samples, *tally.shown(scrape)])
        self.deliverer.wake()

    def _judge(self, tx: Tx, scrape: Scrape) -> None:
        began = time.monotonic()
        self.engine.judge(tx, scrape.started_at, scrape.target)
        self.tallies[scrape.target].phases["rules"] = time.monotonic() - began

    def _show_itself(self) -> None:
        """Store, judge and expose how the agent itself fares, under a target of its own."""
        sizes = self.store.sizes()
        samples = [
            m.STORE_BYTES.sample(sizes["store_bytes"]),
            m.STORE_WAL_BYTES.sample(sizes["wal_bytes"]),
            m.STORE_ERRORS_TOTAL.sample(self._store_errors),
        ]
        samples += self.deliverer.samples()
        with suppress(StoreError):
            samples.append(m.NOTIFICATIONS_WAITING.sample(self.store.outbox_waiting()))
        scrape = Scrape(ITSELF, ITSELF, round(time.time(), 3), 0.0, Reading(samples))
        self.exporter.update(scrape, samples)
        try:
            self.store.record(scrape, lambda tx: self.engine.judge(tx, scrape.started_at, ITSELF))
        except StoreError as error:
            log.error("store: %s", error)

    def _run(self, name: str, loop: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=loop, name=name, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _collect_for_ever(self, target: TargetSettings, collector: Collector) -> None:
        memory = self.store.memory(target.name)
        collector.restore({key: value for key, value in memory.items() if key != MEMORY_KEY})
        due = time.monotonic() + random.uniform(0, min(1.0, target.interval / 10))
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            outcome = scrape(target, collector)
            if not outcome.ok:
                log.warning("target %s: %s", target.name, outcome.error)
            self.take(outcome)
            due += target.interval
            missed = max(0, int((time.monotonic() - due) // target.interval) + 1)
            self.tallies[target.name].overruns += missed
            due += missed * target.interval

    def _tell_for_ever(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            try:
                self.store.change(lambda tx: self.engine.tick(tx, time.time()))
            except StoreError as error:
                log.error("alerts: %s", error)
            self.deliverer.wake()

    def _maintain_for_ever(self) -> None:
        self._show_itself()
        while not self._stop.wait(MAINTENANCE_SECONDS):
            self._show_itself()
            try:
                while self.store.maintain(time.time()) and not self._stop.wait(0.05):
                    pass
            except StoreError as error:
                log.error("maintenance: %s", error)
