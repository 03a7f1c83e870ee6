"""Grafana dashboards, generated from the vocabulary and the rules: `dashboards/grafana/*.json` holds what this renders.

A dashboard is one file in `boards`; `panels` are what it is made of, `queries` what they ask, `limits` when they turn
red, `board` how all becomes classic (v1) dashboard JSON. That form is taken by file provisioning, the HTTP API and the
import dialog alike; the newer resource forms are refused by file provisioning.
"""

from monitor.grafana.render import FOLDER, dashboards, render, write_all

__all__ = ["FOLDER", "dashboards", "render", "write_all"]
