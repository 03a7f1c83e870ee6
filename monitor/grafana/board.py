"""A dashboard as a whole: its variables, annotations and links around its panels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collectors import metrics as m
from collectors.base import Metric
from monitor.grafana.panels import DATASOURCE, Panel, placed
from monitor.grafana.queries import PREFIX

TAG = "eda-monitor"
CONSOLE = "http://127.0.0.1:8501"


@dataclass(frozen=True, slots=True)
class Variable:
    """A label to narrow the panels down by; its values are those that `metrics` have, of what is chosen before it."""

    name: str
    label: str
    metrics: str
    within: tuple[str, ...] = ()

    def render(self) -> dict[str, Any]:
        chosen = "".join(f', {name}=~"${name}"' for name in self.within)
        query = f'label_values({{__name__=~"{self.metrics}"{chosen}}}, {self.name})'
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"query": query, "refId": self.name},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        }


def _any(*metrics: Any) -> str:
    return PREFIX + "(" + "|".join(metric.name for metric in metrics) + ")"


_UP = PREFIX + m.COLLECTOR_UP.name
#: In the order in which they narrow each other down.
VARIABLES = (
    Variable("system", "System", _UP),
    Variable("target", "Target", _UP, ("system",)),
    Variable(
        "destination",
        "Destination",
        _any(m.BACKLOG_MESSAGES, m.DEAD_LETTERS, m.MESSAGES_IN_TOTAL, m.HANDLER_EVENTS_TOTAL),
        ("target",),
    ),
    Variable("group", "Group", _any(m.BACKLOG_MESSAGES, m.HANDLER_EVENTS_TOTAL), ("destination",)),
)


def variables_with_groups_of(metric: Metric) -> tuple[Variable, ...]:
    """Where groups have no backlog, they are those that this metric tells of."""
    group = Variable("group", "Group", PREFIX + metric.name, ("destination",))
    return (*(one for one in VARIABLES if one.name != "group"), group)


#: Of a store of dead letters, where they come from.
SOURCE = Variable("source", "Source", _any(m.DEAD_LETTERS, m.DEAD_LETTERED_MESSAGES_TOTAL), ("target",))
#: What a handler runs in.
SERVICE = Variable("service", "Service", _any(m.HANDLER_EVENTS_TOTAL, m.MESSAGES_PUBLISHED_TOTAL), ("destination",))


@dataclass(frozen=True, slots=True)
class Board:
    """`page` is the console's page about the same."""

    uid: str
    title: str
    description: str
    page: str
    rows: Sequence[Sequence[Panel]]
    variables: tuple[Variable, ...] = VARIABLES

    def render(self) -> dict[str, Any]:
        """Classic dashboard JSON, schema version 41."""
        return {
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": 41,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "annotations": {"list": list(_ANNOTATIONS)},
            "links": [*_LINKS, _console(self.page)],
            "templating": {"list": [_DATASOURCE, *(one.render() for one in self.variables), _CONSOLE]},
            "panels": placed(self.rows),
        }


_DATASOURCE = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1}
#: Where the console is served: Grafana does not know it.
_CONSOLE = {
    "name": "console",
    "label": "Console",
    "type": "textbox",
    "query": CONSOLE,
    "current": {"text": CONSOLE, "value": CONSOLE},
    "hide": 2,
}
_LINKS = (
    {
        "title": "Event-driven systems",
        "type": "dashboards",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
    },
)


def _console(page: str) -> dict[str, Any]:
    """The console's page at the end of the time that is shown."""
    url = f"${{console}}{page}?at=${{__to:date:iso}}"
    return {"title": "Console", "type": "link", "icon": "external link", "url": url, "targetBlank": True}


def _annotation(name: str, color: str, expr: str, title: str, tags: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": color,
        "expr": expr,
        "step": "60s",
        "titleFormat": title,
        "tagKeys": tags,
    }


_SENT_BACK = f'{PREFIX}{m.REDRIVEN_MESSAGES_TOTAL.name}{{target=~"$target"}}'
_ANNOTATIONS = (
    _annotation(
        "Alerts",
        "red",
        'ALERTS{alertstate="firing", severity=~"critical|warning", target=~"$target"}',
        "{{alertname}}",
        "target,destination,group",
    ),
    _annotation(
        "Redrives",
        "blue",
        f"sum by (destination, outcome) (increase({_SENT_BACK}[1m])) > 0",
        "Dead letters {{outcome}}",
        "destination",
    ),
)
