"""The history of alerts as bands over time."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from monitor.console.charts import across
from monitor.console.history import FIRING, PENDING, SILENCED, Span, spans
from monitor.console.widgets import plain
from monitor.store.reader import AlertState, Silence, Transition

#: Alerts of which bands are drawn, at most.
MOST = 25
COLOURS = {FIRING: "#d92d20", PENDING: "#e0a030", SILENCED: "#8a8a8a"}


def alert_bands(
    changes: list[Transition], alerts: list[AlertState], silences: list[Silence], window: tuple[float, float]
) -> None:
    """When each alert was pending, firing or silenced, over a time that ends now."""
    found = spans(changes, alerts, silences, *window)
    if found:
        _draw(found, window)


def _draw(found: list[Span], window: tuple[float, float]) -> None:
    names = sorted({one.alert for one in found}, key=lambda name: -max(o.end for o in found if o.alert == name))[:MOST]
    frame = pd.DataFrame([one for one in found if one.alert in set(names)])
    frame["alert"] = frame["alert"].map(lambda name: plain(name, 48))
    for edge in ("begin", "end"):
        frame[edge] = pd.to_datetime(frame[edge], unit="s", utc=True)
    chart = (
        alt.Chart(frame)
        .mark_bar(height=12, cornerRadius=2)
        .encode(
            across("begin:T", window),
            alt.X2("end:T"),
            alt.Y("alert:N", title=None, sort=None, axis=alt.Axis(labelLimit=190, labelOverlap=False)),
            alt.Color(
                "state:N",
                title=None,
                scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
                legend=alt.Legend(orient="top", columns=2),  # beside the names a phone has no room for three
            ),
            tooltip=[
                "alert:N",
                "state:N",
                alt.Tooltip("begin:T", title="from", format="%Y-%m-%d %H:%M:%S"),
                alt.Tooltip("end:T", title="until", format="%Y-%m-%d %H:%M:%S"),
            ],
        )
    )
    st.altair_chart(chart.properties(height=alt.Step(20)), key="bands")
