"""Scrapes printed: for people as a table, for scripts as JSON, or as `/metrics` would tell them."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, datetime
from enum import StrEnum
from itertools import accumulate
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from collectors.base import Histogram, Metric, Reading, Scrape
from monitor.derive import percentile_text
from monitor.exporter import render_lines, render_page
from monitor.percentiles import percentile


class Format(StrEnum):
    table = "table"
    json = "json"
    prometheus = "prometheus"


def print_scrapes(scrapes: list[Scrape], form: Format, out: Console) -> None:
    """Print to standard output; `out` is where a table goes."""
    if form is Format.json:
        print(json.dumps({"scrapes": [_as_dict(one) for one in scrapes]}, ensure_ascii=False))
    elif form is Format.prometheus:
        pages = [render_lines(s.target, s.system, s.reading.samples, s.reading.histograms) for s in scrapes]
        sys.stdout.write(render_page(pages, openmetrics=False).decode())
    else:
        for one in scrapes:
            _print_table(one, out)


def _as_dict(one: Scrape) -> dict[str, Any]:
    errors = [error._asdict() for error in one.reading.errors]
    if one.error is not None:
        errors.insert(0, {"part": "target", "message": one.error})
    return {
        "target": one.target,
        "system": one.system,
        "started_at": one.started_at,
        "duration_seconds": one.duration_seconds,
        "requests": one.reading.requests,
        "samples": [
            *({**_named(s.metric, s.labels), "value": s.value} for s in one.reading.samples),
            *(_histogram_as_dict(h) for h in one.reading.histograms),
        ],
        "skipped": [skipped._asdict() for skipped in one.reading.skipped],
        "errors": errors,
    }


def _named(metric: Metric, labels: tuple[str, ...]) -> dict[str, Any]:
    return {"metric": metric.name, "labels": dict(zip(metric.labels, labels, strict=True))}


def _histogram_as_dict(one: Histogram) -> dict[str, Any]:
    """Its value is how many events it counted; the counts of `buckets` are of all up to the bound, as in `/metrics`."""
    until = list(accumulate(one.counts))
    return {
        **_named(one.metric, one.labels),
        "value": until[-1],
        "sum": one.sum if math.isfinite(one.sum) else None,
        "buckets": [[le, count] for le, count in zip((*one.bounds, "+Inf"), until, strict=True)],
    }


def _print_table(one: Scrape, out: Console) -> None:
    state = f"read in {one.duration_seconds:.2f} s with {one.reading.requests} requests"
    out.print(f"[bold]{escape(one.target)}[/] ({one.system}): {escape(one.error or state)}", soft_wrap=True)
    for labels, rows in _by_labels(one.reading).items():
        out.print(_table(labels, rows))
    for skipped in one.reading.skipped:
        out.print(f"  skipped {escape(skipped.what)}: {escape(skipped.reason)}", soft_wrap=True)
    for error in one.reading.errors:
        out.print(f"  [red]failed[/] {escape(error.part)}: {escape(error.message)}", soft_wrap=True)


def _by_labels(reading: Reading) -> dict[tuple[str, ...], dict[tuple[str, ...], dict[str, str]]]:
    """What is printed as one table: by the names of labels, then by their values, the figure of each metric."""
    tables: dict[tuple[str, ...], dict[tuple[str, ...], dict[str, str]]] = {}
    values = [(one.metric, one.labels, _figure(one.metric, one.value)) for one in reading.samples]
    values += ((one.metric, one.labels, _told(one)) for one in reading.histograms)
    for metric, labels, figure in values:
        tables.setdefault(metric.labels, {}).setdefault(labels, {})[metric.name] = figure
    return tables


def _table(labels: tuple[str, ...], rows: dict[tuple[str, ...], dict[str, str]]) -> Table:
    """A row for what has the same labels; what is not known of it is left empty."""
    metrics = list(dict.fromkeys(name for figures in rows.values() for name in figures))
    table = Table(*labels, box=box.SIMPLE_HEAD, pad_edge=False)
    for name in metrics:
        table.add_column(name.replace("_", "\n"), justify="right", vertical="bottom", overflow="fold")
    for values, figures in rows.items():
        table.add_row(*map(escape, values), *(figures.get(name, "") for name in metrics))
    return table


def _figure(metric: Metric, value: float) -> str:
    if metric.name.endswith("_timestamp_seconds"):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def _told(one: Histogram) -> str:
    """How many events, and what half and what all but one in twenty of them did not exceed."""
    half, most = (percentile(one.bounds, one.counts, q) for q in (0.5, 0.95))
    if half is None or most is None:
        return "0"
    return f"{sum(one.counts)}, p50 {percentile_text(half)}, p95 {percentile_text(most)}"
