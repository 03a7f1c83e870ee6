"""Scrapes of a while ago, put into a store, a Prometheus and a VictoriaMetrics alike."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import httpx

from collectors import metrics as m
from collectors.base import Scrape
from monitor.exporter import render_lines
from monitor.store import Store

#: Seconds from a reading until it is scraped.
LATER = 0.4
#: Lines that are sent at once.
BATCH = 200_000


def into_store(path: Path, scrapes: Iterable[Scrape]) -> None:
    with closing(Store(path)) as store:
        for one in scrapes:
            store.record(one)
        while store.maintain(one.started_at):
            pass


def into_blocks(folder: Path, scrapes: Iterable[Scrape]) -> Path:
    """A folder of data for a Prometheus."""
    text = folder / "openmetrics.txt"
    with text.open("w") as file:
        for line, at in _lines(scrapes):
            file.write(f"{line} {at:.3f}\n")
        file.write("# EOF\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")],
        check=True,
        capture_output=True,
    )
    text.unlink()
    return folder / "data"


def into_victoriametrics(url: str, scrapes: Iterable[Scrape]) -> None:
    batch: list[str] = []
    for line, at in _lines(scrapes):
        batch.append(f"{line} {at * 1000:.0f}")
        if len(batch) == BATCH:
            _send(url, batch)
            batch = []
    _send(url, batch)
    httpx.get(f"{url}/internal/force_flush", timeout=60).raise_for_status()


def _send(url: str, batch: list[str]) -> None:
    httpx.post(f"{url}/api/v1/import/prometheus", content="\n".join(batch), timeout=60).raise_for_status()


def _lines(scrapes: Iterable[Scrape]) -> Iterator[tuple[str, float]]:
    """The lines of `/metrics`, as if it was scraped a little after each reading."""
    for one in scrapes:
        shown = [m.COLLECTOR_UP.sample(1), m.COLLECTOR_LAST_SUCCESS.sample(one.started_at)]
        samples = [*one.reading.samples, *shown]
        for rows in render_lines(one.target, one.system, samples, one.reading.histograms).values():
            for line in rows.splitlines():
                yield line, one.started_at + LATER
