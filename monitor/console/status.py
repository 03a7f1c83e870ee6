"""The overview for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitor.console.data import load_overview
from monitor.derive import QUALITY, duration


def print_overview(out: Console, path: Path, now: float) -> None:
    overview = load_overview(path, now)
    out.print(f"[bold]{escape(overview.sentence)}[/]")
    for alert in overview.alerts:
        out.print(
            f"  {alert.state}: {escape(alert.rule)} {escape(alert.annotations.get('summary', ''))}", soft_wrap=True
        )
    table = Table("group", "destination", "messages", "behind")
    for one in overview.consumers:
        behind = "–" if one.age_seconds is None else f"{QUALITY.get(one.quality or 0, '')}{duration(one.age_seconds)}"
        table.add_row(escape(one.group), escape(one.destination), f"{one.backlog:.0f}", behind)
    out.print(table)
    for dead in overview.dead_letters:
        out.print(f"  dead letters in {escape(dead.destination)}: {dead.depth:.0f}", soft_wrap=True)


def overview_as_dict(path: Path, now: float) -> dict[str, Any]:
    return asdict(load_overview(path, now))
