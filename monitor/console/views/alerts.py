"""Alerts: what fires, what is about to, what is not told and why, and what was."""

from __future__ import annotations

import streamlit as st

from monitor.alerts.links import console_path
from monitor.console import door, frame, writing
from monitor.console.bands import alert_bands
from monitor.console.door import Visitor
from monitor.console.place import SPANS, Place
from monitor.console.source import Source, known
from monitor.console.widgets import escaped, when
from monitor.derive import duration
from monitor.store.reader import Ack, AlertState, Transition

HISTORY_ROWS = 200
#: So many alerts are shown whole; who has more looks for the one behind them.
ALERTS = 50


def show(reader: Source, place: Place, now: float) -> None:
    alert_bands(reader, place, now)
    suppressed, acks, who = known(reader.suppressed), known(reader.acks), door.visitor()
    if suppressed is None or acks is None:
        st.caption(":material/help: What is silenced or acknowledged, and who was told, is unknown here.")
    active = [one for one in reader.alerts() if one.state != "resolved" and one.is_told]
    if not active:
        st.success("No alert is firing or pending.", icon=":material/check_circle:")
    if reader.path is not None and not who.may_write:
        door.invite()
    for one in sorted(active, key=lambda one: one.state != "firing")[:ALERTS]:
        with st.container(border=True):
            note = _note((suppressed or {}).get(one.fingerprint, ""), (acks or {}).get(one.fingerprint))
            _alert(one, note, now)
            if reader.path is not None and who.may_write:
                _acts(one, who, reader.path, now)
    if len(active) > ALERTS:
        st.caption(f"and {len(active) - ALERTS:,} more: eda-monitor alerts list")
    since = now - SPANS[place.span]
    if reader.path is not None:
        writing.silences(reader.silences(now), who, reader.path, now)
    _history(known(lambda: reader.transitions(since)), place, now)
    frame.elsewhere("alerts", place, now)
    writing.audit(known(lambda: reader.audit(since)) or [], now)


def _note(suppressed: str, ack: Ack | None) -> str:
    """Why nobody is told of it, and who works on it."""
    return "; ".join(filter(None, (suppressed, f"acknowledged by {ack.author}" if ack else "")))


def _acts(one: AlertState, who: Visitor, path: str, now: float) -> None:
    with st.container(horizontal=True):
        writing.silencing(one, who, path, now)
        if one.state == "firing":
            writing.acknowledging(one, who, path, now)


def _alert(one: AlertState, note: str, now: float) -> None:
    icon = ":material/notifications_active:" if one.state == "firing" else ":material/hourglass_top:"
    since = one.fired_at or one.active_at
    told = f"{one.state} for {duration(now - since)}, since {when(since, now)}" + (f"; {note}" if note else "")
    name = f"**[{escaped(one.rule)}]({console_path(one.labels, one.annotations, since)})**"
    st.markdown(f"{icon} {name} — {escaped(one.annotations.get('summary', ''))}")
    st.caption(escaped(told))
    with st.expander("What it knows, and what to do"):
        st.text("\n".join(f"{name}: {text}" for name, text in {**one.labels, **one.annotations}.items()))


def _history(found: list[Transition] | None, place: Place, now: float) -> None:
    st.markdown("##### History")
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
