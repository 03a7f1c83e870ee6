"""The console: Streamlit pages over the store, which they read and never write."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from monitor.console_source import SourceSettings

STORE_VARIABLE = "EDA_MONITOR_STORE"
SOURCE_VARIABLE = "EDA_MONITOR_SOURCE"
#: Where people reach Grafana; empty where that is not known.
GRAFANA_VARIABLE = "EDA_MONITOR_GRAFANA"


def command(
    store: Path, listen: str, source: SourceSettings | None = None, grafana: str = ""
) -> tuple[list[str], dict[str, str]]:
    """The command that serves the console over a store, or over an API instead, and its environment. Its pages link to
    that Grafana.
    """
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
    told = {STORE_VARIABLE: str(store), SOURCE_VARIABLE: source.told() if source else "", GRAFANA_VARIABLE: grafana}
    environment = {**os.environ, **told}
    return [sys.executable, "-m", "streamlit", "run", str(app), *flags], environment
