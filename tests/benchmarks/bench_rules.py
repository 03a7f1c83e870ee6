"""30 rules over 10,000 series: CPU of judging a cycle of all targets, against recording the same cycle.

40 targets of 250 series, then one of 10,000; 40 % of the series change in a scrape, some are histograms. The rules are
the defaults and variations of them. The bare read is one SELECT a window over the same rows, without any judging.
"""

from __future__ import annotations

import gc
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from collectors import metrics as m
from collectors.base import Histogram, Metric, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.alerts.engine import Engine
from monitor.alerts.routing import Alerting, Receiver
from monitor.alerts.rules import Rule, default_rules
from monitor.store.writer import Store

SERIES, RULES, CHANGING = 10_000, 30, 0.4
INTERVAL, HOURS, CYCLES = 15, 6, 12
START = 1_700_000_000.0
#: At most so much of an interval may be spent on rules, on one core.
SHARE = 0.05

GAUGES = (m.BACKLOG_MESSAGES, m.BACKLOG_AGE_SECONDS, m.CONSUMERS, m.RETENTION_MARGIN_SECONDS, m.LOST_MESSAGES)
COUNTERS = (m.MESSAGES_OUT_TOTAL, m.REDELIVERIES_TOTAL)
#: What does not change in good times.
RARE = (m.CONSUMERS, m.DEAD_LETTERED_MESSAGES_TOTAL, m.DEAD_LETTERS, m.LOST_MESSAGES)
#: Where they stand at first; others anywhere.
STANDING = {m.CONSUMERS: 1, m.LOST_MESSAGES: 0, m.RETENTION_MARGIN_SECONDS: 86400}
OUTCOMES = ("ok", "failed", "retried")


class Traffic:
    """The series of one target; `moved` changes some of them."""

    def __init__(self, name: str, series: int, rng: random.Random) -> None:
        self.name, self.rng, self.values = name, rng, dict[tuple[Metric, tuple[str, ...]], float]()
        self.buckets: dict[tuple[str, ...], list[int]] = {}
        unit = 0
        while len(self.values) + len(self.buckets) < series:
            self._add(f"{name}-{unit}", unit)
            unit += 1

    def _add(self, name: str, unit: int) -> None:
        """What there is about one destination, with one group and now and then a handler."""
        for metric in (*GAUGES, *COUNTERS):
            self.values[metric, (name, "billing")] = STANDING.get(metric, self.rng.randint(1, 200))
        self.values[m.MESSAGES_IN_TOTAL, (name,)] = 1000
        if unit % 3 == 0:
            self.values[m.DEAD_LETTERED_MESSAGES_TOTAL, (f"{name}.dlq", name, "")] = 5
            self.values[m.DEAD_LETTERS, (f"{name}.dlq", name)] = 5
            self.values[m.HANDLER_IN_PROGRESS, ("shop", name, name, "billing")] = 1
            for outcome in OUTCOMES:
                self.values[m.HANDLER_EVENTS_TOTAL, ("shop", name, name, "billing", outcome)] = 100
            self.buckets["shop", name, name, "billing", "ok"] = [0] * (len(BOUNDS) + 1)

    def moved(self, at: float) -> Scrape:
        """A scrape later: most alerts stay silent, as they are to."""
        for (metric, labels), value in self.values.items():
            if self.rng.random() < (0.001 if metric in RARE or labels[-1] in OUTCOMES[1:] else CHANGING * 1.4):
                rise = self.rng.randint(1, 30)
                least = STANDING.get(metric, 0)
                self.values[metric, labels] = value + rise if metric.kind == "counter" else least + (value + rise) % 250
        for counts in self.buckets.values():
            if self.rng.random() < CHANGING:
                counts[self.rng.randint(5, 20)] += self.rng.randint(1, 9)
        samples = [Sample(metric, labels, value) for (metric, labels), value in self.values.items()]
        histograms = [
            Histogram(m.HANDLER_DURATION_SECONDS, labels, BOUNDS, tuple(counts), 1.0)
            for labels, counts in self.buckets.items()
        ]
        return Scrape(self.name, "kafka", at, 0.1, Reading(samples=samples, histograms=histograms))


