"""Who is told of an alert, and how alerts are put together into one message. Pure; `config` parses, this decides.

Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from types import MappingProxyType

from monitor.alerts.rules import matches

#: Label names with the text that they are to match, behind = (or nothing), !=, =~ or !~.
Matchers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told: by name, and whether also when an alert is resolved."""

    name: str
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """Alerts that match go to these receivers; the routes after it are looked at only with `continue_`."""

    match: Matchers
    receivers: tuple[str, ...]
    continue_: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Maintenance: alerts that match are suppressed within it.

    Either once, from `starts_at` until `ends_at` in epoch seconds, or weekly on `days` (Monday is 0) from `start`
    to `end` in the clock of `timezone`; an `end` that is not after `start` is on the next day.
    """

    name: str
    match: Matchers
    starts_at: float | None = None
    ends_at: float | None = None
    days: frozenset[int] = frozenset()
    start: time = time(0)
    end: time = time(0)
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Alerting:
    """How alerts become messages. Without routes every receiver gets everything.

    `group_wait` is by severity, and by "" for every other one; `max_alerts` is how many one message names;
    `grafana_url` is where people reach Grafana, "" where there is none.
    """

    receivers: tuple[Receiver, ...] = ()
    routes: tuple[Route, ...] = ()
    group_by: tuple[str, ...] = ("alertname", "target")
    group_wait: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({"critical": 0.0, "": 10.0}))
    group_interval: float = 60.0
    repeat_interval: float = 4 * 3600.0
    max_alerts: int = 100
    windows: tuple[Window, ...] = ()
    grafana_url: str = ""


def match_all(labels: Mapping[str, str], wanted: Matchers) -> bool:
    return all(matches(labels.get(name, ""), text) for name, text in wanted.items())


def receivers_of(alerting: Alerting, labels: Mapping[str, str]) -> tuple[Receiver, ...]:
    """Who is told of an alert with these labels, each once, in the order of the configuration."""
    if not alerting.routes:
        return alerting.receivers
    names: set[str] = set()
    for route in alerting.routes:
        if match_all(labels, route.match):
            names |= set(route.receivers)
            if not route.continue_:
                break
    return tuple(receiver for receiver in alerting.receivers if receiver.name in names)


def group_labels(alerting: Alerting, labels: Mapping[str, str]) -> dict[str, str]:
    return {name: labels[name] for name in alerting.group_by if name in labels}


def wait_of(alerting: Alerting, severity: str) -> float:
    """How long the first message of a group waits for more alerts."""
    return alerting.group_wait.get(severity, alerting.group_wait.get("", 0.0))
