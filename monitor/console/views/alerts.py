"""Alerts: what fires, what is about to, what is not told and why, and what was; of one also how to quieten it."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from monitor.alerts.links import PAGE, page_of
from monitor.alerts.routing import match_all
from monitor.console import door, frame, writing
from monitor.console.bands import alert_bands
from monitor.console.happened import about
from monitor.console.place import SPANS, Place, opened
from monitor.console.problems import severity
from monitor.console.source import Source, known
from monitor.console.widgets import coded, escaped, link, plain, when
from monitor.derive import duration
from monitor.store.reader import AlertState, Transition

HISTORY_ROWS = 200
#: How bad what fires is, beside the word.
SIGNS = {"critical": "✗", "warning": "!", "info": "i"}


class Alert(NamedTuple):
    """An alert, and why nobody is told of it or who works on it."""

    state: AlertState
    note: str


def show(reader: Source, place: Place, now: float) -> None:
    found = [one for one in _load(reader) if place.has(one.state.labels, one.state.fingerprint)]
    changes = known(lambda: reader.transitions(now - SPANS[place.span]))
    if changes is not None:
        changes = [one for one in changes if place.has(one.labels, one.fingerprint)]
    if known(reader.suppressed) is None or known(reader.acks) is None:
        st.caption(":material/help: What is silenced or acknowledged, and who was told, is unknown here.")
    if place.get("alert"):
        _one(reader, found, changes, place, now)
    else:
        _all(reader, found, changes, place, now)


def _load(reader: Source) -> list[Alert]:
    """Those that people are told of, and those that are over of late."""
    suppressed, acks = known(reader.suppressed), known(reader.acks)
    found = []
    for one in reader.alerts():
        ack = (acks or {}).get(one.fingerprint)
        told = (suppressed or {}).get(one.fingerprint, ""), f"acknowledged by {ack.author}" if ack else ""
        found.append(Alert(one, "; ".join(filter(None, told))))
    return [one for one in found if one.state.is_told]


def _all(reader: Source, found: list[Alert], changes: list[Transition] | None, place: Place, now: float) -> None:
    if place.is_one:
        frame.head("alerts", place, now)
    active = sorted((one for one in found if one.state.state != "resolved"), key=_harm)
    if active:
        rows = [_row(one, now) for one in active]
        said = [" ".join(map(str, row.values())) for row in rows]
        named = [{"alert": one.state.fingerprint, "said": text} for one, text in zip(active, said, strict=True)]
        frame.table(rows, named, place, "alerts", now)
    else:
        st.success("No alert is firing or pending.", icon=":material/check_circle:")
    if reader.path is not None and not door.visitor().may_write:
        door.invite()
    _over_time(reader, found, changes, place, now)
    _silences(reader, None, now)
    _history(changes, place, now)
    writing.audit(known(lambda: reader.audit(now - SPANS[place.span])) or [], now)


def _harm(one: Alert) -> tuple[bool, bool, int, float]:
    """What fires before what may, what people are told of before what not; then the severest, and the oldest."""
    return one.state.state != "firing", bool(one.note), severity(one.state), one.state.active_at


def _row(one: Alert, now: float) -> dict[str, object]:
    state = one.state
    sign = SIGNS.get(state.labels.get("severity", ""), "!") if state.state == "firing" else "…"
    return {
        "state": f"{sign} {state.state}",
        "for": duration(now - _began(state)),
        "rule": state.rule,
        "about": plain(about(state.labels)),
        "what": plain(state.annotations.get("summary", "")),
        "target": plain(state.labels.get("target", "")),
        "not told, because": one.note,
        "since": when(_began(state), now),
    }


def _began(one: AlertState) -> float:
    return one.resolved_at or one.fired_at or one.active_at


def _one(reader: Source, found: list[Alert], changes: list[Transition] | None, place: Place, now: float) -> None:
    known_as = [(one.state.rule, one.state.labels) for one in found] + [(one.rule, one.labels) for one in changes or ()]
    rule, labels = known_as[0] if known_as else ("An alert that is not known", {})
    frame.head("alerts", place, now, called=" · ".join(filter(None, (rule, about(labels)))))
    for one in found:
        _told(one, now)
        _acts(one.state, reader, now)
    if found:
        _silences(reader, labels, now)
    else:
        st.info(
            "It neither fires nor did of late: what is over is forgotten. A longer time shown tells more of it, and"
            " `eda-monitor alerts history`.",
            icon=":material/history_toggle_off:",
        )
    _over_time(reader, found, changes, place, now)
    _history(changes, place, now)


def _told(one: Alert, now: float) -> None:
    """What it says, since when, what to do, and where to look."""
    state, began = one.state, _began(one.state)
    sign, colour = {"firing": ("notifications_active", "red"), "pending": ("hourglass_top", "orange")}.get(
        state.state, ("check_circle", "green")
    )
    st.markdown(f":{colour}[:material/{sign}: **{state.state}**] {escaped(state.annotations.get('summary', ''))}")
    st.caption(escaped("; ".join(filter(None, (f"for {duration(now - began)}, since {when(began, now)}", one.note)))))
    if advice := state.annotations.get("description"):
        st.markdown(coded(advice))
    with st.container(horizontal=True):
        there = opened(Place(at=state.active_at), state.labels)
        page = state.annotations.get(PAGE) or page_of(state.labels)
        link(page, f":material/open_in_new: Open {escaped(about(state.labels))}", there)
        if runbook := state.annotations.get("runbook_url", ""):
            way = f"[Runbook](<{runbook}>)" if runbook.startswith("http") else f"Runbook: {escaped(runbook)}"
            st.markdown(f":material/menu_book: {way}")
    st.text("\n".join(f"{name}: {plain(text)}" for name, text in _knows(state).items()))


def _knows(state: AlertState) -> dict[str, str]:
    """Its labels, and the annotations that are not told in other words."""
    told = ("summary", "description", "runbook_url", PAGE)
    return {**state.labels, **{name: text for name, text in state.annotations.items() if name not in told}}


def _acts(one: AlertState, reader: Source, now: float) -> None:
    """What may be done about it, by those who may."""
    who = door.visitor()
    if reader.path is None or one.state == "resolved":
        return
    if not who.may_write:
        door.invite()
        return
    with st.container(horizontal=True):
        writing.silencing(one, who, reader.path, now)
        if one.state == "firing":
            writing.acknowledging(one, who, reader.path, now)


def _silences(reader: Source, labels: dict[str, str] | None, now: float) -> None:
    """Those that have not ended, of alerts with these labels or of all."""
    if reader.path is not None:
        found = [one for one in reader.silences(now) if labels is None or match_all(labels, one.matchers)]
        writing.silences(found, door.visitor(), reader.path, now)


def _over_time(reader: Source, found: list[Alert], changes: list[Transition] | None, place: Place, now: float) -> None:
    if changes is not None:
        start = now - SPANS[place.span]
        alert_bands(changes, [one.state for one in found], reader.silences(start), (start, now))


def _history(found: list[Transition] | None, place: Place, now: float) -> None:
    st.markdown("##### Its history" if place.get("alert") else "##### History")
    if found is None:
        st.caption("The history of alerts is unknown here: the agent's own console tells it.")
        return
    if not found:
        st.caption(f"No alert changed its state within {place.span}.")
        return
    newest = found[::-1][:HISTORY_ROWS]
    st.dataframe(
        [
            {
                "at": when(one.at, now),
                "rule": one.rule,
                "from": one.old,
                "to": one.new,
                "about": " · ".join(v for k, v in one.labels.items() if k not in ("alertname", "severity", "system")),
            }
            for one in newest
        ],
        hide_index=True,
        key="history",
    )
    if len(found) > HISTORY_ROWS:
        st.caption(f"and {len(found) - HISTORY_ROWS:,} earlier ones: eda-monitor alerts history")


frame.shown(show)
