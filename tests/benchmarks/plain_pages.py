"""Two pages of Streamlit with one chart each, to click between."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st


def chart(title: str) -> None:
    """As many points as a chart of ours has."""
    st.title(title)
    frame = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=120, freq="1min"), "value": range(120)})
    st.altair_chart(alt.Chart(frame).mark_line().encode(alt.X("time:T"), alt.Y("value:Q")))


pages = [st.Page(lambda name=name: chart(name), title=name, url_path=name) for name in ("one", "other")]
st.navigation(pages, position="top").run()
