"""The console's page and the dashboard of an alert, at the time that it began. Pure.

The console's paths and parameters are those of docs/console.md.
"""

from __future__ import annotations

from collections.abc import Mapping
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
#: Rules of this name are about stores of dead letters, also those that do not tell the source.
DEAD_LETTERS = "DeadLetter"

#: The dashboard that is opened, and the time that it shows before and after the beginning, in seconds.
DASHBOARD, BEFORE, AFTER = "eda-now", 3600, 900


def page_of(labels: Mapping[str, str]) -> str:
    """The page that shows what these labels name; what is about no events is about a target."""
    if labels.get("alertname", "").startswith(DEAD_LETTERS) and labels.get("destination"):
        return "dead-letters"
    return next((page for page, label in PAGES if labels.get(label)), "targets")


def console_path(labels: Mapping[str, str], at: float) -> str:
    """The path and parameters of the page for a moment, in epoch seconds."""
    parameters = {name: labels[name] for name in NAMING if labels.get(name)}
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"/{page_of(labels)}?{urlencode({**parameters, 'at': moment}, quote_via=quote, safe=':')}"


def console_link(console_url: str, labels: Mapping[str, str], at: float) -> str:
    """The address of that page; nothing where there is no console."""
    return f"{console_url.rstrip('/')}{console_path(labels, at)}" if console_url else ""


def dashboard_link(grafana_url: str, labels: Mapping[str, str], at: float) -> str:
    """The dashboard around a moment, in epoch seconds; nothing where no Grafana is known."""
    if not grafana_url:
        return ""
    target = {"var-target": labels["target"]} if labels.get("target") else {}
    span = {"from": f"{(at - BEFORE) * 1000:.0f}", "to": f"{(at + AFTER) * 1000:.0f}"}
    return f"{grafana_url.rstrip('/')}/d/{DASHBOARD}?{urlencode({**target, **span}, quote_via=quote)}"
