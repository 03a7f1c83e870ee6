"""What pages ask, of a store and of the APIs that have the same: 10,000 series of 45 minutes, read every 15 seconds."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from backfilled import into_store, prometheus_with, victoriametrics_with

from collectors import metrics as m
from collectors.base import Reading, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.console import timelines
from monitor.console.data import load_consumers, load_dead_letters
from monitor.console.evidence import evidence
from monitor.console.flows import load_destinations
from monitor.console.handling import handlings
from monitor.console.place import Place
from monitor.console.prometheus.api import Api
from monitor.console.prometheus.source import PrometheusSource
from monitor.console.source import Source
from monitor.console.timelines import lines
from monitor.console_source import SourceSettings
from monitor.store.reader import Reader

GROUPS, HANDLERS, EVERY, SECONDS, TIMES = 1_300, 100, 15.0, 2700.0, 5
NOW = float(int(time.time()) // 3600 * 3600)


def scrapes() -> Iterator[Scrape]:
    for number in range(count := int(SECONDS / EVERY)):
        at = NOW - (count - number) * EVERY + 5
        yield Scrape("kafka", "kafka", at, 0.1, Reading([one for unit in range(GROUPS) for one in group(unit, number)]))
        histograms = [
            m.HANDLER_DURATION_SECONDS.histogram(
                BOUNDS,
                (number * 7 + unit,) * len(BOUNDS) + (0,),
                number * 3.5,
                "shop",
                f"h-{unit}",
                f"d-{unit}",
                "g",
                "ok",
            )
            for unit in range(HANDLERS)
        ]
        events = [
            m.HANDLER_EVENTS_TOTAL.sample(number * unit, "shop", f"h-{unit}", f"d-{unit}", "g", outcome)
            for unit in range(HANDLERS)
            for outcome in ("ok", "failed")
        ]
        yield Scrape("handlers", "handlers", at, 0.1, Reading(events, histograms))


def group(unit: int, number: int) -> list[object]:
    labels = (f"d-{unit}", "g")
    return [
        m.BACKLOG_MESSAGES.sample((unit * number) % 977, *labels),
        m.BACKLOG_AGE_SECONDS.sample((unit + number) % 100, *labels),
        m.BACKLOG_AGE_QUALITY.sample(2, *labels),
        m.CONSUMERS.sample(1, *labels),
        m.MESSAGES_OUT_TOTAL.sample(unit * number, *labels),
        m.MESSAGES_IN_TOTAL.sample(unit * (number + 1), f"d-{unit}"),
    ]


def chart(source: Source) -> object:
    place = Place((("target", "kafka"), ("destination", "d-7"), ("group", "g")), span="1h")
    return [lines(source, panel, place, NOW) for panel in timelines.CONSUMERS]


PAGES: dict[str, Callable[[Source], object]] = {
    "consumers, with verdicts": lambda source: (load_consumers(source, NOW), evidence(source, NOW)),
    "dead letters": lambda source: load_dead_letters(source, NOW),
    "destinations": lambda source: load_destinations(source, NOW),
    "handlers": lambda source: handlings(source, NOW),
    "one consumer's charts of 1 h": chart,
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="eda-bench-") as name:
        folder = Path(name)
        into_store(folder / "s.db", scrapes())
        with prometheus_with(scrapes(), folder) as one, victoriametrics_with(scrapes()) as other:
            makers: dict[str, Callable[[], Source]] = {
                "store": lambda: Reader(folder / "s.db"),
                "Prometheus": lambda: PrometheusSource(Api(SourceSettings(url=one))),
                "VictoriaMetrics": lambda: PrometheusSource(Api(SourceSettings(url=other))),
            }
            print(
                f"| a page's data, ms, median (worst) of {TIMES} | {' | '.join(makers)} |\n|---|{'---|' * len(makers)}"
            )
            for page, load in PAGES.items():
                print(f"| {page} | {' | '.join(took(make, load) for make in makers.values())} |", flush=True)


def took(make: Callable[[], Source], load: Callable[[Source], object]) -> str:
    times = []
    for _ in range(TIMES):
        source = make()
        began = time.perf_counter()
        load(source)
        times.append((time.perf_counter() - began) * 1000)
        source.close()
    return f"{statistics.median(times):,.0f} ({max(times):,.0f})"


if __name__ == "__main__":
    main()
