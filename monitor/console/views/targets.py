"""Targets: the health of the monitor itself."""

from __future__ import annotations

import streamlit as st

from monitor.console import frame
from monitor.console.house import Cycle, House, load_cycles, load_house
from monitor.console.overview import message_text
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.welcome import welcome
from monitor.console.widgets import UNKNOWN, count_text, escaped, plain
from monitor.derive import duration, latency
from monitor.store.reader import Notification, TargetRow

#: So many names of what was not read are listed; there may be thousands.
NAMES = 200


def show(reader: Source, place: Place, now: float) -> None:
    found = load_cycles(reader, now)
    if not found:
        st.info("No target has been read yet: is the agent running?")
        welcome()
        return
    wanted = place.get("target")
    found.sort(key=lambda one: one.row.name != wanted)
    st.dataframe(
        [_row(one, now) for one in found],
        hide_index=True,
        key="targets",
        column_config={"took, 1 hour": st.column_config.AreaChartColumn(width="small", y_min=0)},
    )
    for one in found:
        _problems(one.row, is_open=one.row.name == wanted)
    house = load_house(reader, now)
    _house(house)
    _undelivered(house.undelivered, now)
    frame.elsewhere("targets", place, now)


def _row(one: Cycle, now: float) -> dict[str, object]:
    row = one.row
    return {
        "target": plain(row.name),
        "system": row.system,
        "state": _state(one),
        "last good reading": f"{duration(now - row.last_success_at)} ago" if row.last_success_at else "never",
        "took": UNKNOWN if row.duration_seconds is None else latency(row.duration_seconds),
        "of every": UNKNOWN if one.interval is None else duration(one.interval),
        "by phase": ", ".join(f"{phase} {latency(took)}" for phase, took in one.phases if phase != "collect")
        or UNKNOWN,
        "took, 1 hour": list(one.trend),
        "not read, 1 h": UNKNOWN if one.failed_share is None else f"{one.failed_share:.1%}",
        "left out, 1 h": count_text(one.overruns),
        "requests": count_text(row.requests),
        "skipped": len(row.skipped),
        "parts failed": len(row.errors),
    }


def _state(one: Cycle) -> str:
    if not one.row.up:
        return "✗ cannot be read"
    if one.row.errors:
        return "! read in part"
    return "! slow" if one.is_late else "✓ read"


def _problems(one: TargetRow, is_open: bool) -> None:
    """What of the target could not be read, or was left out, and why."""
    if one.error:
        st.error(f"**{escaped(one.name)}**: {escaped(one.error)}", icon=":material/cloud_off:")
    lines = [f"{error.part}: {error.message}" for error in one.errors]
    lines += [f"{skipped.what}: skipped, {skipped.reason}" for skipped in one.skipped]
    if lines:
        with st.expander(f"{escaped(one.name)}: not read or left out: {len(lines):,}", expanded=is_open):
            more = [f"and {len(lines) - NAMES:,} more"] if len(lines) > NAMES else []
            st.text("\n".join([*lines[:NAMES], *more]))


def _house(one: House) -> None:
    """The store and the outbox."""
    store, log, waiting, failed = st.columns(4)
    growth = None if one.growth is None else f"{one.growth / 1e6:+,.1f} MB a day"
    store.metric("Store", _megabytes(one.store), growth, delta_color="off", border=True)
    log.metric("Its write-ahead log", _megabytes(one.log), border=True)
    waiting.metric("Notifications waiting", "unknown" if one.waiting is None else f"{one.waiting:,.0f}", border=True)
    given_up = sum(count for _, count in one.failed)
    names = ", ".join(receiver for receiver, count in one.failed)
    failed.metric(
        "Given up within the hour", f"{given_up:,.0f}", escaped(names) or None, delta_color="off", border=True
    )


def _undelivered(found: tuple[Notification, ...] | None, now: float) -> None:
    st.markdown("##### Notifications that nobody has yet")
    if found is None:
        st.caption("Unknown here: the agent's own console tells them.")
        return
    if not found:
        st.caption("None waits, and none was given up.")
        return
    st.dataframe(
        [
            {
                "receiver": plain(one.receiver),
                "made": f"{duration(now - one.created_at)} ago",
                "tries": one.attempts,
                "what went wrong": plain(one.last_error or "") or UNKNOWN,
                "message": plain(message_text(one)),
            }
            for one in found
        ],
        hide_index=True,
        key="outbox",
    )


def _megabytes(size: float | None) -> str:
    return "unknown" if size is None else f"{size / 1e6:,.1f} MB"


frame.shown(show)
