"""Notifiers: how a message reaches its receiver."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from monitor.alerts.webhook import webhook_body
from monitor.config import ReceiverSettings

TIMEOUT_SECONDS = 5.0


class NotifyError(Exception):
    """A message was not taken. The message names the receiver's host, never its path or credentials."""

    def __init__(self, message: str, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


def notifier(receiver: ReceiverSettings) -> Callable[[str], None]:
    """The function that sends a payload to the receiver."""

    def send(payload: str) -> None:
        host = urlsplit(receiver.url).hostname
        try:
            answer = httpx.post(
                receiver.url,
                content=webhook_body(payload).encode(),
                headers={"Content-Type": "application/json"},
                timeout=TIMEOUT_SECONDS,
            )
        except httpx.HTTPError as error:
            raise NotifyError(f"receiver {receiver.name}: {host}: {type(error).__name__}") from None
        if not answer.is_success:
            refused = 400 <= answer.status_code < 500 and answer.status_code not in (408, 429)
            raise NotifyError(f"receiver {receiver.name}: {host} answered {answer.status_code}", permanent=refused)

    return send
