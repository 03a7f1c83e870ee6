"""The dead man's switch: an address that is called as long as the agent works. Who keeps it tells when that stops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from monitor.alerts.notifiers.base import NotifyError, secret
from monitor.alerts.notifiers.http import post
from monitor.alerts.settings import AlertingSettings

log = logging.getLogger("eda_monitor")

TIMEOUT_SECONDS = 10.0


def call(settings: AlertingSettings) -> str:
    """Call the address once; returns what came back. Raises NotifyError."""
    return post(secret(settings, "watchdog_url"), method=settings.watchdog_method, timeout=TIMEOUT_SECONDS)


def call_for_ever(
    settings: AlertingSettings, healthy: Callable[[], bool], stop: threading.Event, news: threading.Event
) -> None:
    """Call it at every interval at which the agent is healthy; the first time as soon as it is."""
    reached = True
    while not stop.is_set():
        if not healthy():
            news.wait(1.0)
            news.clear()
            continue
        try:
            call(settings)
            reached = True
        except NotifyError as error:
            if reached:
                log.warning("alerting.watchdog_url: %s", error)
            reached = False
        stop.wait(settings.watchdog_interval)
