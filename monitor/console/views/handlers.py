"""Handlers: how much they handle, how fast, what fails and why, and how long events waited for them."""

from __future__ import annotations

from collectors import metrics as m
from monitor.console import frame
from monitor.console.charts import heatmap, timeline
from monitor.console.durations import SLOTS, cells, failure_shares, percentiles, slots
from monitor.console.handling import SECONDS, Handling, Key, failed_text, handlings
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.timelines import HANDLERS, lines
from monitor.console.widgets import UNKNOWN, count_text, plain, rate_text
from monitor.derive import percentile_text
from monitor.percentiles import Percentile

NO_QUEUE = "Unknown: its handlers do not tell how old events are when they begin."


def show(reader: Source, place: Place, now: float) -> None:
    if place.is_one:
        _one(reader, place, now)
        return
    found = sorted(handlings(reader, now).items(), key=_rank)
    labels = [{"destination": destination, "group": group} for (destination, group), _ in found]
    frame.table([_row(key, handling) for key, handling in found], labels, place, "handlers", now)


def _rank(row: tuple[Key, Handling]) -> tuple[float, float, Key]:
    """What fails most first, then what takes longest."""
    key, one = row
    return -(one.failed_share or 0), -(one.p95.seconds if one.p95 else 0), key


def _one(reader: Source, place: Place, now: float) -> None:
    frame.head("handlers", place, now)
    (start, end), at = place.window(now), place.at
    window = start, end
    handled, running = HANDLERS
    timeline(handled.title, lines(reader, handled, place, now), window, at, "handled")
    timeline(
        "Failures by reason, share of events",
        failure_shares(reader, place, now),
        window,
        at,
        "failures",
        "No failure was counted in this time.",
        ".1~%",
    )
    timeline("Calls, seconds", percentiles(reader, m.HANDLER_DURATION_SECONDS, place, now), window, at, "percentiles")
    found = slots(reader, m.HANDLER_DURATION_SECONDS, place, start, end)
    heatmap(
        "Calls by how long they took, seconds; the darker the more",
        cells(found, (end - start) / SLOTS),
        window,
        at,
        "heatmap",
    )
    queued = percentiles(reader, m.HANDLER_QUEUE_SECONDS, place, now)
    timeline("Age of events when their handling began, seconds", queued, window, at, "queued", NO_QUEUE)
    timeline(running.title, lines(reader, running, place, now), window, at, "running")


def _row(key: Key, one: Handling) -> dict[str, object]:
    destination, group = key
    failing = f"{failed_text(one)} {plain(one.reason, 60)}".strip()
    return {
        "service": plain(", ".join(filter(None, one.services))) or UNKNOWN,
        "destination": plain(destination),
        "group": plain(group) or UNKNOWN,
        "handled": rate_text(one.events / SECONDS),
        "failed": failing,
        "p50": _text(one.p50),
        "p95": _text(one.p95),
        "p99": _text(one.p99),
        "in queue, p95": _text(one.queued),
        "in progress": count_text(one.in_progress),
    }


def _text(one: Percentile | None) -> str:
    return UNKNOWN if one is None else percentile_text(one)


frame.shown(show)
