"""Now: what is broken, since when, why, and what changed."""

from __future__ import annotations

import streamlit as st

from monitor.console import frame, rows
from monitor.console.overview import load_overview
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.welcome import welcome


def show(reader: Source, place: Place, now: float) -> None:
    overview = load_overview(reader, now)
    rows.state(overview, now)
    if not overview.targets:
        welcome()
        return
    wrong, changed = st.columns([3, 1], gap="medium")
    with wrong:
        rows.problems(overview, now)
        rows.well(overview, now)
    with changed:
        rows.events(overview, now)
        rows.last_message(overview, now)


frame.shown(show)
