"""The console: Streamlit pages over a store or an API, which they read and never write."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from monitor.console_source import SourceSettings

STORE_VARIABLE = "EDA_MONITOR_STORE"
SOURCE_VARIABLE = "EDA_MONITOR_SOURCE"


def command(store: Path, listen: str, source: SourceSettings | None = None) -> tuple[list[str], dict[str, str]]:
    """The command that serves the console over a store, or over an API instead, and its environment."""
    host, _, port = listen.rpartition(":")
    options = {
        "server.headless": "true",
        "server.address": host,
        "server.port": port,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "runner.magicEnabled": "false",
    }
    app = Path(__file__).with_name("app.py")
    flags = [f"--{name}={value}" for name, value in options.items()]
    environment = {**os.environ, STORE_VARIABLE: str(store), SOURCE_VARIABLE: source.told() if source else ""}
    return [sys.executable, "-m", "streamlit", "run", str(app), *flags], environment
