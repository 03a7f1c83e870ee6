"""Destinations: what comes in, and what goes out to whom."""

from __future__ import annotations

from monitor.console import frame, timelines
from monitor.console.flows import Destination, load_destinations
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.widgets import count_text, plain, rate_text


def show(reader: Source, place: Place, now: float) -> None:
    if place.is_one:
        frame.one(reader, "destinations", timelines.DESTINATIONS, place, now)
        return
    found = load_destinations(reader, now)
    labels = [{"target": one.target, "destination": one.destination} for one in found]
    frame.table([_row(one) for one in found], labels, place, "destinations", now)


def _row(one: Destination) -> dict[str, object]:
    return {
        "destination": plain(one.destination),
        "target": one.target,
        "in": rate_text(one.rate_in),
        "out": rate_text(one.rate_out),
        "waiting": count_text(one.backlog),
        "groups": plain(", ".join(one.groups)) or "nobody reads it",
    }


frame.shown(show)
