"""Manifests made of the rules and the dashboards, for the operator of Prometheus and the sidecar of Grafana. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import indent
from typing import Any

from monitor.alerts.exports import FOLDER_TITLE
from monitor.alerts.promql import to_prometheus_yaml
from monitor.alerts.rules import Rule
from monitor.grafana import render

#: What the Service of docs/deploy/kubernetes/eda-monitor.yaml is labelled with.
NAME = "eda-monitor"

_MONITOR = f"""\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {NAME}
  labels: {{app.kubernetes.io/name: {NAME}}}
spec:
  selector:
    matchLabels: {{app.kubernetes.io/name: {NAME}}}
  endpoints:
    - port: metrics
      interval: 15s
      honorLabels: true
"""
_RULES = f"""\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {NAME}
  labels: {{app.kubernetes.io/name: {NAME}}}
spec:
"""
_DASHBOARD = f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {NAME}-{{uid}}
  labels: {{{{app.kubernetes.io/name: {NAME}, grafana_dashboard: "1"}}}}
  annotations: {{{{grafana_folder: "{FOLDER_TITLE}"}}}}
data:
  {{uid}}.json: |
"""


def to_monitoring_yaml(rules: Sequence[Rule], console_url: str = "", grafana_url: str = "") -> str:
    """A ServiceMonitor that finds the agent, and the rules as a PrometheusRule (prometheus-operator's v1)."""
    told = indent(to_prometheus_yaml(rules, console_url, grafana_url), "  ")
    return f"{_MONITOR}---\n{_RULES}{told}"


def to_dashboards_yaml(dashboards: Sequence[Mapping[str, Any]]) -> str:
    """A ConfigMap each, with the label that the sidecar of Grafana's chart looks for unless it is told another."""
    return "---\n".join(_DASHBOARD.format(uid=one["uid"]) + indent(render(dict(one)), "    ") for one in dashboards)
