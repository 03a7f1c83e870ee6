"""Consumers: who is behind on what, and why."""

from __future__ import annotations

import streamlit as st

from collectors import metrics as m
from monitor.console import frame, timelines
from monitor.console.charts import timeline
from monitor.console.data import Consumer, load_consumers
from monitor.console.durations import percentiles
from monitor.console.evidence import evidence
from monitor.console.handling import failed_text, p95_text
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.widgets import UNKNOWN, age_text, coded, count_text, plain
from monitor.verdicts import ConsumerVerdict, Evidence, Kind, verdict

RANKS = {kind: rank for rank, kind in enumerate(Kind)}
NO_VERDICT = verdict(Evidence())
NO_CALLS = "Unknown: no handler of this group tells how long its calls take."
PROBLEM = ":material/error:"
ICONS = {
    Kind.WELL: ":material/check_circle:",
    Kind.DRAINING: ":material/trending_down:",
    Kind.IDLE: ":material/bedtime:",
    Kind.UNKNOWN: ":material/help:",
}


def show(reader: Source, place: Place, now: float) -> None:
    if place.is_one:
        frame.one(reader, "consumers", timelines.CONSUMERS, place, now, lambda: _verdict(reader, place, now))
        calls = percentiles(reader, m.HANDLER_DURATION_SECONDS, place, now)
        timeline("Calls of its handlers, seconds", calls, place.window(now), place.at, "calls", NO_CALLS)
        return
    known = {key: verdict(one) for key, one in evidence(reader, now).items()}
    rows = [
        (known.get((one.target, one.destination, one.group), NO_VERDICT), one) for one in load_consumers(reader, now)
    ]
    rows.sort(key=lambda row: RANKS[row[0].kind])  # within a kind the furthest behind stay first
    labels = [{"target": one.target, "destination": one.destination, "group": one.group} for _, one in rows]
    frame.table([_row(said, one) for said, one in rows], labels, place, "consumers", now)


def _verdict(reader: Source, place: Place, now: float) -> None:
    """What is the matter now, in words; of another time only the charts tell."""
    if place.at is not None:
        return
    of = {"target": place.get("target"), "destination": place.get("destination")}
    found = evidence(reader, now, of).get((of["target"], of["destination"], place.get("group")))
    if found is None:
        return
    said = verdict(found)
    show = st.success if said.is_well else st.warning if said.kind is Kind.UNKNOWN else st.error
    show(
        f"**{said.kind.capitalize()}.** {coded(f'{said.cause} {said.also_text} {said.advice}')}",
        icon=ICONS.get(said.kind, PROBLEM),
    )


def _row(said: ConsumerVerdict, one: Consumer) -> dict[str, object]:
    return {
        "state": f"{'✓' if said.is_well else '?' if said.kind is Kind.UNKNOWN else '✗'} {said.kind}",
        "group": plain(one.group),
        "destination": plain(one.destination),
        "target": one.target or UNKNOWN,
        "messages": count_text(one.backlog),
        "behind": age_text(one.age_seconds, one.quality if one.backlog else None),
        "consumers": count_text(one.consumers),
        "handler p95": p95_text(one.handling),
        "failed": failed_text(one.handling),
        "1 hour": list(one.trend),
        "why": f"{said.cause} {said.also_text}".strip(),
    }


frame.shown(show)
