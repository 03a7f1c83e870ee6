"""Dead letters: where they lie, where they come from, and whether anybody looks."""

from __future__ import annotations

from monitor.console import frame, timelines
from monitor.console.data import DeadLetterStore, load_dead_letters
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.widgets import UNKNOWN, age_text, count_text


def show(reader: Source, place: Place, now: float) -> None:
    if place.is_one:
        frame.one(reader, timelines.DEAD_LETTERS, place, now)
        return
    found = load_dead_letters(reader, now)
    labels = [{"target": one.target, "destination": one.destination, "source": one.source} for one in found]
    frame.table([_row(one) for one in found], labels, place, "dead-letters")


def _row(one: DeadLetterStore) -> dict[str, object]:
    return {
        "destination": one.destination,
        "source": one.source or UNKNOWN,
        "target": one.target,
        "waiting": count_text(one.depth),
        "new, 15 min": UNKNOWN if one.arrived is None else f"{one.arrived:+,.0f}",
        "oldest": age_text(one.oldest_seconds, None),
        "read by": "a group" if one.is_read else "nobody",
        "15 minutes": list(one.trend),
    }


frame.shown(show)
