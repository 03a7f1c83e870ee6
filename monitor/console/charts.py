"""Charts over time, one axis for all of a page."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from monitor.console.timelines import Line

HEIGHT = 150
TOOLTIP_TIME = alt.Tooltip("time:T", format="%Y-%m-%d %H:%M:%S")


def timeline(title: str, lines: Sequence[Line], window: tuple[float, float], at: float | None, key: str) -> None:
    """The lines over the window, with a mark at the moment that a link names. NaN breaks a line."""
    st.markdown(f"**{title}**")
    if not any(line.points for line in lines):
        st.caption("Nothing is known of this time.")
        return
    frame = pd.DataFrame(
        [(pd.Timestamp(time, unit="s", tz="UTC"), value, line.name) for line in lines for time, value in line.points],
        columns=["time", "value", "line"],
    )
    domain = [pd.Timestamp(time, unit="s", tz="UTC").isoformat() for time in window]
    across = alt.X("time:T", title=None, scale=alt.Scale(domain=domain), axis=alt.Axis(tickCount=8))
    chart = (
        alt.Chart(frame)
        .mark_line(interpolate="step-after", strokeWidth=2, point={"size": 12})  # a point alone is seen, too
        .encode(
            across,
            alt.Y("value:Q", title=None, scale=alt.Scale(zero=True), axis=alt.Axis(format=",.9~g")),
            alt.Color("line:N", title=None, legend=alt.Legend(orient="bottom")),
            alt.StrokeDash("line:N", title=None),
            tooltip=[
                TOOLTIP_TIME,
                "line:N",
                alt.Tooltip("value:Q", format=",.3~f"),
            ],
        )
    )
    if at is not None:
        moment = pd.DataFrame({"time": [pd.Timestamp(at, unit="s", tz="UTC")]})
        chart = alt.layer(chart, alt.Chart(moment).mark_rule(strokeDash=[4, 3]).encode(alt.X("time:T", title=None)))
    st.altair_chart(chart.properties(height=HEIGHT), key=key)
