"""Whether every panel of an imported dashboard shows data: each asks its own data source, through Grafana."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.grafana.remote.frames import error_of, newest_of, rows_of
from monitor.grafana.remote.server import Datasource, GrafanaError, Server
from monitor.grafana.remote.variables import filled, values_of

#: Of a panel on a page: the points it asks for, and the least distance between them.
_POINTS, _INTERVAL_MS = 600, 15_000


@dataclass(frozen=True, slots=True)
class Proof:
    """What one panel showed: rows, the time of the newest in epoch seconds, or why there is nothing."""

    dashboard: str
    panel: str
    id: int
    rows: int = 0
    newest: float | None = None
    error: str = ""
    datasource: str = ""

    @property
    def shows_data(self) -> bool:
        return self.rows > 0 and not self.error


def asking(board: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The panels that ask for data, those in closed rows too."""
    return [
        panel for outer in board.get("panels", []) for panel in (outer, *(outer.get("panels") or [])) if _asked(panel)
    ]


def own_datasource(board: Mapping[str, Any], known: Sequence[Datasource], default: Datasource) -> Datasource:
    """The data source with which the dashboard opens, of those that Grafana knows; the default where it says none."""
    for one in board.get("templating", {}).get("list", []):
        if one.get("type") == "datasource":
            chosen = (one.get("current") or {}).get("value")
            return next((source for source in known if chosen in (source.uid, source.name)), default)
    return default


def proofs(server: Server, board: Mapping[str, Any], datasource: Datasource) -> Iterator[Proof]:
    """One proof for each panel that asks, in their order. Raises GrafanaError when Grafana cannot be asked at all."""

    def values(label: str, match: str) -> list[str]:
        return server.label_values(datasource.uid, label, match)

    variables = values_of(board, values)
    span = board.get("time") or {}
    for panel in asking(board):
        body = {
            "queries": [_query(panel, target, variables, datasource) for target in _asked(panel)],
            "from": str(span.get("from") or "now-6h"),
            "to": str(span.get("to") or "now"),
        }
        named = (str(board.get("uid", "")), str(panel.get("title", "")), int(panel.get("id") or 0))
        try:
            answer = server.query(body)
        except GrafanaError as error:
            if error.status == 0:  # nobody answers: the next panel would fare no better
                raise
            yield Proof(*named, error=str(error), datasource=datasource.name)
            continue
        yield Proof(*named, rows_of(answer), newest_of(answer), error_of(answer), datasource.name)


def _asked(panel: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [target for target in panel.get("targets") or [] if target.get("expr") and not target.get("hide")]


def _query(
    panel: Mapping[str, Any], target: Mapping[str, Any], variables: Mapping[str, str], datasource: Datasource
) -> dict[str, Any]:
    source = target.get("datasource") or panel.get("datasource") or {}
    uid = str(source.get("uid") or "") if isinstance(source, Mapping) else str(source)
    is_variable = not uid or uid.startswith(("$", "[["))
    return {
        **target,
        "datasource": {"type": "prometheus", "uid": datasource.uid if is_variable else uid},
        "expr": filled(str(target["expr"]), variables),
        "range": not target.get("instant"),
        "instant": bool(target.get("instant")),
        "intervalMs": _INTERVAL_MS,
        "maxDataPoints": _POINTS,
    }
