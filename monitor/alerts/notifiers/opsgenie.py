"""Opsgenie, and what takes its alert API, such as Jira Service Management: alerts are created and closed by alias."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import SecretStr, model_validator

from monitor.alerts.messages import Notification
from monitor.alerts.notifiers.base import HttpSettings, check_secret, is_http, secret
from monitor.alerts.notifiers.http import post
from monitor.alerts.notifiers.pagerduty import incident_key
from monitor.alerts.notifiers.texts import cut, facts, one_line, plain, severity, title

#: Opsgenie's limits in characters, and of tags.
MESSAGE, DESCRIPTION, ENTITY, TAG, TAGS = 130, 15_000, 512, 50, 20
PRIORITIES = {"critical": "P1", "warning": "P3", "info": "P5"}


class OpsgenieSettings(HttpSettings):
    #: Where alerts are created; "https://api.atlassian.com/jsm/ops/integration/v2/alerts" for Jira Service Management.
    url: str = "https://api.opsgenie.com/v2/alerts"
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    api_key_env: str | None = None
    #: Names of teams that are to answer.
    teams: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _can_be_sent_to(self) -> Self:
        check_secret(self, "api_key")
        if not is_http(self.url):
            raise ValueError("url: it is not a URL; expected https://host…")
        return self


class OpsgenieNotifier:
    Settings: ClassVar[type[HttpSettings]] = OpsgenieSettings
    holds_open: ClassVar[bool] = True

    def __init__(self, settings: OpsgenieSettings) -> None:
        self._settings = settings

    def send(self, notification: Notification, key: str) -> str:
        settings, url = self._settings, self._settings.url.rstrip("/")
        if notification.status == "resolved":
            url += f"/{incident_key(notification)}/close?identifierType=alias"
            body: dict[str, Any] = {"source": "eda-monitor", "note": plain(notification, DESCRIPTION)}
        else:
            body = alert(notification, settings)
        api_key = secret(settings, "api_key")
        headers = {"Authorization": f"GenieKey {api_key}"}
        return post(url, body, headers=headers, secrets=[api_key], timeout=settings.timeout, cafile=settings.ssl_cafile)


def alert(notification: Notification, settings: OpsgenieSettings) -> dict[str, Any]:
    first = next((one for one in notification.alerts if one.status == "firing"), notification.alerts[0])
    tags = [*settings.tags, *(text for text in (first.labels.get("alertname"), first.labels.get("severity")) if text)]
    return {
        "message": cut(title(notification), MESSAGE),
        "alias": incident_key(notification),
        "description": plain(notification, DESCRIPTION),
        "entity": cut(one_line(first.labels.get("destination") or first.labels.get("target", "")), ENTITY),
        "priority": PRIORITIES.get(severity(notification), "P3"),
        "source": "eda-monitor",
        "tags": [cut(one_line(tag), TAG) for tag in tags[:TAGS]],
        "details": {word: cut(text, 400) for word, text in facts(first)[:20]},
        "responders": [{"type": "team", "name": team} for team in settings.teams],
    }
