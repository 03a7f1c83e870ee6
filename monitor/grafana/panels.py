"""Panels: what a person sees of a query, and what a bad value means; rendered as Grafana's JSON. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from monitor.alerts.links import VARIABLES
from monitor.grafana.limits import Limit
from monitor.grafana.queries import FILTERS, Query

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
Kind = Literal["stat", "timeseries", "table", "heatmap", "state-timeline"]
#: Columns of 24 and rows of 30 pixels.
SIZES: dict[Kind, tuple[int, int]] = {
    "stat": (4, 4),
    "timeseries": (12, 8),
    "table": (24, 9),
    "heatmap": (12, 9),
    "state-timeline": (12, 8),
}


@dataclass(frozen=True, slots=True)
class Panel:
    """`description` says what a bad value means and what to do. `states` are the words for values; `opens` is the
    dashboard of the thing that is clicked. In a table `columns` name the values of the queries, with their units.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Kind = "timeseries"
    limit: Limit | None = None
    states: tuple[tuple[float, str, str], ...] = ()
    opens: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    width: int = 0
    height: int = 0

    @property
    def size(self) -> tuple[int, int]:
        width, height = SIZES[self.kind]
        return self.width or width, self.height or height

    @property
    def _labels(self) -> tuple[str, ...]:
        """Those that all its series have."""
        first, *others = (one.labels for one in self.queries)
        return tuple(name for name in first if all(name in other for other in others))

    def render(self, number: int, x: int, y: int) -> dict[str, Any]:
        """The panel at a place of the grid."""
        width, height = self.size
        panel: dict[str, Any] = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": width, "h": height},
            "targets": [_target(chr(ord("A") + at), query) for at, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": _OPTIONS[self.kind],
        }
        if self.kind == "table":
            panel["transformations"] = [{"id": "merge", "options": {}}, self._organized()]
        return panel

    def _defaults(self) -> dict[str, Any]:
        steps = [{"color": "blue", "value": None}] if self.limit is None else self.limit.steps
        defaults: dict[str, Any] = {"unit": self.unit, "thresholds": {"mode": "absolute", "steps": steps}}
        if self.kind == "timeseries":
            defaults["custom"] = {
                "fillOpacity": 8,
                "lineWidth": 1,
                "showPoints": "never",
                "spanNulls": False,
                "axisSoftMin": 0,
            }
            if self.limit is not None:
                defaults["custom"]["thresholdsStyle"] = {"mode": "dashed"}
        if self.kind == "stat":
            defaults["noValue"] = "unknown"
        if self.states:
            options = {f"{value:g}": {"text": text, "color": color} for value, text, color in self.states}
            defaults["mappings"] = [{"type": "value", "options": options}]
        if self.opens and self.kind != "table":
            defaults["links"] = [_link(self.opens, self._labels, "__field.labels")]
        return defaults

    def _overrides(self) -> list[dict[str, Any]]:
        found = []
        for at, (name, unit) in enumerate(self.columns):
            properties: list[dict[str, Any]] = [{"id": "unit", "value": unit}]
            if at == 0 and self.limit is not None:
                properties.append({"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}})
            found.append({"matcher": {"id": "byName", "options": name}, "properties": properties})
        if self.kind == "table" and self.opens:
            opened = _link(self.opens, self._labels, "__data.fields")
            named = {"id": "byRegexp", "options": "destination|source|group"}
            found.append({"matcher": named, "properties": [{"id": "links", "value": [opened]}]})
        return found

    def _organized(self) -> dict[str, Any]:
        """Without the time, and with the values called by their names."""
        values = ["Value"] if len(self.queries) == 1 else [f"Value #{chr(ord('A') + at)}" for at in range(26)]
        names = {value: name for value, (name, _) in zip(values, self.columns, strict=False)}
        return {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": names}}


def _target(ref: str, query: Query) -> dict[str, Any]:
    target: dict[str, Any] = {
        "refId": ref,
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
    }
    if query.form in ("instant", "table"):
        target |= {"instant": True, "range": False}
    if query.form in ("table", "heatmap"):
        target["format"] = query.form
    return target


def _link(uid: str, labels: Collection[str], of: str) -> dict[str, Any]:
    """Opens the dashboard of what was clicked, which has its labels in `of`, at the same time; what is chosen stays."""
    told = [
        f"var-{name}=${{{of}.{name}:percentencode}}" if name in labels else f"${{{name}:queryparam}}"
        for name in (*FILTERS, *(name for name in VARIABLES[uid] if name in labels and name not in FILTERS))
        if name in labels or name in FILTERS
    ]
    return {"title": "Open", "url": f"/d/{uid}?{'&'.join(told)}&${{datasource:queryparam}}&${{__url_time_range}}"}


_OPTIONS: dict[Kind, dict[str, Any]] = {
    "stat": {"colorMode": "background", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"]}},
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
    "heatmap": {
        "calculate": False,
        "yAxis": {"unit": "s"},
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
        "cellGap": 1,
        "legend": {"show": True},
        "tooltip": {"mode": "single"},
    },
    "state-timeline": {
        "mergeValues": True,
        "showValue": "auto",
        "legend": {"displayMode": "list", "placement": "bottom"},
    },
}


def placed(rows: Sequence[Sequence[Panel]]) -> list[dict[str, Any]]:
    """Row under row, the panels of each from left to right; the order is the order of reading."""
    found: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        x = 0
        for panel in row:
            found.append(panel.render(len(found) + 1, x, y))
            x += panel.size[0]
        y += max(panel.size[1] for panel in row)
    return found
