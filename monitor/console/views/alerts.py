"""Alerts: what fires, what is about to, what is not told and why, and what was."""

from __future__ import annotations

import streamlit as st

from monitor.alerts.links import console_path
from monitor.alerts.notifiers.texts import moment
from monitor.console import door, frame, writing
from monitor.console.door import Visitor
from monitor.console.place import SPANS, Place
from monitor.console.widgets import escaped
from monitor.derive import duration
from monitor.reader import Ack, AlertState, Reader, Transition

HISTORY_ROWS = 200
#: So many alerts are shown whole; who has more looks for the one behind them.
ALERTS = 50


def show(reader: Reader, place: Place, now: float) -> None:
    suppressed, acks, who = reader.suppressed(), reader.acks(), door.visitor()
    active = [one for one in reader.alerts() if one.state != "resolved" and one.is_told]
    if not active:
        st.success("No alert is firing or pending.", icon=":material/check_circle:")
    if not who.may_write:
        door.invite()
    for one in sorted(active, key=lambda one: one.state != "firing")[:ALERTS]:
        with st.container(border=True):
            _alert(one, _note(suppressed.get(one.fingerprint, ""), acks.get(one.fingerprint)), now)
            if who.may_write:
                _acts(one, who, reader.path, now)
    if len(active) > ALERTS:
        st.caption(f"and {len(active) - ALERTS:,} more: eda-monitor alerts list")
    writing.silences(reader.silences(now), who, reader.path, now)
    _history(reader.transitions(now - SPANS[place.span]), place)
    writing.audit(reader.audit(now - SPANS[place.span]))


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
    told = f"{one.state} for {duration(now - since)}, since {moment(since)}" + (f"; {note}" if note else "")
    name = f"**[{escaped(one.rule)}]({console_path(one.labels, one.annotations, since)})**"
    st.markdown(f"{icon} {name} — {escaped(one.annotations.get('summary', ''))}")
    st.caption(escaped(told))
    with st.expander("What it knows, and what to do"):
        st.text("\n".join(f"{name}: {text}" for name, text in {**one.labels, **one.annotations}.items()))


def _history(found: list[Transition], place: Place) -> None:
    st.markdown("##### History")
    if not found:
        st.caption(f"No alert changed its state within {place.span}.")
        return
    newest = found[::-1][:HISTORY_ROWS]
    st.dataframe(
        [
            {
                "at": moment(one.at),
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
