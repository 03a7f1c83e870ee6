"""/metrics of 100,000 series: served from memory against rendering by prometheus-client, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import httpx
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.exporter import Exporter

SERIES = 100_000


class Families:
    """The same series, as prometheus-client would collect them."""

    def describe(self) -> list[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "eda_backlog_messages", "Backlog.", labels=["target", "system", "destination", "group"]
        )
        for number in range(SERIES):
            family.add_metric(["orders", "kafka", f"topic-{number}", "group"], number)
        yield family


def seconds(call: Callable[[], object], times: int = 5) -> float:
    """The median of a few runs."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2]


def main() -> None:
    samples = [m.BACKLOG_MESSAGES.sample(number, f"topic-{number}", "group") for number in range(SERIES)]
    scrape = Scrape("orders", "kafka", 0.0, 0.0, Reading(samples=samples))
    registry = CollectorRegistry()
    registry.register(Families())
    exporter = Exporter()
    url = f"http://{exporter.serve('127.0.0.1:0')}/metrics"

    theirs = seconds(lambda: generate_latest(registry), times=3)
    update = seconds(lambda: exporter.update(scrape, samples), times=3)
    with httpx.Client(headers={"Accept-Encoding": "identity"}) as client:
        client.get(url)
        served = seconds(lambda: client.get(url))
    exporter.close()

    print(f"/metrics, {SERIES:,} series")
    print(f"  generate_latest           {theirs * 1e3:8.1f} ms")
    print(f"  rendered once a cycle     {update * 1e3:8.1f} ms  ({theirs / update:.1f} times faster)")
    print(f"  served from memory, HTTP  {served * 1e3:8.1f} ms  ({theirs / served:.0f} times faster)")


if __name__ == "__main__":
    main()
