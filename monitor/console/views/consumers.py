"""Consumers: who is behind on what, and why."""

from __future__ import annotations

from monitor.console import frame, timelines
from monitor.console.data import Consumer
from monitor.console.handling import failed_text, p95_text
from monitor.console.place import Place
from monitor.console.widgets import age_text, count_text
from monitor.reader import Reader


def show(reader: Reader, place: Place, now: float) -> None:
    if place.is_one:
        frame.one(reader, timelines.CONSUMERS, place, now)
        return
    found = frame.overview(now).consumers
    labels = [{"target": one.target, "destination": one.destination, "group": one.group} for one in found]
    frame.table([_row(one) for one in found], labels, place, "consumers")


def _row(one: Consumer) -> dict[str, object]:
    return {
        "group": one.group,
        "destination": one.destination,
        "target": one.target or frame.NEVER,
        "messages": count_text(one.backlog),
        "behind": age_text(one.age_seconds, one.quality if one.backlog else None),
        "consumers": count_text(one.consumers),
        "handler p95": p95_text(one.handling),
        "failed": failed_text(one.handling),
        "15 minutes": list(one.trend),
    }


frame.shown(show)
