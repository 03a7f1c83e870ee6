"""What a message says, in plain words. Pure; each kind puts it into its own form and escapes it for that form.

Names of destinations, groups and handlers come from outside: they may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from math import isnan

from monitor.alerts.messages import AlertMessage, Notification

#: From bad to good; others come after them.
SEVERITIES = ("critical", "warning", "info")
#: Labels that are told first, with the words for them.
NAMED = {
    "destination": "Destination", "group": "Group", "source": "Source", "handler": "Handler", "service": "Service",
    "target": "Target",
}  # fmt: skip
#: Annotations that have a place of their own.
PLACED = frozenset(
    {
        "summary",
        "description",
        "threshold",
        "runbook",
        "runbook_url",
        "console_url",
        "value",
        "changed",
        "dashboard_url",
    }
)
#: What a link does, by its word.
OPENS = {"Console": "Open in the console", "Dashboard": "Open the dashboard", "Runbook": "Read the runbook"}
#: No name or text is told at greater length.
TEXT_CHARACTERS = 1000

# controls, and those that turn the direction of writing
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def clean(text: str) -> str:
    """Without what cannot be seen, but with its lines and tabs."""
    return _UNSEEN.sub(" ", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def cut(text: str, limit: int) -> str:
    """At most so many characters; what is cut ends with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def title(notification: Notification) -> str:
    """One line, such as "FIRING: dead letters grow in orders.dlq" or "RESOLVED: 3 alerts, HandlerSlow, …"."""
    about = [one for one in notification.alerts if one.status == notification.status] or list(notification.alerts)
    count = len(about) + notification.truncated
    status = notification.status.upper()
    if count == 1 and about:
        return f"{status}: {headline(about[0])}"
    names = dict.fromkeys(name(one) for one in about)
    return f"{status}: {count} alerts, {', '.join(names)}"


def headline(alert: AlertMessage) -> str:
    """What the alert is about, in one line."""
    summary = one_line(alert.annotations.get("summary", ""))
    where = one_line(alert.labels.get("destination") or alert.labels.get("target", ""))
    return cut(summary or " ".join(filter(None, (name(alert), where))), TEXT_CHARACTERS)


def name(alert: AlertMessage) -> str:
    return cut(one_line(alert.labels.get("alertname", "alert")), TEXT_CHARACTERS)


def facts(alert: AlertMessage) -> list[tuple[str, str]]:
    """What is known of the alert: word and text, the most telling first."""
    return [(word, cut(one_line(text), TEXT_CHARACTERS)) for word, text in _facts(alert) if text]


def _facts(alert: AlertMessage) -> Iterator[tuple[str, str]]:
    labels, told = alert.labels, alert.annotations
    for label, word in NAMED.items():
        yield word, labels.get(label, "")
    yield "Since", moment(alert.starts_at)
    yield "Until", moment(alert.ends_at) if alert.ends_at is not None else ""
    yield "Value", told.get("value") or ("" if isnan(alert.value) else f"{alert.value:.6g}")
    yield "Threshold", told.get("threshold", "")
    yield "What changed", told.get("changed", "")
    yield "Severity", labels.get("severity", "")
    yield from ((one_line(key).replace("_", " ").capitalize(), text) for key, text in told.items() if key not in PLACED)
    yield "Rule", labels.get("alertname", "")
    rest = labels.keys() - NAMED.keys() - {"alertname", "severity"}
    yield from ((cut(one_line(key), 100), labels[key]) for key in sorted(rest))


def advice(alert: AlertMessage) -> str:
    """What to do: the description, and the runbook's text; its address where no browser may open it as a link."""
    told = alert.annotations
    runbook_url = told.get("runbook_url", "")
    texts = [told.get("description", ""), told.get("runbook", ""), "" if _openable(runbook_url) else runbook_url]
    return "\n".join(cut(clean(text).strip(), 4 * TEXT_CHARACTERS) for text in texts if text.strip())


def link(alert: AlertMessage, notification: Notification) -> str:
    """The console's page, or nothing where there is none that a browser may open."""
    return _openable(alert.annotations.get("console_url") or alert.console_url or notification.external_url)


def dashboard(alert: AlertMessage) -> str:
    """The dashboard, or nothing where there is none that a browser may open."""
    return _openable(alert.annotations.get("dashboard_url", ""))


def links(alert: AlertMessage, notification: Notification) -> list[tuple[str, str]]:
    """Where to look: word and address, of those that a browser may open."""
    found = (
        ("Console", link(alert, notification)),
        ("Dashboard", dashboard(alert)),
        ("Runbook", _openable(alert.annotations.get("runbook_url", ""))),
    )
    return [(word, url) for word, url in found if url]


def _openable(url: str) -> str:
    return url if re.fullmatch(r"https?://[^\s<>|\"']+", url) else ""


def plain(notification: Notification, limit: int) -> str:
    """The whole message as plain text of at most so many characters; alerts that have no room are counted."""
    parts, left = [], limit - 40
    for number, alert in enumerate(notification.alerts):
        text = _plain(alert, notification)
        if len(text) > left and number:
            parts.append(more(len(notification.alerts) - number + notification.truncated))
            break
        parts.append(cut(text, left))
        left -= len(text) + 2
    else:
        if notification.truncated:
            parts.append(more(notification.truncated))
    return "\n\n".join(parts)


def more(count: int) -> str:
    return f"and {count} more alert{'s' if count > 1 else ''}."


def _plain(alert: AlertMessage, notification: Notification) -> str:
    lines = [f"{alert.status.upper()}: {headline(alert)}", *(f"{word}: {text}" for word, text in facts(alert))]
    lines += [f"What to do: {what}"] if (what := advice(alert)) else []
    lines += [f"{word}: {url}" for word, url in links(alert, notification)]
    return "\n".join(lines)


def severity(notification: Notification) -> str:
    """The worst of the alerts that the status speaks of; "" where none has one."""
    found = {alert.labels.get("severity", "") for alert in notification.alerts if alert.status == notification.status}
    return next((one for one in SEVERITIES if one in found), "")


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
