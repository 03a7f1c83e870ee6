"""The overview for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitor.console.data import load_consumers
from monitor.console.handling import failed_text, p95_text
from monitor.console.overview import load_overview
from monitor.console.source import Source
from monitor.derive import QUALITY, duration


def print_overview(out: Console, source: Source, now: float) -> None:
    overview, consumers = load_overview(source, now), load_consumers(source, now)
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


def overview_as_dict(source: Source, now: float) -> dict[str, Any]:
    """As it is written in JSON, where what is unknown is null."""
    consumers = [asdict(one) for one in load_consumers(source, now)]
    found: dict[str, Any] = _known({**asdict(load_overview(source, now)), "consumers": consumers})
    return found


def _known(value: Any) -> Any:
    """The same with None in place of what is not a number."""
    if isinstance(value, dict):
        return {key: _known(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_known(one) for one in value]
    return None if value != value else value
