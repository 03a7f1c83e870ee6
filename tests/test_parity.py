"""The same data give the same alerts in the store and in Prometheus: random series, judged by both.

Every target is judged at a time at which it was not read, for old Prometheus closes its windows on both sides.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from collectors import metrics as m
from collectors.base import Reading, Scrape
from collectors.handlers.geometry import BOUNDS, halved
from monitor.alerts.engine import TargetReadings
from monitor.alerts.evaluation import evaluate
from monitor.alerts.promql import to_promql
from monitor.alerts.rules import Rule, parse_rules
from monitor.store.writer import Store

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")

BEGAN = 1_700_000_000.0
EVERY, CYCLES = 15, 64
#: Seconds after the beginning at which all is judged.
JUDGED = EVERY * (CYCLES - 1) + 7
TARGETS, HANDLERS = 40, 4

RULES = """
[[rules]]
name = "Quantile{n}"
metric = "handler_duration_seconds"
function = "quantile"
q = {q}
window = "10m"
by = ["target", "handler"]
above = {bound}
[[rules]]
name = "QuantileOfOneOutcome{n}"
metric = "handler_duration_seconds"
function = "quantile"
q = {q}
window = "5m"
where = {{ outcome = "!=failed" }}
by = ["target", "handler", "destination", "group"]
below = {bound}
[[rules]]
name = "QuantileOfTheTarget{n}"
metric = "handler_duration_seconds"
function = "quantile"
q = {q}
window = "10m"
by = ["target"]
at_most = {bound}
[[rules]]
name = "Ratio{n}"
metric = "handler_events_total"
function = "increase"
window = "10m"
where = {{ outcome = "failed" }}
divide_by = {{ metric = "handler_events_total", function = "increase", window = "10m" }}
by = ["target", "handler"]
above = {share}
[[rules.only_if]]
metric = "handler_duration_seconds"
function = "increase"
window = "10m"
at_least = {floor}
[[rules]]
name = "RatioOfGauges{n}"
metric = "handler_in_progress"
function = "max_over_time"
window = "5m"
divide_by = {{ metric = "handler_in_progress", function = "last" }}
by = ["target", "handler"]
above = 1.3
[[rules]]
name = "Joined{n}"
metric = "handler_events_total"
function = "rate"
window = "5m"
by = ["target", "handler", "destination", "group"]
below = {rate}
[[rules.only_if]]
metric = "backlog_messages"
function = "min_over_time"
window = "5m"
on = ["destination", "group"]
above = {backlog}
[[rules.unless]]
metric = "handler_in_progress"
on = ["target"]
above = {busy}
"""


@dataclass
class Handler:
    """Counts events of random durations. It may begin late, stop, or forget some outcome until it comes."""

    rng: random.Random
    name: str
    began: int = 0
    ended: int = CYCLES
    counts: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rng.random() < 0.3:
            self.began = self.rng.randrange(CYCLES)
        if self.rng.random() < 0.1:
            self.ended = self.rng.randrange(CYCLES)
        self.sigma, self.median = self.rng.uniform(0.2, 1.5), 10 ** self.rng.uniform(-3, 2)
        self.busy, self.failing = self.rng.choice([0, 1, 5, 20]), self.rng.choice([0, 0.05, 0.3])
        for outcome in ("ok", "failed"):
            self.counts[outcome] = [0] * (len(BOUNDS) + 1)
            if not self.began:  # it has counted for long
                self._count(outcome, self.rng.choice([0, 3, 100, 3000]))
        self.median *= self.rng.choice([0.01, 1, 100])  # and is faster or slower now

    @property
    def labels(self) -> tuple[str, str, str, str]:
        return "shop", self.name, f"topic of {self.name}", "billing"

    def work(self) -> None:
        for _ in range(self.rng.randint(0, self.busy)):
            self._count("failed" if self.rng.random() < self.failing else "ok", 1)

    def _count(self, outcome: str, events: int) -> None:
        for _ in range(events):
            seconds = self.median * self.rng.lognormvariate(0, self.sigma)
            self.counts[outcome][bisect_left(BOUNDS, seconds)] += 1

    def tell(self, reading: Reading) -> None:
        reading.samples.append(m.HANDLER_IN_PROGRESS.sample(self.rng.randint(0, 5), *self.labels))
        for outcome, counts in self.counts.items():
            labels = (*self.labels, outcome)
            reading.samples.append(m.HANDLER_EVENTS_TOTAL.sample(sum(counts), *labels))
            reading.histograms.append(m.HANDLER_DURATION_SECONDS.histogram(BOUNDS, tuple(counts), 0.0, *labels))


class Told:
    """What Prometheus is told of one target, in promtool's notation: `_` nothing was read, `stale` a series ended."""

    def __init__(self) -> None:
        self.series: dict[str, list[str]] = {}

    def add(self, cycle: int, scrape: Scrape) -> None:
        told = dict(_exposed(scrape))
        for name, values in self.series.items():
            if name not in told and values[-1] != "stale":
                values += ["_"] * (cycle - len(values)) + ["stale"]
        for name, value in told.items():
            values = self.series.setdefault(name, [])
            values += ["_"] * (cycle - len(values)) + [f"{value:g}"]


def promtool(told: Iterable[Told], expected: list[tuple[Rule, list[dict[str, str]]]]) -> dict[str, Any]:
    """A test of promtool: with these series exactly these labels are to be found by each rule."""
    return {
        "interval": f"{EVERY}s",
        "input_series": [
            {"series": name, "values": " ".join(values)} for one in told for name, values in one.series.items()
        ],
        "promql_expr_test": [
            {
                "expr": f"count by ({', '.join(rule.by)}) ({to_promql(rule)})",
                "eval_time": f"{JUDGED}s",
                "exp_samples": [{"labels": _braced(labels), "value": 1} for labels in verdicts],
            }
            for rule, verdicts in expected
        ],
    }


