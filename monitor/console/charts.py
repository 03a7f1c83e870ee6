"""Charts over time, one axis for all of a page."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from monitor.console.durations import Cell
from monitor.console.timelines import Line

HEIGHT = 180
#: So wide is the axis of all charts, for their times to lie above one another.
AXIS = 44
TOOLTIP_TIME = alt.Tooltip("time:T", format="%Y-%m-%d %H:%M:%S")


def timeline(
    title: str,
    lines: Sequence[Line],
    window: tuple[float, float],
    at: float | None,
    key: str,
    unknown: str = "Nothing is known of this time.",
    figures: str = ",.9~g",
) -> None:
    """The lines over the window, with a mark at the moment that a link names. NaN breaks a line."""
    st.markdown(f"**{title}**")
    if not any(line.points for line in lines):
        st.caption(unknown)
        return
    frame = pd.DataFrame(
        [(pd.Timestamp(time, unit="s", tz="UTC"), value, line.name) for line in lines for time, value in line.points],
        columns=["time", "value", "line"],
    )
    chart = (
        alt.Chart(frame)
        .mark_line(interpolate="step-after", strokeWidth=2, point={"size": 12})  # a point alone is seen, too
        .encode(
            across("time:T", window),
            alt.Y("value:Q", title=None, scale=alt.Scale(zero=True), axis=alt.Axis(format=figures, minExtent=AXIS)),
            alt.Color("line:N", title=None, legend=_LEGEND),
            alt.StrokeDash("line:N", title=None, legend=_LEGEND),
            tooltip=[
                TOOLTIP_TIME,
                "line:N",
                alt.Tooltip("value:Q", format=",.3~f"),
            ],
        )
    )
    st.altair_chart(_marked(chart, at).properties(height=HEIGHT), key=key)


def heatmap(title: str, cells: Sequence[Cell], window: tuple[float, float], at: float | None, key: str) -> None:
    """How many calls took how long, over the window; the darker the more."""
    st.markdown(f"**{title}**")
    if not cells:
        st.caption("Nothing was handled in this time, or it is not known.")
        return
    frame = pd.DataFrame(cells)
    for name in ("begin", "end"):
        frame[name] = pd.to_datetime(frame[name], unit="s", utc=True)
    chart = (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            across("begin:T", window),
            alt.X2("end:T"),
            alt.Y(
                "low:Q",
                title=None,
                scale=alt.Scale(type="log"),
                axis=alt.Axis(format=",.2~g", tickCount=5, minExtent=AXIS),
            ),
            alt.Y2("high:Q"),
            alt.Color("calls:Q", legend=None, scale=alt.Scale(scheme="yelloworangered", type="symlog")),
            tooltip=[
                alt.Tooltip("end:T", title="until", format="%Y-%m-%d %H:%M:%S"),
                alt.Tooltip("low:Q", title="from, s", format=",.2~g"),
                alt.Tooltip("high:Q", title="to, s", format=",.2~g"),
                alt.Tooltip("calls:Q", title="calls", format=",.0f"),
            ],
        )
    )
    st.altair_chart(_marked(chart, at).properties(height=HEIGHT + 40), key=key)


_LEGEND = alt.Legend(orient="bottom", symbolType="stroke", symbolStrokeWidth=2, offset=2)


def across(name: str, window: tuple[float, float]) -> alt.X:
    """The axis of time, with a day's clock, or with days where there are several."""
    domain = [pd.Timestamp(time, unit="s", tz="UTC").isoformat() for time in window]
    written = "%H:%M" if window[1] - window[0] <= 86400 else "%-d %b %H:%M"
    return alt.X(name, title=None, scale=alt.Scale(domain=domain), axis=alt.Axis(tickCount=8, format=written))


def _marked(chart: alt.Chart, at: float | None) -> alt.Chart | alt.LayerChart | alt.FacetChart:
    """With a mark at the moment that a link names."""
    if at is None:
        return chart
    moment = pd.DataFrame({"time": [pd.Timestamp(at, unit="s", tz="UTC")]})
    return alt.layer(chart, alt.Chart(moment).mark_rule(strokeDash=[4, 3]).encode(alt.X("time:T", title=None)))
