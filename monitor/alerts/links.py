"""The console's page and the dashboard of an alert, at the time that it began. Pure.

The console's paths and parameters are those of docs/console.md. Prometheus knows no time when it fills in a template,
so what it tells opens the same page as it is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

#: Labels by which a page finds its thing, the most telling page first.
PAGES = (
    ("handlers", "service"),
    ("dead-letters", "source"),
    ("consumers", "group"),
    ("destinations", "destination"),
)
NAMING = ("target", "destination", "group", "service", "source")
#: The annotation that names the page where the labels alone would open another one.
PAGE = "page"

#: The dashboard that is opened, and the time that it shows before and after the beginning, in seconds.
DASHBOARD, BEFORE, AFTER = "eda-now", 3600, 900
#: The dashboard about the same as a page of the console; of other pages it is the one above.
BOARDS = {
    "destinations": "eda-destination",
    "consumers": "eda-consumers",
    "handlers": "eda-handlers",
    "dead-letters": "eda-dead-letters",
    "alerts": "eda-alerts",
    "targets": "eda-monitor",
}
#: Labels that the dashboards are narrowed down by.
VARIABLES = ("target", "destination", "group")


def page_of(labels: Mapping[str, str]) -> str:
    """The page that shows what these labels name; what is about no events is about a target."""
    return next((page for page, label in PAGES if labels.get(label)), "targets")


def console_path(labels: Mapping[str, str], annotations: Mapping[str, str], at: float) -> str:
    """The path and parameters of an alert's page for a moment, in epoch seconds."""
    page = annotations.get(PAGE) or page_of(labels)
    parameters = {name: labels[name] for name in NAMING if labels.get(name)}
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"/{page}?{urlencode({**parameters, 'at': moment}, quote_via=quote, safe=':')}"


def console_link(console_url: str, labels: Mapping[str, str], annotations: Mapping[str, str], at: float) -> str:
    """The address of that page; nothing where there is no console."""
    return f"{console_url.rstrip('/')}{console_path(labels, annotations, at)}" if console_url else ""


def without_page(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations for receivers: without the name of the page, which the link has in it."""
    return {name: text for name, text in annotations.items() if name != PAGE}


def dashboard_link(grafana_url: str, labels: Mapping[str, str], at: float) -> str:
    """The dashboard around a moment, in epoch seconds; nothing where no Grafana is known."""
    return _board(grafana_url, DASHBOARD, labels, ("target",), (at - BEFORE, at + AFTER))


def board_link(grafana_url: str, page: str, labels: Mapping[str, str], window: tuple[float, float]) -> str:
    """The dashboard about the same as a page, over a time in epoch seconds; nothing where no Grafana is known."""
    return _board(grafana_url, BOARDS.get(page, DASHBOARD), labels, VARIABLES, window)


def _board(
    grafana_url: str, uid: str, labels: Mapping[str, str], names: Sequence[str], window: tuple[float, float]
) -> str:
    if not grafana_url:
        return ""
    chosen = {f"var-{name}": labels[name] for name in names if labels.get(name)}
    span = {name: f"{at * 1000:.0f}" for name, at in zip(("from", "to"), window, strict=True)}
    return f"{grafana_url.rstrip('/')}/d/{uid}?{urlencode({**chosen, **span}, quote_via=quote)}"


def console_template(console_url: str, page: str, names: Sequence[str]) -> str:
    """The page of a rule whose alerts have labels of these names, in Prometheus' template language; it escapes them."""
    opens = page or page_of(dict.fromkeys(names, "any"))
    named = "&".join(f"{name}={{{{ $labels.{name} | urlquery }}}}" for name in NAMING if name in names)
    return f"{console_url.rstrip('/')}/{opens}?{named}" if console_url else ""


def dashboard_template(grafana_url: str) -> str:
    """The dashboard of the last hour, in Prometheus' template language."""
    if not grafana_url:
        return ""
    return f"{grafana_url.rstrip('/')}/d/{DASHBOARD}?var-target={{{{ $labels.target | urlquery }}}}&from=now-1h&to=now"