def differences(tests: list[dict[str, Any]], folder: Path) -> str:
    """What promtool has to say against them."""
    (folder / "parity.yml").write_text(json.dumps({"evaluation_interval": f"{JUDGED}s", "tests": tests}))
    done = subprocess.run(
        ["promtool", "test", "rules", "parity.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else re.sub(r"\n\s*\n", "\n", done.stdout)


def _exposed(scrape: Scrape) -> Iterator[tuple[str, float]]:
    """The series that Prometheus is told, and their values."""
    common = {"target": scrape.target, "system": scrape.system}
    for metric, labels, value in scrape.reading.samples:
        yield metric.exposed_name + _braced(common | dict(zip(metric.labels, labels, strict=True))), value
    for metric, labels, bounds, counts, _ in scrape.reading.histograms:
        named = common | dict(zip(metric.labels, labels, strict=True))
        kept, alone = halved(bounds, counts)
        for bound, below in zip([*map(repr, kept), "+Inf"], accumulate(alone), strict=True):
            yield f"{metric.exposed_name}_bucket" + _braced({**named, "le": bound}), below
        yield f"{metric.exposed_name}_count" + _braced(named), sum(counts)


def _braced(labels: dict[str, str]) -> str:
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


def story(rng: random.Random, number: int) -> Iterator[tuple[int, Scrape]]:
    """Each cycle of a target with handlers, and of a broker that knows the backlogs of their groups."""
    handlers = [Handler(rng, f"handler-{number}-{n}") for n in range(HANDLERS)]
    groups = [handler.labels[2:] for handler in handlers if rng.random() < 0.8]
    fails = rng.choice([0, 0, 0.1, 0.5])
    for cycle in range(CYCLES):
        at = BEGAN + EVERY * cycle
        backlogs = [m.BACKLOG_MESSAGES.sample(rng.randint(0, 40), *group) for group in groups]
        yield cycle, Scrape(f"broker-{number}", "kafka", at, 0.1, Reading(samples=backlogs))
        reading = Reading()
        for handler in handlers:
            if handler.began <= cycle < handler.ended:
                handler.tell(reading)
                handler.work()
        if rng.random() >= fails or cycle % 20 < 6:
            yield cycle, Scrape(f"app-{number}", "handlers", at, 0.1, reading)


def rules(rng: random.Random) -> list[Rule]:
    """Thresholds of quantiles lie on bounds that Prometheus is told; no other is met to the last digit."""
    texts = [
        RULES.format(
            n=n, q=rng.uniform(0.3, 0.99), bound=rng.choice(BOUNDS[4:30:2]), share=rng.uniform(0.02, 0.3),
            floor=rng.uniform(5, 60), rate=rng.uniform(0.02, 0.5), backlog=rng.randint(0, 2), busy=rng.randint(15, 25),
        )
        for n in range(4)
    ]  # fmt: skip
    return parse_rules("".join(texts), "parity")


@pytest.mark.parametrize("seed", range(2))
def test_the_store_and_prometheus_come_to_the_same_verdicts(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    told, tests, holds = [(Told(), Told()) for _ in range(TARGETS)], [], set[str]()
    with closing(Store(tmp_path / "store.db")) as store, closing(store.reader()) as reader:
        for number, (broker, app) in enumerate(told):
            for cycle, scrape in story(rng, number):
                store.record(scrape)
                (broker if scrape.system == "kafka" else app).add(cycle, scrape)
        wanted = rules(rng)
        for number, series in enumerate(told):
            readings = TargetReadings(reader, f"app-{number}")
            verdicts = [[v.labels for v in evaluate(rule, readings, BEGAN + JUDGED)] for rule in wanted]
            tests.append(promtool(series, list(zip(wanted, verdicts, strict=True))))
            holds |= {rule.name[:-1] for rule, found in zip(wanted, verdicts, strict=True) if found}

    assert differences(tests, tmp_path) == ""
    assert holds == {rule.name[:-1] for rule in wanted}, "a rule that never holds tells nothing"


def test_a_bucket_that_was_empty_until_the_window_is_not_stretched_back(tmp_path: Path) -> None:
    """31 of 33 events are fast; but the window is taken to be longer for the slow ones, which were counted before."""
    (rule,) = parse_rules(
        """
[[rules]]
name = "Slow"
metric = "handler_duration_seconds"
function = "quantile"
q = 0.935
window = "10m"
by = ["target"]
above = 0.004
""",
        "parity",
    )
    told, began = Told(), CYCLES - 600 // EVERY
    with closing(Store(tmp_path / "store.db")) as store, closing(store.reader()) as reader:
        for cycle in range(CYCLES):
            counts = [0] * (len(BOUNDS) + 1)
            counts[1], counts[9] = 31 * max(0, cycle - began), 1000 + 2 * max(0, cycle - began)
            one = m.HANDLER_DURATION_SECONDS.histogram(BOUNDS, tuple(counts), 0.0, *"shdgo")
            scrape = Scrape("app-0", "handlers", BEGAN + EVERY * cycle, 0.1, Reading(histograms=[one]))
            store.record(scrape)
            told.add(cycle, scrape)
        verdicts = [v.labels for v in evaluate(rule, TargetReadings(reader, "app-0"), BEGAN + JUDGED)]

    assert verdicts == [{"target": "app-0"}]
    assert differences([promtool([told], [(rule, verdicts)])], tmp_path) == ""
