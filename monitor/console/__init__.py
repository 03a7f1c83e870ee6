"""The console: Streamlit pages over the store. They read it; only who has signed in writes, at the desk."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from monitor.config import ConsoleSettings

STORE_VARIABLE = "EDA_MONITOR_STORE"
SOURCE_VARIABLE = "EDA_MONITOR_SOURCE"
#: Where people reach Grafana; empty where that is not known.
GRAFANA_VARIABLE = "EDA_MONITOR_GRAFANA"


def command(store: Path, console: ConsoleSettings, grafana: str = "") -> tuple[list[str], dict[str, str]]:
    """The command that serves the console, and its environment, which holds secrets. Its pages link to that Grafana."""
    from monitor.console.setting import VARIABLE, told

    host, _, port = console.listen.rpartition(":")
    options = {
        "server.headless": "true",
        "server.address": host.strip("[]"),
        "server.port": port,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        # where it is not told, Streamlit asks a stranger for its address
        "browser.serverAddress": urlsplit(console.url).hostname or "localhost",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "runner.magicEnabled": "false",
    }
    entry = Path(__file__).with_name("server.py")
    flags = [f"--{name}={value}" for name, value in options.items()]
    environment = {
        **os.environ,
        STORE_VARIABLE: str(store),
        SOURCE_VARIABLE: console.source.told() if console.source else "",
        GRAFANA_VARIABLE: grafana,
        VARIABLE: told(console.listen, console.url, console.auth),
        # a peer is who connects, and not who it says that it speaks for
        "FORWARDED_ALLOW_IPS": "",
    }
    return [sys.executable, "-m", "streamlit", "run", str(entry), *flags], environment
