"""Grafana dashboards, generated from the vocabulary: `dashboards/grafana/*.json` holds what this renders.

Classic (v1) dashboard JSON with a data source variable, which file provisioning, the HTTP API and the
import dialog all take; the newer resource forms are refused by file provisioning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
FOLDER = Path(__file__).parent.parent / "dashboards" / "grafana"
COLUMNS = 24
BY_TARGET = 'target=~"$target"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it asks, in which unit, and what a bad value means. `red` is the value that is bad."""

    title: str
    description: str
    expr: str
    unit: str
    kind: str = "timeseries"
    legend: str = ""
    width: int = 12
    height: int = 8
    red: float | None = None


NOW = (
    Panel(
        "Dead letters, last 15 minutes",
        "Events given up by their handlers. Any value above 0 is an event nobody handled: read the dead letter, "
        "mend the handler, then redrive.",
        f"sum(increase(eda_dead_lettered_messages_total{{{BY_TARGET}}}[15m]))",
        "short", "stat", width=6, height=5, red=1,
    ),
    Panel(
        "Dead letters waiting",
        "Events that lie in dead-letter destinations now. They are deleted when their retention ends.",
        f"sum(eda_dead_letters{{{BY_TARGET}}})",
        "short", "stat", width=6, height=5, red=1,
    ),
    Panel(
        "Furthest behind",
        "Age of the oldest unhandled event of the worst group. Over 5 minutes: look at the groups below.",
        f"max(eda_backlog_age_seconds{{{BY_TARGET}}})",
        "s", "stat", width=6, height=5, red=300,
    ),
    Panel(
        "Targets not readable",
        "Targets whose last collect failed: their figures are unknown, not zero. Run `eda-monitor check`.",
        f"count(eda_collector_up{{{BY_TARGET}}} == 0) or vector(0)",
        "short", "stat", width=6, height=5, red=1,
    ),
    Panel(
        "Backlog in seconds",
        "How long the oldest unhandled event of each group has waited. A line that rises with the clock is a "
        "group that has stopped.",
        f"eda_backlog_age_seconds{{{BY_TARGET}}}",
        "s", legend="{{group}} on {{destination}}", red=300,
    ),
    Panel(
        "Backlog in messages",
        "Unhandled events of each group. A steady rise means that the group is slower than its producers.",
        f"eda_backlog_messages{{{BY_TARGET}}}",
        "short", legend="{{group}} on {{destination}}",
    ),
    Panel(
        "Events in",
        "Events written to each destination. Silence where there was always traffic means a producer has stopped.",
        f"sum by (destination) (rate(eda_messages_in_total{{{BY_TARGET}}}[$__rate_interval]))",
        "ops", legend="{{destination}}",
    ),
    Panel(
        "Events handled",
        "Events committed by each group. Compare with events in: below it, the backlog grows.",
        f"sum by (destination, group) (rate(eda_messages_out_total{{{BY_TARGET}}}[$__rate_interval]))",
        "ops", legend="{{group}} on {{destination}}",
    ),
    Panel(
        "Dead letters waiting by destination",
        "Depth of each dead-letter destination, with or without a consumer.",
        f"eda_dead_letters{{{BY_TARGET}}}",
        "short", legend="{{destination}}", red=1,
    ),
    Panel(
        "Oldest dead letter",
        "Age of the oldest dead letter of each destination. Near its retention it is about to be lost.",
        f"eda_dead_letter_age_seconds{{{BY_TARGET}}}",
        "s", legend="{{destination}}",
    ),
    Panel(
        "Handlers, events by outcome",
        "Events handled, by outcome. Failures and retries that rise mean the handlers or what they call are ill.",
        f"sum by (handler, outcome) (rate(eda_handler_events_total{{{BY_TARGET}}}[$__rate_interval]))",
        "ops", legend="{{handler}} {{outcome}}", width=8,
    ),
    Panel(
        "Handlers, 95th percentile",
        "The time that 19 of 20 calls of a handler do not exceed, drawn by straight lines between powers of two. "
        "A handler that got slow is why its group falls behind.",
        "histogram_quantile(0.95, sum by (le, handler, destination, group) "
        f"(rate(eda_handler_duration_seconds_bucket{{{BY_TARGET}}}[$__rate_interval])))",
        "s", legend="{{handler}} on {{destination}}", width=8,
    ),
    Panel(
        "Handlers, share of failures",
        "The part of its events that a handler failed or dead-lettered. Above 0 look for the reason in "
        "eda_handler_failures_total.",
        "sum by (handler, destination, group) "
        f'(rate(eda_handler_events_total{{{BY_TARGET}, outcome=~"failed|dead_lettered"}}[$__rate_interval]))'
        " / sum by (handler, destination, group) "
        f"(rate(eda_handler_events_total{{{BY_TARGET}}}[$__rate_interval]))",
        "percentunit", legend="{{handler}} on {{destination}}", width=8, red=0.05,
    ),
    Panel(
        "Duration of a cycle",
        "Time the monitor needs to read each target. Near the interval of the target, cycles are skipped.",
        f'eda_collector_duration_seconds{{{BY_TARGET}, phase="collect"}}',
        "s", legend="{{target}}",
    ),
    Panel(
        "Failures of the monitor",
        "Failed collects, and parts of collects that failed while the rest was right. The agent's log names them.",
        f"sum by (target, kind) (increase(eda_collector_errors_total{{{BY_TARGET}}}[$__rate_interval]))",
        "short", legend="{{target}} {{kind}}", red=1,
    ),
)  # fmt: skip


def dashboard_now() -> dict[str, Any]:
    """The overview: what is broken now, over all targets."""
    return {
        "id": None,
        "uid": "eda-now",
        "title": "Event-driven systems: now",
        "description": "What is behind, what is dead-lettered, and whether the monitor itself can see.",
        "tags": ["eda-monitor"],
        "schemaVersion": 41,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_datasource_variable(), _target_variable()]},
        "panels": _placed(NOW),
    }


def render(dashboard: dict[str, Any]) -> str:
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


def _datasource_variable() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1}


def _target_variable() -> dict[str, Any]:
    return {
        "name": "target",
        "label": "Target",
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": "label_values(eda_collector_up, target)", "refId": "target"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
    }


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    """Panels from left to right in full rows; the order is the order of reading."""
    x = y = 0
    placed = []
    for number, panel in enumerate(panels, start=1):
        placed.append(_panel(number, panel, x, y))
        x += panel.width
        if x >= COLUMNS:
            x, y = 0, y + panel.height
    return placed


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green" if panel.red is not None else "blue", "value": None}]
    if panel.red is not None:
        steps.append({"color": "red", "value": panel.red})
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries" and panel.red is not None:
        defaults["custom"] = {"thresholdsStyle": {"mode": "dashed"}}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "targets": [
            {"refId": "A", "datasource": DATASOURCE, "expr": panel.expr, "legendFormat": panel.legend or "__auto"}
        ],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"colorMode": "background", "graphMode": "area"} if panel.kind == "stat" else {},
    }


def write_all(folder: Path = FOLDER) -> None:
    """Write every dashboard as `<uid>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    board = dashboard_now()
    (folder / f"{board['uid']}.json").write_text(render(board), encoding="utf-8")
