"""Targets: the health of the monitor itself."""

from __future__ import annotations

import streamlit as st

from collectors import metrics as m
from monitor.console import frame
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.widgets import UNKNOWN, count_text, escaped
from monitor.derive import duration
from monitor.reader import TargetRow


def show(reader: Source, place: Place, now: float) -> None:
    found = reader.targets(now)
    if not found:
        st.info("No target has been read yet: is the agent running? Start it with `eda-monitor up`.")
        return
    st.dataframe([_row(one, now) for one in found], hide_index=True, key="targets")
    for one in found:
        _problems(one)
    _house(reader, now)


def _row(one: TargetRow, now: float) -> dict[str, object]:
    return {
        "target": one.name,
        "system": one.system,
        "state": "✓ read" if one.up else "✗ cannot be read",
        "last good reading": f"{duration(now - one.last_success_at)} ago" if one.last_success_at else "never",
        "took": UNKNOWN if one.duration_seconds is None else f"{one.duration_seconds * 1000:,.0f} ms",
        "requests": count_text(one.requests),
        "skipped": len(one.skipped),
        "parts failed": len(one.errors),
    }


def _problems(one: TargetRow) -> None:
    """What of the target could not be read, or was left out, and why."""
    if one.error:
        st.error(f"**{escaped(one.name)}**: {escaped(one.error)}", icon=":material/cloud_off:")
    lines = [f"{error.part}: {error.message}" for error in one.errors]
    lines += [f"{skipped.what}: skipped, {skipped.reason}" for skipped in one.skipped]
    if lines:
        with st.expander(f"{escaped(one.name)}: not read or left out: {len(lines)}"):
            st.text("\n".join(lines))


def _house(reader: Source, now: float) -> None:
    """The store and the outbox."""
    store, outbox = st.columns(2)
    size = [one.points[-1][1] for one in reader.latest(m.STORE_BYTES.name, now)]
    waiting = [one.points[-1][1] for one in reader.latest(m.NOTIFICATIONS_WAITING.name, now)]
    store.metric("Store", f"{sum(size) / 1e6:,.1f} MB" if size else "unknown", border=True)
    outbox.metric("Notifications waiting", count_text(sum(waiting)) if waiting else "unknown", border=True)


frame.shown(show)
