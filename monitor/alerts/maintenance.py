"""Maintenance windows: whether one is open. Pure; weekly ones follow the clock of their time zone, summer time too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.alerts.routing import Window, match_all


def is_open(window: Window, now: float) -> bool:
    if window.starts_at is not None or window.ends_at is not None:
        return (window.starts_at or 0.0) <= now < (float("inf") if window.ends_at is None else window.ends_at)
    zone = ZoneInfo(window.timezone)
    today = datetime.fromtimestamp(now, zone).date()
    for day in (today, today - timedelta(days=1)):
        if window.days and day.weekday() not in window.days:
            continue
        last = day if window.end > window.start else day + timedelta(days=1)
        begins, ends = datetime.combine(day, window.start, zone), datetime.combine(last, window.end, zone)
        if begins.timestamp() <= now < ends.timestamp():
            return True
    return False


def window_of(labels: Mapping[str, str], windows: Iterable[Window], now: float) -> Window | None:
    """The first open window that an alert with these labels falls into."""
    return next((w for w in windows if match_all(labels, w.match) and is_open(w, now)), None)
