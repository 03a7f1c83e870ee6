"""The console's page and the dashboard of an alert, at the time that it began. Pure.

The console's paths and parameters are those of docs/console.md. Prometheus knows no time when it fills in a template,
so what it tells opens the same page as it is now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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

#: The time that a dashboard shows before and after the beginning, in seconds.
BEFORE, AFTER = 3600, 900
#: The dashboard of each page of the console.
DASHBOARDS = {
    "handlers": "eda-handlers",
    "dead-letters": "eda-dead-letters",
    "consumers": "eda-consumers",
    "destinations": "eda-destination",
    "alerts": "eda-alerts",
    "targets": "eda-monitor",
}
#: The labels for which a dashboard has a variable; its variables are called as they are.
VARIABLES: dict[str, tuple[str, ...]] = {
    "eda-now": ("target",),
    "eda-broker": ("target",),
    "eda-destination": ("target", "destination"),
    "eda-consumers": ("target", "destination", "group"),
    "eda-handlers": ("destination", "group", "service"),
    "eda-dead-letters": ("target", "destination", "source"),
    "eda-slo": ("target", "source"),
    "eda-alerts": ("target",),
    "eda-monitor": ("target",),
}


def page_of(labels: Mapping[str, str]) -> str:
    """The page that shows what these labels name; what is about no events is about a target."""
    return next((page for page, label in PAGES if labels.get(label)), "targets")


def dashboard_of(labels: Collection[str], page: str) -> str:
    """The uid of the dashboard of what has labels of these names, and is shown on that page; "" is what they say."""
    if "node" in labels:
        return "eda-broker"
    page = page or page_of(dict.fromkeys(labels, "any"))
    if page == "dead-letters" and "destination" not in labels:
        return "eda-slo"
    return DASHBOARDS.get(page, "eda-now")


def _told(labels: Collection[str], uid: str) -> list[str]:
    """The labels that the dashboard is told. The target of a handler is not that of the broker it reads."""
    return [name for name in VARIABLES[uid] if name in labels and not (name == "target" and "service" in labels)]


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


def dashboard_link(grafana_url: str, labels: Mapping[str, str], page: str, at: float) -> str:
    """The dashboard of what has these labels around a moment, in epoch seconds; nothing where no Grafana is known.

    `page` is that of the console, "" where the labels decide.
    """
    return board_link(grafana_url, labels, page, (at - BEFORE, at + AFTER))


def board_link(grafana_url: str, labels: Mapping[str, str], page: str, window: tuple[float, float]) -> str:
    """The same over a time of its own, start and end in epoch seconds."""
    if not grafana_url:
        return ""
    named = {name: text for name, text in labels.items() if text}
    uid = dashboard_of(named, page)
    told = {f"var-{name}": named[name] for name in _told(named, uid)}
    span = {name: f"{at * 1000:.0f}" for name, at in zip(("from", "to"), window, strict=True)}
    return f"{grafana_url.rstrip('/')}/d/{uid}?{urlencode({**told, **span}, quote_via=quote)}"


def console_template(console_url: str, page: str, names: Sequence[str]) -> str:
    """The page of a rule whose alerts have labels of these names, in Prometheus' template language; it escapes them."""
    opens = page or page_of(dict.fromkeys(names, "any"))
    named = "&".join(f"{name}={{{{ $labels.{name} | urlquery }}}}" for name in NAMING if name in names)
    return f"{console_url.rstrip('/')}/{opens}?{named}" if console_url else ""


def dashboard_template(grafana_url: str, page: str, names: Sequence[str]) -> str:
    """The dashboard of a rule whose alerts have labels of these names, in Prometheus' template language."""
    if not grafana_url:
        return ""
    uid = dashboard_of(names, page)
    told = "".join(f"var-{name}={{{{ $labels.{name} | urlquery }}}}&" for name in _told(names, uid))
    return f"{grafana_url.rstrip('/')}/d/{uid}?{told}from=now-1h&to=now"
