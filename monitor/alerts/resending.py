"""Alerts told to Alertmanager as Prometheus tells them: straight from their state, again and again.

A firing alert is told every `resend_delay`, and ends by itself if that stops; a resolved one is told for 15 minutes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any

from monitor.alerts.links import console_link, without_page
from monitor.alerts.notifiers.alertmanager import AlertmanagerNotifier, AlertmanagerSettings, as_alert
from monitor.alerts.notifiers.base import NotifyError
from monitor.store.writer import AlertState, Store, StoreError

log = logging.getLogger("eda_monitor")

#: For so long a resolved alert is told.
RESOLVED_SECONDS = 900.0
#: A firing alert is valid for so many resends, or evaluations where they take longer.
VALID_RESENDS = 4
#: How often within a resend delay it is looked what is due, when nothing changed.
LOOKS = 4
WATCHDOG = {"alertname": "Watchdog", "severity": "none"}
WATCHDOG_TEXTS = {"summary": "The agent of eda-monitor works; when this alert stops, it does not"}

#: Which alert, since when, and whether it is over.
Key = tuple[str, str, float | None, bool]


def due(states: Iterable[AlertState], sent: Mapping[Key, float], now: float, resend_delay: float) -> list[AlertState]:
    """Alerts to be told now: those never told as they stand, and those told longer than `resend_delay` ago."""
    told = [one for one in states if one.state == "firing" or _is_recent(one, now)]
    return [one for one in told if not 0 <= now - sent.get(key(one), float("-inf")) < resend_delay]


def key(state: AlertState) -> Key:
    return state.rule, state.fingerprint, state.fired_at, state.state == "resolved"


def wire(state: AlertState, now: float, valid_seconds: float, console_url: str) -> dict[str, Any]:
    """The alert as Alertmanager is told of it: a firing one ends when it is not told again in time."""
    ends_at = state.resolved_at if state.state == "resolved" else now + valid_seconds
    starts_at = state.fired_at if state.fired_at is not None else state.active_at
    link = console_link(console_url, state.labels, state.annotations, starts_at)
    return as_alert(state.labels, without_page(state.annotations), starts_at, ends_at, link)


def _is_recent(state: AlertState, now: float) -> bool:
    return state.state == "resolved" and now - (state.resolved_at or 0.0) < RESOLVED_SECONDS


class Resender:
    """Keeps one member of an Alertmanager told. `resend` is called by one thread."""

    def __init__(self, settings: AlertmanagerSettings, url: str, interval: float, console_url: str) -> None:
        self._tell = AlertmanagerNotifier(settings).tell
        self._url, self._console_url, self._settings = url, console_url, settings
        self._valid_seconds = VALID_RESENDS * max(interval, settings.resend_delay)
        self._sent: dict[Key, float] = {}
        self._watchdog_at = float("-inf")
        self._since: float | None = None  # the first of the failures in a row
        self._tries = 0
        self._not_before = 0.0
        self.failed = 0

    @property
    def is_behind(self) -> bool:
        """Whether something is due that could not be told."""
        return self._since is not None

    @property
    def look_seconds(self) -> float:
        """How often to look what is due to be told again; all alerts are read for it."""
        return self._settings.resend_delay / LOOKS

    def resend(self, states: list[AlertState], now: float, healthy: bool) -> None:
        """Tell what is due. A member that cannot be reached is left alone for a while; what is due remains due."""
        if now < self._not_before <= now + self._settings.resend_delay:
            return
        states = due(states, self._sent, now, self._settings.resend_delay)
        alerts = [wire(one, now, self._valid_seconds, self._console_url) for one in states]
        is_watched = self._settings.watchdog and healthy
        watchdog = is_watched and not 0 <= now - self._watchdog_at < self._settings.resend_delay
        if watchdog:
            alerts.append(as_alert(WATCHDOG, WATCHDOG_TEXTS, now, now + self._valid_seconds, self._console_url))
        if not alerts:
            return
        try:
            self._tell(self._url, alerts)
        except NotifyError as error:
            self._failed(error, now)
            return
        self._since, self._tries = None, 0
        self._sent = {one: at for one, at in self._sent.items() if abs(now - at) < 2 * RESOLVED_SECONDS}
        self._sent |= {key(one): now for one in states}
        self._watchdog_at = now if watchdog else self._watchdog_at

    def _failed(self, error: NotifyError, now: float) -> None:
        """Alerts that were not told again until they end there count as not delivered."""
        if self._since is None:
            self._since = now
            log.warning("receiver %s: %s", self._settings.name, error)
        self._tries += 1
        wait = max(min(2.0**self._tries, self._settings.resend_delay / 2), error.retry_after or 0.0)
        self._not_before = now + min(wait, self._settings.resend_delay)
        if now - self._since >= self._valid_seconds:
            self._since = now
            self.failed += 1


def resend_for_ever(
    resender: Resender, store: Store, healthy: Callable[[], bool], stop: threading.Event, news: threading.Event
) -> None:
    """Tell whatever changed as soon as it was judged, and look again often enough to resend in time."""
    seen, looked_at = -1, float("-inf")
    with closing(store.reader()) as reader:
        while not stop.is_set():
            try:
                last = reader.last_transition()
                if last != seen or resender.is_behind or time.monotonic() - looked_at >= resender.look_seconds:
                    resender.resend(reader.alerts(), time.time(), healthy())
                    seen, looked_at = last, time.monotonic()
            except StoreError as error:
                log.error("alertmanager: %s", error)
            except Exception:  # a fault of ours must not silence a receiver for ever
                log.exception("alertmanager: telling it failed")
            news.wait(1.0)
            news.clear()
