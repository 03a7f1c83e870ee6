"""Scrapes of a while ago, put into a store, a Prometheus and a VictoriaMetrics alike."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import httpx

from collectors import metrics as m
from collectors.base import Scrape
from monitor.demo import services
from monitor.exporter import render_lines
from monitor.store.writer import Store

#: Seconds from a reading until it is scraped.
LATER = 0.4
NOTHING = "global: {scrape_interval: 1h}"
#: Lines that are sent at once.
BATCH = 200_000


def into_store(path: Path, scrapes: Iterable[Scrape]) -> None:
    with closing(Store(path)) as store:
        for one in scrapes:
            store.record(one)
        while store.maintain(one.started_at):
            pass


@contextmanager
def prometheus_with(scrapes: Iterable[Scrape], folder: Path) -> Iterator[str]:
    """A Prometheus that has them and scrapes nothing; yields its URL. Raises ServiceMissingError."""
    if shutil.which("promtool") is None:
        raise services.ServiceMissingError("promtool is not installed: apt-get install prometheus")
    text = folder / "openmetrics.txt"
    with text.open("w") as file:
        for line, at in _lines(scrapes):
            file.write(f"{line} {at:.3f}\n")
        file.write("# EOF\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")]
    subprocess.run(command, check=True, capture_output=True)
    text.unlink()
    with services.prometheus(NOTHING, folder / "data") as url:
        yield url


@contextmanager
def victoriametrics_with(scrapes: Iterable[Scrape]) -> Iterator[str]:
    """A VictoriaMetrics that has them and scrapes nothing; yields its URL. Raises ServiceMissingError."""
    with services.victoriametrics(NOTHING) as url:
        lines = (f"{line} {at * 1000:.0f}" for line, at in _lines(scrapes))
        while batch := list(islice(lines, BATCH)):
            sent = httpx.post(f"{url}/api/v1/import/prometheus", content="\n".join(batch), timeout=60)
            sent.raise_for_status()
        httpx.get(f"{url}/internal/force_flush", timeout=60).raise_for_status()
        yield url


def _lines(scrapes: Iterable[Scrape]) -> Iterator[tuple[str, float]]:
    """The lines of `/metrics`, as if it was scraped a little after each reading."""
    for one in scrapes:
        shown = [m.COLLECTOR_UP.sample(1), m.COLLECTOR_LAST_SUCCESS.sample(one.started_at)]
        samples = [*one.reading.samples, *shown]
        for rows in render_lines(one.target, one.system, samples, one.reading.histograms).values():
            for line in rows.splitlines():
                yield line, one.started_at + LATER
