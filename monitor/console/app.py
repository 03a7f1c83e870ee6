"""Entry script of the console: `eda-monitor console` runs it with Streamlit."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

VIEWS = Path(__file__).parent / "views"

st.set_page_config(page_title="eda-monitor", page_icon="📡", layout="wide")
# the default leaves a fifth of a laptop's screen empty above the first line
st.html("<style>.stMainBlockContainer { padding-top: 2.5rem; padding-bottom: 1rem; }</style>")
st.navigation(
    [st.Page(VIEWS / "now.py", title="Now", icon=":material/monitor_heart:", default=True)], position="top"
).run()
