"""The agent: a thread a target that collects on a cadence. What is to be told, `alerts.delivery` sends.

`scrape` is the one place that catches what a collector raises.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable

from collectors.base import CollectError, Collector, Reading, Scrape, TargetSettings
from monitor.alerts.delivery import Deliverer
from monitor.alerts.engine import Engine
from monitor.alerts.failures import ALL
from monitor.births import MEMORY_KEY, Births
from monitor.exporter import Exporter
from monitor.itself import Tally, store_samples
from monitor.store.reader import ITSELF
from monitor.store.writer import Store, StoreError, Tx

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
            if self._record(scrape):
                self._judged_at, tally.judged_at = time.monotonic(), scrape.started_at
        except StoreError as error:
            log.error("store: %s", error)
            self._store_errors += 1
            self._show_itself()
        tally.phases["store"] = time.monotonic() - began - tally.phases.get("rules", 0.0)
        self.exporter.update(scrape, [*scrape.reading.samples, *tally.shown(scrape)])
        self.deliverer.wake()

    def _record(self, scrape: Scrape) -> bool:
        """Store and judge; store alone, where a fault of ours keeps it from being judged. Whether it was judged."""
        with self.engine.failures.of(ALL, scrape.target):
            self.store.record(scrape, lambda tx: self._judge(tx, scrape))
            return True
        self.store.record(scrape)
        return False

    def _judge(self, tx: Tx, scrape: Scrape) -> None:
        began = time.monotonic()
        self.engine.judge(tx, scrape.started_at, scrape.target)
        if tally := self.tallies.get(scrape.target):
            tally.phases["rules"] = time.monotonic() - began

    def _show_itself(self) -> None:
        """Store, judge and expose how the agent itself fares, under a target of its own."""
        samples = [
            *store_samples(self.store, self._store_errors), *self.deliverer.samples(), *self.engine.failures.samples()
        ]  # fmt: skip
        scrape = Scrape(ITSELF, ITSELF, round(time.time(), 3), 0.0, Reading(samples))
        self.exporter.update(scrape, samples)
        try:
            self._record(scrape)
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
                with self.engine.failures.of(ALL, "any"):
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
