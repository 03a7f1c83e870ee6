"""Now: what is broken, since when, and what was told to whom."""

from __future__ import annotations

import streamlit as st

from monitor.console import frame
from monitor.console import widgets as w
from monitor.console.data import load_overview
from monitor.console.place import Place
from monitor.console.source import Source


def show(reader: Source, place: Place, now: float) -> None:
    overview = load_overview(reader, now)
    w.state(overview)
    w.alerts(overview, now)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        w.consumers(overview)
    with right:
        w.dead_letters(overview)
    w.targets(overview, now)
    w.last_message(overview, now)


frame.shown(show)
