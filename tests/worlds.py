"""Random worlds for parity: two targets whose series rise, fall, begin anew, begin late, end and come back, and rules.

Readings lie 10 seconds before the times at which all is judged: no time is the border of a window, for Prometheus 2.42
closes its windows on both sides.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from collectors import metrics as m
from collectors.base import Metric, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS, halved
from monitor.alerts.rules import Rule

EVERY, STEP, LAG = 15, 5, 10
GAUGES = (m.BACKLOG_MESSAGES, m.CONSUMERS, m.HANDLER_IN_PROGRESS)
COUNTERS = (m.MESSAGES_OUT_TOTAL, m.REDELIVERIES_TOTAL, m.HANDLER_EVENTS_TOTAL)
PLACES = [("d0", "g0"), ("d0", "g1"), ("d1", "g0")]
DEAD = m.DEAD_LETTERED_MESSAGES_TOTAL

Key = tuple[Metric, tuple[str, ...]]


class Target:
    """One target of a world: `reading` is what the next scrape of it finds; None where nobody looked."""

    def __init__(self, rng: random.Random, name: str) -> None:
        self.rng, self.name, self.cycle, self.blind = rng, name, -1, 0
        self.values: dict[Key, float] = {}
        self.born: dict[tuple[str, ...], float] = {}
        self.buckets: dict[tuple[str, ...], list[int]] = {}
        self.sleeps, self.gaps = rng.choice([0.0, 0.05, 0.2]), rng.choice([0.0, 0.03])
        self.speed = rng.choice([0.3, 2.0, 9.0])

    def keys(self) -> Iterator[Key]:
        for place in PLACES:
            for metric in (*GAUGES, *COUNTERS):
                own = ("s", "h") if "handler" in metric.labels else ()
                for outcome in (("ok",), ("failed",)) if "outcome" in metric.labels else ((),):
                    yield metric, (*own, *place, *outcome)
            yield m.HANDLER_LAST_SUCCESS, ("s", "h", *place)
        yield from ((DEAD, (f"{place[0]}", place[1], "")) for place in PLACES)

    def reading(self, at: float) -> Reading | None:
        self.cycle += 1
        for key in self.keys():
            self._move(key, at)
        for place in PLACES[:2]:
            self._count(("s", "h", *place, "ok"))
        self.blind = self.rng.randint(2, 30) if self.rng.random() < self.gaps else max(0, self.blind - 1)
        return None if self.blind else self._told()

    def _move(self, key: Key, at: float) -> None:
        metric, rng = key[0], self.rng
        if key not in self.values:
            if (self.cycle and rng.random() > 0.06) or (not self.cycle and rng.random() < 0.3):
                return
            self.values[key] = at if metric is m.HANDLER_LAST_SUCCESS else rng.choice([0, 0, 1, 4, 300])
            if metric is DEAD and self.cycle:
                self.born[key[1]] = at
        elif rng.random() < 0.02:
            del self.values[key]
            self.born.pop(key[1], None)
        elif metric is m.HANDLER_LAST_SUCCESS:
            self.values[key] = at if rng.random() < 0.1 else self.values[key]
        elif metric in GAUGES:
            self.values[key] = rng.randint(0, 6) if rng.random() < 0.3 else self.values[key]
        elif rng.random() >= self.sleeps:
            rise = rng.randint(0, round(self.speed * (rng.random() < 0.5)))
            self.values[key] = rng.randint(0, 2) if rng.random() < 0.015 else self.values[key] + rise

    def _count(self, labels: tuple[str, ...]) -> None:
        """A histogram is there, begins, begins anew or ends; it begins empty: a bucket that has caught up with what it
        held before is no reset to Prometheus, which looks at every bucket alone.
        """
        rng, none = self.rng, [0] * (len(BOUNDS) + 1)
        if labels not in self.buckets:
            if rng.random() < (0.06 if self.cycle else 0.7):
                self.buckets[labels] = none
        elif rng.random() < 0.01:
            del self.buckets[labels]
        elif rng.random() < 0.02:
            self.buckets[labels] = none
        else:
            for _ in range(rng.randint(0, int(self.speed))):
                self.buckets[labels][bisect_left(BOUNDS, 0.1 * rng.lognormvariate(0, 2))] += 1

    def _told(self) -> Reading:
        samples = [Sample(metric, labels, float(value)) for (metric, labels), value in self.values.items()]
        samples += [m.DEAD_LETTERS_BORN.sample(at, *labels) for labels, at in self.born.items()]
        histograms = [
            m.HANDLER_DURATION_SECONDS.histogram(BOUNDS, tuple(counts), 0.0, *labels)
            for labels, counts in self.buckets.items()
        ]
        return Reading(samples=samples, histograms=histograms)


class Told:
    """What Prometheus is told, in promtool's notation, a word every STEP seconds."""

    def __init__(self) -> None:
        self.series: dict[str, list[str]] = {}

    def add(self, scrape: Scrape) -> None:
        word, told = round(scrape.started_at) // STEP, dict(exposed(scrape))
        for name, values in self.series.items():
            if name not in told and values[-1] != "stale" and f'target="{scrape.target}"' in name:
                values += ["_"] * (word - len(values)) + ["stale"]
        for name, value in told.items():
            values = self.series.setdefault(name, [])
            values += ["_"] * (word - len(values)) + [repr(float(value))]


