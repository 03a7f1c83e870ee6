"""`eda-monitor alerts …`: what fires, why, and who has been told. Commands of other modules register on `app`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from monitor import config as configuration
from monitor.reader import Reader

app = typer.Typer(help="List, silence and acknowledge alerts.")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file; else $EDA_MONITOR_CONFIG, else eda-monitor.toml."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def alerts(context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the alerts that are pending or firing; see the commands for more."""
    if context.invoked_subcommand is None:
        list_alerts(config, as_json)


@app.command("list")
def list_alerts(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the alerts that are pending or firing."""
    reader = Reader(configuration.load(config).store.path)
    states = [state for state in reader.alerts() if state.state != "resolved"]
    reader.close()
    if as_json:
        rows = [
            {"rule": s.rule, "state": s.state, "labels": s.labels, "value": s.value, "active_at": s.active_at}
            for s in states
        ]
        print(json.dumps(rows, indent=2))
        return
    out = Console(soft_wrap=True)
    for state in states:
        colour = "red" if state.state == "firing" else "yellow"
        summary = escape(state.annotations.get("summary", ""))
        out.print(f"[{colour}]{state.state}[/] [bold]{escape(state.rule)}[/] {summary}")
    if not states:
        print("No alert is pending or firing.")
