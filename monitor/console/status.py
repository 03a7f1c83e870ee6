"""The overview for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitor.console.data import load_overview
from monitor.console.handling import failed_text, p95_text
from monitor.console.source import Source
from monitor.derive import QUALITY, duration


def print_overview(out: Console, source: Source, now: float) -> None:
    overview = load_overview(source, now)
    out.print(f"[bold]{escape(overview.sentence)}[/]")
    for alert in overview.alerts:
        out.print(
            f"  {alert.state}: {escape(alert.rule)} {escape(alert.annotations.get('summary', ''))}", soft_wrap=True
        )
    table = Table("group", "destination", "messages", "behind", "handler p95", "failed")
    for one in overview.consumers:
        behind = "–" if one.age_seconds is None else f"{QUALITY.get(one.quality or 0, '')}{duration(one.age_seconds)}"
        backlog = "–" if one.backlog is None else f"{one.backlog:.0f}"
        handled = p95_text(one.handling), failed_text(one.handling)
        table.add_row(escape(one.group), escape(one.destination), backlog, behind, *handled)
    out.print(table)
    for dead in overview.dead_letters:
        out.print(f"  dead letters in {escape(dead.destination)}: {dead.depth:.0f}", soft_wrap=True)


def overview_as_dict(source: Source, now: float) -> dict[str, Any]:
    """As it is written in JSON, where what is unknown is null."""
    overview = asdict(load_overview(source, now))
    for alert in overview["alerts"]:
        alert["value"] = alert["value"] if alert["value"] == alert["value"] else None
    return overview
