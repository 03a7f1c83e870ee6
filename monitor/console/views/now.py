"""Now: what is broken, since when, why, and what changed."""

from __future__ import annotations

import streamlit as st

from monitor.console import frame, rows
from monitor.console.overview import load_overview
from monitor.console.place import Place
from monitor.console.welcome import welcome
from monitor.reader import Reader


def show(reader: Reader, place: Place, now: float) -> None:
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
        rows.events(overview.events, now)
        rows.last_message(overview, now)


frame.shown(show)
