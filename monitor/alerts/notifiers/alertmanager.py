"""Alertmanager, by its API, version 2: told of all alerts again and again, as Prometheus does.

Grouping, silences and repeats are Alertmanager's affair. Of a cluster every member is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from collectors.base import Duration
from monitor.alerts.messages import Notification
from monitor.alerts.notifiers.base import HttpSettings, NotifyError, check_secret, is_http, secret
from monitor.alerts.notifiers.http import post, rfc3339

#: Alerts in one request, at most.
BATCH = 256


class AlertmanagerSettings(HttpSettings):
    #: Of every member, without `/api`.
    urls: Annotated[tuple[SecretStr, ...], Field(min_length=1)]
    authorization: SecretStr | None = None
    authorization_file: Path | None = None
    authorization_env: str | None = None
    #: How often it is told again.
    resend_delay: Duration = 60.0
    #: Whether it is also told of `Watchdog`, an alert that fires as long as the agent works.
    watchdog: bool = False

    @model_validator(mode="after")
    def _can_be_sent_to(self) -> Self:
        check_secret(self, "authorization", required=False)
        for index, url in enumerate(self.urls):
            if not is_http(url.get_secret_value()):
                raise ValueError(f"urls[{index}]: it is not a URL; expected http://host… or https://host…")
        return self


class AlertmanagerNotifier:
    Settings: ClassVar[type[HttpSettings]] = AlertmanagerSettings
    holds_open: ClassVar[bool] = True

    def __init__(self, settings: AlertmanagerSettings) -> None:
        self._settings = settings

    @property
    def urls(self) -> list[str]:
        return [url.get_secret_value() for url in self._settings.urls]

    def send(self, notification: Notification, key: str) -> str:
        """Tell every member; raises NotifyError when one of them could not be told, after all were tried."""
        told, failed = [], []
        for url in self.urls:
            try:
                told.append(self.tell(url, as_alerts(notification)))
            except NotifyError as error:
                failed.append(error)
        if failed:
            raise NotifyError("; ".join(map(str, failed)), all(one.permanent for one in failed))
        return "; ".join(told)

    def tell(self, url: str, alerts: list[dict[str, Any]]) -> str:
        """Tell one member of these alerts. Raises NotifyError."""
        settings, said = self._settings, "200 OK"
        authorization = secret(settings, "authorization")
        for batch in batches(alerts):
            said = post(
                f"{url.rstrip('/')}/api/v2/alerts", batch, timeout=settings.timeout, cafile=settings.ssl_cafile,
                headers={"Authorization": authorization} if authorization else {},
                secrets=[authorization, *authorization.split()[-1:]],
            )  # fmt: skip
        return said


def batches(alerts: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    return (alerts[at : at + BATCH] for at in range(0, len(alerts), BATCH))


def as_alerts(notification: Notification) -> list[dict[str, Any]]:
    return [
        as_alert(one.labels, one.annotations, one.starts_at, one.ends_at, one.console_url)
        for one in notification.alerts
    ]


def as_alert(
    labels: dict[str, str], annotations: dict[str, str], starts_at: float, ends_at: float | None, url: str
) -> dict[str, Any]:
    """One alert on the wire. Without `ends_at` it is Alertmanager that says when it ends."""
    alert = {
        "labels": labels,
        "annotations": {**annotations, "console_url": url},
        "startsAt": rfc3339(starts_at),
        "generatorURL": url,
    }
    return alert if ends_at is None else {**alert, "endsAt": rfc3339(ends_at)}
