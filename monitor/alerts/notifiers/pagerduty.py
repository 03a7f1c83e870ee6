"""PagerDuty, by its Events API, version 2: a group of alerts is an incident, opened and resolved under one key."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import SecretStr, model_validator

from monitor.alerts.messages import Notification
from monitor.alerts.notifiers.base import HttpSettings, check_secret, is_http, secret
from monitor.alerts.notifiers.http import post, rfc3339
from monitor.alerts.notifiers.texts import cut, facts, links, one_line, plain, severity, title

#: PagerDuty's limits in characters; of an event 512 KB.
SUMMARY, DETAILS = 1024, 30_000
SEVERITIES = {"critical": "critical", "warning": "warning", "info": "info"}


class PagerDutySettings(HttpSettings):
    url: str = "https://events.pagerduty.com/v2/enqueue"
    routing_key: SecretStr | None = None
    routing_key_file: Path | None = None
    routing_key_env: str | None = None

    @model_validator(mode="after")
    def _can_be_sent_to(self) -> Self:
        check_secret(self, "routing_key")
        if not is_http(self.url):
            raise ValueError("url: it is not a URL; expected https://host…")
        return self


class PagerDutyNotifier:
    Settings: ClassVar[type[HttpSettings]] = PagerDutySettings
    holds_open: ClassVar[bool] = True

    def __init__(self, settings: PagerDutySettings) -> None:
        self._settings = settings

    def send(self, notification: Notification, key: str) -> str:
        routing_key = secret(self._settings, "routing_key")
        return post(
            self._settings.url, {"routing_key": routing_key, **event(notification)}, secrets=[routing_key],
            timeout=self._settings.timeout, cafile=self._settings.ssl_cafile,
        )  # fmt: skip


def incident_key(notification: Notification) -> str:
    """Stands for the group of alerts: opening it twice opens one."""
    return hashlib.sha256(notification.group_key.encode("utf-8", "replace")).hexdigest()


def event(notification: Notification) -> dict[str, Any]:
    if notification.status == "resolved":
        return {"event_action": "resolve", "dedup_key": incident_key(notification)}
    first = next((one for one in notification.alerts if one.status == "firing"), notification.alerts[0])
    labels = {key: cut(one_line(text), 255) for key, text in first.labels.items()}
    return {
        "event_action": "trigger",
        "dedup_key": incident_key(notification),
        "client": "eda-monitor",
        "client_url": notification.external_url,
        "links": [{"href": url, "text": word} for word, url in links(first, notification)],
        "payload": {
            "summary": cut(title(notification), SUMMARY),
            "source": labels.get("target") or "eda-monitor",
            "severity": SEVERITIES.get(severity(notification), "error"),
            "timestamp": rfc3339(first.starts_at),
            "component": labels.get("destination", ""),
            "group": labels.get("group", ""),
            "class": labels.get("alertname", ""),
            "custom_details": {**dict(facts(first)), "alerts": plain(notification, DETAILS)},
        },
    }
