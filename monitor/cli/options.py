"""What the commands share: options that mean the same everywhere, and how a command ends that cannot do its work."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from monitor import config as configuration
from monitor.alerts.rules import Rule, default_rules
from monitor.service import rules_of_config

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file; else $EDA_MONITOR_CONFIG, else eda-monitor.toml."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fail(*lines: str, code: int = 2) -> NoReturn:
    """Say on stderr what is wrong, and end with this code."""
    for line in lines:
        print(f"eda-monitor: {line}", file=sys.stderr)
    raise SystemExit(code)


def config_or_none(path: Path | None) -> configuration.Config | None:
    """The configuration where there is one, for commands that do without; one that is named must be there."""
    default = Path(os.environ.get("EDA_MONITOR_CONFIG", configuration.DEFAULT_FILE))
    return configuration.load(path) if path is not None or default.exists() else None


def rules_and_links(config: configuration.Config | None) -> tuple[list[Rule], tuple[str, str]]:
    """What exports tell: the rules as configured, and where people reach console and Grafana, "" where unknown."""
    if config is None:
        return default_rules(), ("", "")
    return rules_of_config(config), (config.console.url, config.alerting.grafana_url)


def write_files(texts: Mapping[Path, str]) -> None:
    """Write these files, and say so; a file that cannot be written ends the command."""
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            fail(f"{path}: it cannot be written: {error.strerror}; expected a file in a folder that may be written")
        print(f"Wrote {path}")
