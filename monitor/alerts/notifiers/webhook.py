"""A webhook, told in Alertmanager's form, version 4."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import SecretStr, model_validator

from monitor.alerts.messages import AlertMessage, Notification
from monitor.alerts.notifiers.base import HttpSettings, check_secret, check_url, secret
from monitor.alerts.notifiers.http import post, rfc3339


class WebhookSettings(HttpSettings):
    url: SecretStr | None = None
    url_file: Path | None = None
    url_env: str | None = None
    #: The header `Authorization`, such as "Bearer …".
    authorization: SecretStr | None = None
    authorization_file: Path | None = None
    authorization_env: str | None = None

    @model_validator(mode="after")
    def _can_be_sent_to(self) -> Self:
        check_url(self)
        check_secret(self, "authorization", required=False)
        return self


class WebhookNotifier:
    Settings: ClassVar[type[HttpSettings]] = WebhookSettings
    holds_open: ClassVar[bool] = False

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings

    def send(self, notification: Notification, key: str) -> str:
        headers, secrets = {"Idempotency-Key": key}, []
        if authorization := secret(self._settings, "authorization"):
            headers["Authorization"], secrets = authorization, [authorization, authorization.split()[-1]]
        return post(
            secret(self._settings, "url"), payload(notification), headers=headers, secrets=secrets,
            timeout=self._settings.timeout, cafile=self._settings.ssl_cafile,
        )  # fmt: skip


def payload(notification: Notification) -> dict[str, Any]:
    alerts = [_alert(alert) for alert in notification.alerts]
    return {
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": notification.truncated,
        "status": notification.status,
        "receiver": notification.receiver,
        "groupLabels": notification.group_labels,
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": notification.external_url,
        "alerts": alerts,
    }


def _alert(alert: AlertMessage) -> dict[str, Any]:
    return {
        "status": alert.status,
        "labels": alert.labels,
        "annotations": {**alert.annotations, "console_url": alert.console_url},
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": rfc3339(alert.ends_at),
        "generatorURL": alert.console_url,
        "fingerprint": alert.fingerprint,
    }


def _common(of: list[dict[str, str]]) -> dict[str, str]:
    """What all have alike."""
    first, *rest = of or [{}]
    return {key: text for key, text in first.items() if all(one.get(key) == text for one in rest)}
