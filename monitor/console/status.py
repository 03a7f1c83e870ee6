"""The overview for the terminal."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitor.console.data import Consumer, load_consumers
from monitor.console.handling import failed_text, p95_text
from monitor.console.overview import Overview, load_overview
from monitor.derive import QUALITY, duration
from monitor.reader import Reader


def print_overview(out: Console, path: Path, now: float) -> None:
    overview, consumers = _read(path, now)
    out.print(f"[bold]{escape(overview.sentence)}[/]")
    for alert in overview.alerts:
        out.print(
            f"  {alert.state}: {escape(alert.rule)} {escape(alert.annotations.get('summary', ''))}", soft_wrap=True
        )
    table = Table("group", "destination", "messages", "behind", "handler p95", "failed")
    for one in consumers:
        behind = "–" if one.age_seconds is None else f"{QUALITY.get(one.quality or 0, '')}{duration(one.age_seconds)}"
        backlog = "–" if one.backlog is None else f"{one.backlog:.0f}"
        handled = p95_text(one.handling), failed_text(one.handling)
        table.add_row(escape(one.group), escape(one.destination), backlog, behind, *handled)
    out.print(table)
    for dead in overview.dead_letters:
        out.print(f"  dead letters in {escape(dead.destination)}: {dead.depth:.0f}", soft_wrap=True)


def overview_as_dict(path: Path, now: float) -> dict[str, Any]:
    overview, consumers = _read(path, now)
    return {**asdict(overview), "consumers": [asdict(one) for one in consumers]}


def _read(path: Path, now: float) -> tuple[Overview, list[Consumer]]:
    with closing(Reader(path)) as reader:
        return load_overview(reader, now), load_consumers(reader, now)
