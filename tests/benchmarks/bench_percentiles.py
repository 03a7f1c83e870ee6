"""Percentiles from stored buckets against the exact ones, and what histograms cost beside plain series, in one run."""

from __future__ import annotations

import math
import random
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from prometheus_client import Histogram as TheirHistogram

from collectors import metrics as m
from collectors.base import Histogram, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.percentiles import Increase, percentile
from monitor.store.writer import Store

HANDLERS, EVENTS, QUANTILES = 300, 5_000, (0.5, 0.95, 0.99)
SERIES, SCRAPES, INTERVAL = 200, 1_000, 15
START = 1_700_000_000.0
DEFAULTS = tuple(bound for bound in TheirHistogram.DEFAULT_BUCKETS if bound < math.inf)
METRIC = m.HANDLER_DURATION_SECONDS


def durations(rng: random.Random, fastest: float = 0.003, slowest: float = 20.0) -> list[float]:
    """Of one handler: lognormal around a typical duration between the fastest and the slowest, sorted."""
    typical, spread = math.log(fastest) + rng.random() * math.log(slowest / fastest), rng.uniform(0.2, 1.2)
    return sorted(rng.lognormvariate(typical, spread) for _ in range(EVENTS))


def counted(bounds: Sequence[float], events: Iterable[float]) -> tuple[int, ...]:
    counts = [0] * (len(bounds) + 1)
    for event in events:
        counts[bisect_left(bounds, event)] += 1
    return tuple(counts)


def stored(folder: Path, bounds: tuple[float, ...], handlers: list[list[float]]) -> dict[str, Increase]:
    """What a reader tells of the handlers after their events were scraped in four parts."""
    store = Store(folder / f"{len(bounds)}.db")
    for part in range(5):
        shown = [(f"h{n}", random.Random(n).sample(events, len(events))) for n, events in enumerate(handlers)]
        histograms = [
            METRIC.histogram(bounds, counted(bounds, events[: EVENTS * part // 4]), 0.0, "s", name, "d", "g", "ok")
            for name, events in shown
        ]
        store.record(Scrape("apps", "handlers", START + 60 * part, 0.1, Reading(histograms=histograms)))
    reader = store.reader()
    found = {one.labels["handler"]: one for one in reader.increases(METRIC.name, START, START + 240)}
    reader.close()
    store.close()
    return found


def ours(one: Increase, q: float) -> float:
    found = percentile(one.bounds, one.counts, q)
    assert found is not None
    return found.seconds


def linear(one: Increase, q: float) -> float:
    """As Prometheus draws it: a straight line through the bucket, and past the last bound just that bound."""
    rank, seen = q * sum(one.counts), 0.0
    for at, count in enumerate(one.counts[:-1]):
        if count and seen + count >= rank:
            low = one.bounds[at - 1] if at else 0.0
            return low + (one.bounds[at] - low) * (rank - seen) / count
        seen += count
    return one.bounds[-1]


def errors(
    found: dict[str, Increase], handlers: list[list[float]], told: Callable[[Increase, float], float]
) -> list[float]:
    exact = [
        (f"h{n}", q, events[math.ceil(q * len(events)) - 1]) for n, events in enumerate(handlers) for q in QUANTILES
    ]
    return sorted(abs(told(found[name], q) - value) / value for name, q, value in exact)


def print_errors(name: str, found: list[float]) -> None:
    median, high, worst = (found[math.ceil(share * len(found)) - 1] for share in (0.5, 0.95, 1.0))
    print(f"  {name:44} median {median:6.2%}   95th {high:7.2%}   worst {worst:7.2%}")


def growing(rng: random.Random) -> Iterable[list[tuple[int, ...]]]:
    """Totals of all series, scrape after scrape: some tens of events each."""
    totals = [[0] * (len(BOUNDS) + 1) for _ in range(SERIES)]
    centres = [rng.uniform(8, 30) for _ in range(SERIES)]
    for _ in range(SCRAPES):
        for own, centre in zip(totals, centres, strict=True):
            for _ in range(12):
                own[min(40, max(0, round(rng.gauss(centre, 2))))] += rng.randint(1, 5)
        yield [tuple(own) for own in totals]


def histogram_samples(totals: list[tuple[int, ...]]) -> list[Histogram]:
    return [METRIC.histogram(BOUNDS, own, 1.5 * sum(own), "s", f"h{n}", "d", "g", "ok") for n, own in enumerate(totals)]


def plain_samples(totals: list[tuple[int, ...]]) -> list[Sample]:
    return [
        m.HANDLER_EVENTS_TOTAL.sample(float(sum(own)), "s", f"h{n}", "d", "g", "ok") for n, own in enumerate(totals)
    ]


def cost(file: Path, readings: list[Reading], read: Callable[[Store, float, float], object]) -> None:
    store = Store(file)
    began = time.perf_counter()
    for number, reading in enumerate(readings):
        store.record(Scrape("apps", "handlers", START + INTERVAL * number, 0.1, reading))
    written = time.perf_counter() - began
    end = START + INTERVAL * (SCRAPES - 1)
    taken = []
    for start in (end - 600, end - 3600, START):
        began = time.perf_counter()
        read(store, start, end)
        taken.append(1e3 * (time.perf_counter() - began))
    began = time.perf_counter()
    while store.maintain(end + 600):
        pass
    maintained = time.perf_counter() - began
    began = time.perf_counter()
    read(store, START, end)
    rolled = 1e3 * (time.perf_counter() - began)
    store.close()
    each = SERIES * SCRAPES
    print(
        f"  {file.stem:10} {written / each * 1e6:6.1f} µs and {file.stat().st_size / each:5.1f} bytes a sample;"
        f" read 10 min {taken[0]:.0f} ms, 1 h {taken[1]:.0f} ms, all {taken[2]:.0f} ms, rolled up in {maintained:.1f} s"
        f" {rolled:.0f} ms"
    )


def main() -> None:
    rng = random.Random(6)
    handlers = [durations(rng) for _ in range(HANDLERS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"p50, p95, p99 of {HANDLERS} handlers (3 ms to 20 s) from the store, relative error")
        by_root, by_two = stored(folder, BOUNDS, handlers), stored(folder, BOUNDS[::2], handlers)
        print_errors("40 bounds by √2 (95th <= 6 %)", errors(by_root, handlers, ours))
        print_errors("40 bounds by √2, linear", errors(by_root, handlers, linear))
        print_errors("20 bounds by 2, as exposed, linear", errors(by_two, handlers, linear))
        print_errors("20 bounds by 2", errors(by_two, handlers, ours))
        defaults = stored(folder, DEFAULTS, handlers)
        print_errors(f"{len(DEFAULTS)} bounds of client_python, linear", errors(defaults, handlers, linear))
        print_errors(f"{len(DEFAULTS)} bounds of client_python", errors(defaults, handlers, ours))
        print(f"{SERIES} series, {SCRAPES:,} scrapes")
        totals = list(growing(rng))
        readings = [Reading(histograms=histogram_samples(one)) for one in totals]
        cost(folder / "histograms.db", readings, lambda store, a, b: store.reader().increases(METRIC.name, a, b))
        readings = [Reading(samples=plain_samples(one)) for one in totals]
        cost(
            folder / "plain.db", readings, lambda store, a, b: store.reader().window(m.HANDLER_EVENTS_TOTAL.name, a, b)
        )


if __name__ == "__main__":
    main()
