"""Handlers: how much they handle, how fast, and what fails."""

from __future__ import annotations

from monitor.console import frame, timelines
from monitor.console.handling import SECONDS, Handling, Key, failed_text, handlings, p95_text
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.widgets import UNKNOWN, count_text, rate_text


def show(reader: Source, place: Place, now: float) -> None:
    if place.is_one:
        frame.one(reader, timelines.HANDLERS, place, now)
        return
    found = sorted(handlings(reader, now).items(), key=lambda one: (-(one[1].failed_share or 0), one[0]))
    labels = [{"destination": destination, "group": group} for (destination, group), _ in found]
    frame.table([_row(key, handling) for key, handling in found], labels, place, "handlers")


def _row(key: Key, one: Handling) -> dict[str, object]:
    destination, group = key
    return {
        "service": ", ".join(filter(None, one.services)) or UNKNOWN,
        "destination": destination,
        "group": group or UNKNOWN,
        "handled": rate_text(one.events / SECONDS),
        "failed": failed_text(one),
        "p95": p95_text(one),
        "in progress": count_text(one.in_progress),
    }


frame.shown(show)