def thirty() -> list[Rule]:
    """The default rules, then the same again with other windows and thresholds."""
    rules = default_rules()
    for number in range(1, RULES):
        for rule in default_rules():
            if len(rules) >= RULES:
                return rules[:RULES]
            changed = {"name": f"{rule.name}{number}"}
            if rule.window is not None:
                changed["window"] = rule.window + 60 * number
            rules.append(rule.model_copy(update=changed))
    return rules[:RULES]


def filled(store: Store, targets: list[Traffic], hours: float) -> float:
    """Record the history; returns the time after it."""
    steps = int(hours * 3600 / INTERVAL)
    for step in range(steps):
        for number, target in enumerate(targets):
            store.record(target.moved(START + step * INTERVAL + number * INTERVAL / len(targets)))
        if step % 40 == 0:
            while store.maintain(START + step * INTERVAL):
                pass
    return START + steps * INTERVAL


def cycles(store: Store, targets: list[Traffic], began: float) -> Iterator[tuple[float, float]]:
    """CPU seconds of recording and of judging all targets once, for each cycle."""
    engine = Engine(thirty(), Alerting((Receiver("ops"),)), "")
    for cycle in range(CYCLES):
        whole = judging = 0.0
        for number, target in enumerate(targets):
            scrape = target.moved(began + cycle * INTERVAL + number * INTERVAL / len(targets))
            taken: list[float] = []
            whole += cpu(lambda s=scrape, t=taken: store.record(s, lambda tx: t.append(  # type: ignore[misc]
                cpu(lambda: engine.judge(tx, s.started_at, s.target)))))  # fmt: skip
            judging += sum(taken)
        yield whole - judging, judging


def cpu(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def bare_read(path: Path, now: float) -> float:
    """CPU seconds to fetch the changes of the windows that the rules look at, once each, with plain SQL."""
    windows = {v.window for r in thirty() for v in (r, *r.only_if, *r.unless) if v.window is not None}
    with closing(sqlite3.connect(path)) as db:
        return sum(
            cpu(lambda w=window: db.execute(  # type: ignore[misc]
                "SELECT series, ts, value, prev FROM head WHERE ts > ?", ((now - w) * 1000,)).fetchall())
            for window in windows
        )  # fmt: skip


def measured(number: int, hours: float) -> None:
    rng = random.Random(7)
    targets = [Traffic(f"target-{n}", SERIES // number, rng) for n in range(number)]
    total = sum(len(one.values) + len(one.buckets) for one in targets)
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder) / "bench.db")) as store:
        now = filled(store, targets, hours)
        gc.collect()
        first, *rest = cycles(store, targets, now)
        with closing(store.reader()) as reader:
            active = sum(one.state != "resolved" for one in reader.alerts())
        # the mean, for rules that look back for hours are judged in one cycle of four
        recording, judging = (statistics.mean(column) for column in zip(*rest, strict=True))
        bare = bare_read(Path(folder) / "bench.db", now + CYCLES * INTERVAL)
    print(f"{number} targets, {total:,} series, {RULES} rules, {hours:g} h of history, {active} alerts active")
    print(f"  judging a cycle     {judging * 1e3:7.0f} ms CPU   {judging / INTERVAL:.2%} of {INTERVAL} s (at most 5 %)")
    print(f"  the first one       {first[1] * 1e3:7.0f} ms CPU   after a start")
    print(f"  recording it        {recording * 1e3:7.0f} ms CPU   judging takes {judging / recording:.2f} times that")
    print(f"  bare SELECTs        {bare * 1e3:7.0f} ms CPU   judging takes {judging / bare:.2f} times that")


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else HOURS
    for number in (40, 1):
        measured(number, hours)


if __name__ == "__main__":
    main()
