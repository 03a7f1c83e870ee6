"""`eda-monitor alerts backtest`: what rules would have told of the stored history."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from collectors.base import parse_duration
from monitor import config as configuration
from monitor.alerts.backtest import Episode, backtest
from monitor.alerts.rules import Rule, RuleError, parse_rules
from monitor.cli.options import ConfigOption, JsonOption
from monitor.service import rules_of_config
from monitor.store.reader import Reader


def backtest_rules(
    since: Annotated[str, typer.Option(help="How far back, such as 12h or 7d.")] = "7d",
    rules: Annotated[Path | None, typer.Option(help="A file of rules to look at instead of those configured.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what the rules would have told of the stored history: when, how long, how many messages."""
    loaded, now = configuration.load(config), time.time()
    judged = rules_of_config(loaded) if rules is None else _rules_of_file(rules)
    try:
        start = now - parse_duration(since)
    except ValueError as error:
        raise RuleError(f"--since: {error}") from None
    reader = Reader(loaded.store.path)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Looking back", total=1.0)
        episodes = backtest(reader, judged, start, now, lambda share: progress.update(task, completed=share))
    reader.close()
    told = [one for one in episodes if one.labels["severity"] != "none"]
    if as_json:
        print(json.dumps([{**one._asdict(), "messages": one.messages} for one in told], indent=2))
    else:
        _print(told, now, since)


def _rules_of_file(path: Path) -> list[Rule]:
    try:
        return parse_rules(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: cannot be read: {error}") from None


def _print(episodes: Sequence[Episode], now: float, since: str) -> None:
    out = Console(width=None if sys.stdout.isatty() else 160)
    if not episodes:
        out.print(f"Nothing would have fired within {since}.")
        return
    table = Table("fired at (UTC)", "for", "rule", "of", "value", box=None)
    for one in episodes:
        names = {k: v for k, v in one.labels.items() if k not in ("alertname", "severity", "system") and v}
        lasted = f"{((one.ended_at or now) - one.fired_at) / 60:.0f} min" + ("" if one.ended_at else ", still")
        fired = datetime.fromtimestamp(one.fired_at, UTC).strftime("%Y-%m-%d %H:%M")
        table.add_row(fired, lasted, one.rule, ", ".join(names.values()), f"{one.value:.3g}")
    out.print(table)
    counts: dict[str, int] = defaultdict(int)
    for one in episodes:
        counts[one.rule] += one.messages
    out.print(f"{sum(counts.values())} messages: " + ", ".join(f"{rule} {n}" for rule, n in sorted(counts.items())))
