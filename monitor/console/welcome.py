"""What to do where there is nothing to show yet, with the lines to paste."""

from __future__ import annotations

import streamlit as st

FIRST = """eda-monitor init    # writes eda-monitor.toml: name your brokers there
eda-monitor check   # says for each of them whether it can be read, and if not, why
eda-monitor up      # reads them for ever, and serves this console"""
DEMO = "eda-monitor demo    # brokers, traffic and faults of its own"


def welcome() -> None:
    """Of a first run."""
    st.markdown("In a folder of its own, or beside your configuration:")
    st.code(FIRST, language="bash")
    st.markdown("To see first what it looks like:")
    st.code(DEMO, language="bash")
