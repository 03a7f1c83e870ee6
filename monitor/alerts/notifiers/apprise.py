"""Whatever else Apprise reaches, named by a URL of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import apprise
from pydantic import SecretStr, model_validator

from monitor.alerts.messages import Notification
from monitor.alerts.notifiers.base import NotifyError, ReceiverSettings, check_secret, secret
from monitor.alerts.notifiers.texts import cut, plain, severity, title

TITLE, BODY = 250, 15_000
TYPES = {
    "critical": apprise.NotifyType.FAILURE, "warning": apprise.NotifyType.WARNING, "info": apprise.NotifyType.INFO,
}  # fmt: skip


class AppriseSettings(ReceiverSettings):
    url: SecretStr | None = None
    url_file: Path | None = None
    url_env: str | None = None

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        check_secret(self, "url")
        if apprise.Apprise.instantiate(secret(self, "url"), suppress_exceptions=True) is None:
            raise ValueError("url: Apprise knows no service by it")
        return self


class AppriseNotifier:
    Settings: ClassVar[type[ReceiverSettings]] = AppriseSettings
    holds_open: ClassVar[bool] = False

    def __init__(self, settings: AppriseSettings) -> None:
        self._settings = settings

    def send(self, notification: Notification, key: str) -> str:
        """Apprise tells no reason of a failure, so all of them are tried again."""
        service = apprise.Apprise(asset=apprise.AppriseAsset(secure_logging=True, async_mode=False))
        url = secret(self._settings, "url")
        scheme = url.partition("://")[0]
        if not service.add(url):
            raise NotifyError(f"{scheme}: Apprise knows no service by the URL", permanent=True)
        kind = apprise.NotifyType.SUCCESS if notification.status == "resolved" else TYPES.get(severity(notification))
        taken = service.notify(
            title=cut(title(notification), TITLE), body=plain(notification, BODY),
            notify_type=kind or apprise.NotifyType.WARNING, body_format=apprise.NotifyFormat.TEXT,
        )  # fmt: skip
        if not taken:
            raise NotifyError(f"{scheme}: Apprise could not deliver the message")
        return f"{scheme}: Apprise delivered the message"