def exposed(scrape: Scrape) -> Iterator[tuple[str, float]]:
    """The series that Prometheus is told, and their values."""
    common = {"target": scrape.target, "system": scrape.system}
    for metric, labels, value in scrape.reading.samples:
        yield metric.exposed_name + braced(common | dict(zip(metric.labels, labels, strict=True))), value
    for metric, labels, bounds, counts, _ in scrape.reading.histograms:
        named = common | dict(zip(metric.labels, labels, strict=True))
        kept, alone = halved(bounds, counts)
        for bound, below in zip([*map(repr, kept), "+Inf"], accumulate(alone), strict=True):
            yield f"{metric.exposed_name}_bucket" + braced({**named, "le": bound}), below
        yield f"{metric.exposed_name}_count" + braced(named), sum(counts)


def braced(labels: dict[str, str]) -> str:
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items() if value) + "}"


WINDOWS = ("1m", "2m", "5m", "10m")
OF_KIND = {
    "gauge": ("last", "delta", "min_over_time", "max_over_time", "avg_over_time"),
    "counter": ("increase", "rate", "increase", "last", "max_over_time"),
    "histogram": ("increase", "rate", "avg_over_time"),
}


def value(rng: random.Random) -> dict[str, Any]:
    """A function of a metric, over series that some labels select."""
    metric = rng.choice([*GAUGES, *COUNTERS, m.HANDLER_DURATION_SECONDS])
    function = rng.choice(OF_KIND[metric.kind])
    told: dict[str, Any] = {"metric": metric.name, "function": function}
    if function != "last":
        told["window"] = rng.choice(WINDOWS)
    return told | selection(rng, metric)


def selection(rng: random.Random, metric: Metric) -> dict[str, Any]:
    choices = [{}, {}, {"destination": "d0"}, {"group": "!=g1"}, {"destination": "=~d[0-9]", "group": "!~g[1-9]"}]
    if "outcome" in metric.labels:
        choices += [{"outcome": "failed"}, {"outcome": "!=ok"}]
    where = rng.choice(choices)
    return {"where": where} if where else {}


def comparison(rng: random.Random, quantiles: bool = True) -> dict[str, Any]:
    kind = rng.random()
    if quantiles and kind < 0.12:
        told: dict[str, Any] = {
            "metric": m.HANDLER_DURATION_SECONDS.name, "function": "quantile", "q": rng.uniform(0.1, 0.99),
            "window": rng.choice(WINDOWS[1:]), **selection(rng, m.HANDLER_DURATION_SECONDS),
        }  # fmt: skip
        return told | {compared(rng): rng.choice(BOUNDS[4:26:2])}
    if kind < 0.2:
        return {
            "metric": m.HANDLER_LAST_SUCCESS.name,
            "function": "age",
            compared(rng): rng.choice([31.5, 93.5, 301.5]),
        }
    told = value(rng)
    if kind > 0.8:
        told["divide_by"] = divisor(rng)
        return told | {compared(rng): rng.choice([0.0123, 0.297, 0.731, 1.37, 2.31])}
    return told | {compared(rng): threshold(rng, told["function"])}


def divisor(rng: random.Random) -> dict[str, Any]:
    """No changes: where they cancel, their sum is 0 or next to it by the order in which they are added."""
    while (told := value(rng))["function"] == "delta":
        pass
    return told


def threshold(rng: random.Random, function: str) -> float:
    """What sums of whole numbers may meet exactly, and what extrapolated ones do not."""
    if function == "delta":
        return rng.choice([-3.713, -0.317, 0.317, 2.713])
    if function in ("last", "min_over_time", "max_over_time"):
        return rng.randint(0, 9)
    if function == "rate":
        return rng.choice([0, 0.0137, 0.0531, 0.217, 0.61])
    return rng.choice([0, 0, 0.317, 2.713, 7.391, 23.77])


def compared(rng: random.Random) -> str:
    return rng.choice(["above", "at_least", "below", "at_most"])


def rule(rng: random.Random, number: int) -> Rule:
    """A rule with conditions, of whatever the language can say."""
    raw: dict[str, Any] = {"name": f"Rule{number}", "by": rng.choice(BYS), "severity": rng.choice(SEVERITIES)}
    kind = rng.random()
    if kind < 0.02:
        metric = rng.choice(GAUGES)
        raw |= {"metric": metric.name, "function": "absent", "by": ("target",)} | selection(rng, metric)
    elif kind < 0.12:
        raw |= {"metric": DEAD.name, "function": "increase", "window": rng.choice(WINDOWS), "above": 0}
        raw |= {"born": m.DEAD_LETTERS_BORN.name, "by": ("target", "destination")}
    else:
        raw |= comparison(rng)
    for key in ("only_if", "unless") if kind >= 0.02 else ():
        raw[key] = [condition(rng, raw["by"]) for _ in range(rng.choice([0, 0, 1, 1, 2]))]
    raw["for"] = rng.choice(["0s", "0s", "15s", "30s", "1m", "100s"])
    raw["keep_firing_for"] = rng.choice(["0s", "0s", "15s", "45s", "2m"])
    return Rule.model_validate(raw)


BYS = (("target",), ("target", "destination"), ("target", "destination", "group"), ("target", "system", "group"))
SEVERITIES = ("critical", "warning", "info")


def condition(rng: random.Random, by: tuple[str, ...]) -> dict[str, Any]:
    told = comparison(rng)
    if rng.random() < 0.5:
        told["on"] = rng.sample(by, rng.randint(1, len(by)))
    return told
