"""Now: what is broken, since when, and what was told to whom."""

from __future__ import annotations

import os
import time

import streamlit as st

from monitor.console import STORE_VARIABLE
from monitor.console import widgets as w
from monitor.console.data import Overview, load_overview
from monitor.reader import StoreError

REFRESH_SECONDS = 5


@st.fragment(run_every=REFRESH_SECONDS)
def page() -> None:
    now = time.time()
    try:
        overview = load_overview(os.environ.get(STORE_VARIABLE, "eda-monitor.db"), now)
    except StoreError as error:
        st.error(w.escaped(f"There is nothing to show: {error}"), icon=":material/database_off:")
        return
    w.state(overview)
    w.alerts(overview, now)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        w.consumers(overview)
    with right:
        w.dead_letters(overview)
    _footer(overview, now)


def _footer(overview: Overview, now: float) -> None:
    w.targets(overview, now)
    w.last_message(overview, now)


page()
