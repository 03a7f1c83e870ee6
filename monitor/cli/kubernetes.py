"""`eda-monitor export-kubernetes`: scraping, rules and dashboards as manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.options import ConfigOption, config_or_none, rules_and_links, write_files
from monitor.grafana import dashboards
from monitor.kubernetes import to_dashboards_yaml, to_monitoring_yaml


def export_kubernetes(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for monitoring.yaml and dashboards.yaml.")],
    config: ConfigOption = None,
) -> None:
    """Write a ServiceMonitor, the rules as they are configured, and the dashboards, as Kubernetes manifests."""
    rules, links = rules_and_links(config_or_none(config))
    write_files(
        {
            folder / "monitoring.yaml": to_monitoring_yaml(rules, *links),
            folder / "dashboards.yaml": to_dashboards_yaml(dashboards()),
        }
    )
