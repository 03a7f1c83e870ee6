"""What the commands share: options that mean the same everywhere, and how a command ends that cannot do its work."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from monitor import config as configuration

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
