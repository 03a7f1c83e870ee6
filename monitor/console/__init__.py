"""The console: Streamlit pages over the store, which they read and never write."""

from __future__ import annotations

import os
import sys
from pathlib import Path

STORE_VARIABLE = "EDA_MONITOR_STORE"
#: Where people reach Grafana; empty where that is not known.
GRAFANA_VARIABLE = "EDA_MONITOR_GRAFANA"


def command(store: Path, listen: str, grafana: str = "") -> tuple[list[str], dict[str, str]]:
    """The command that serves the console over a store, and its environment. Its pages link to that Grafana."""
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
    environment = {**os.environ, STORE_VARIABLE: str(store), GRAFANA_VARIABLE: grafana}
    return [sys.executable, "-m", "streamlit", "run", str(app), *flags], environment
