"""`eda-monitor export-kubernetes`: scraping, rules and dashboards as manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.alerts.rules import default_rules
from monitor.cli.options import ConfigOption, config_or_none
from monitor.grafana import dashboards
from monitor.kubernetes import to_dashboards_yaml, to_monitoring_yaml
from monitor.service import rules_of_config


def export_kubernetes(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for monitoring.yaml and dashboards.yaml.")],
    config: ConfigOption = None,
) -> None:
    """Write a ServiceMonitor, the rules as they are configured, and the dashboards, as Kubernetes manifests."""
    loaded = config_or_none(config)
    rules = default_rules() if loaded is None else rules_of_config(loaded)
    links = ("", "") if loaded is None else (loaded.console.url, loaded.alerting.grafana_url)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "monitoring.yaml": to_monitoring_yaml(rules, *links),
        "dashboards.yaml": to_dashboards_yaml(dashboards()),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"Wrote {folder / name}")
