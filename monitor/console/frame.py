"""What all pages share: they refresh themselves, know their place, and say what is wrong instead of breaking."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing

import streamlit as st

from monitor.console import STORE_VARIABLE, door
from monitor.console.charts import timeline
from monitor.console.place import BEFORE, PARAMETERS, SPANS, Place, PlaceError, opened, parsed, written
from monitor.console.timelines import Panel, lines
from monitor.console.widgets import escaped
from monitor.reader import Reader, StoreError

REFRESH_SECONDS = 5


def shown(show: Callable[[Reader, Place, float], None]) -> None:
    """Draw a page over the store, and again every few seconds; raises nothing that a person would see."""

    @st.fragment(run_every=REFRESH_SECONDS)
    def page() -> None:
        if not door.opens():
            return
        try:
            place = parsed(st.query_params.to_dict())
            with closing(Reader(os.environ.get(STORE_VARIABLE, "eda-monitor.db"))) as reader:
                show(reader, place, time.time())
        except PlaceError as error:
            st.error(escaped(f"This address cannot be opened: {error}"), icon=":material/link_off:")
        except StoreError as error:
            st.error(escaped(f"There is nothing to show: {error}"), icon=":material/database_off:")

    page()


def go(place: Place) -> None:
    """Show another place on this page: the address changes with it, but for parameters that are not ours."""
    others = {name: value for name, value in st.query_params.to_dict().items() if name not in PARAMETERS}
    st.query_params.from_dict({**others, **written(place)})
    st.rerun()


def table(rows: list[dict[str, object]], labels: list[dict[str, str]], place: Place, key: str) -> None:
    """A list with a filter; choosing a row opens its thing. `labels` name the thing of each row."""
    word = st.text_input("Filter", key=f"{key}-filter", placeholder="part of a name").casefold()
    kept = [number for number, of in enumerate(labels) if word in " ".join(of.values()).casefold()]
    if not kept:
        st.info("Nothing has this in its name." if word else "Nothing is known yet.")
        return
    chosen = st.dataframe(
        [rows[number] for number in kept],
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        column_config={"15 minutes": st.column_config.AreaChartColumn(width="small")},
    )
    for number in chosen["selection"]["rows"][:1]:
        go(opened(place, labels[kept[number]]))


def one(reader: Reader, panels: tuple[Panel, ...], place: Place, now: float) -> None:
    """The thing of the place, over its time."""
    back, name = st.columns([1, 6], vertical_alignment="center")
    if back.button("All", icon=":material/arrow_back:"):
        go(Place(span=place.span))
    name.markdown("#### " + escaped(" · ".join(value for _, value in place.labels)))
    _time(place)
    window = place.window(now)
    for number, panel in enumerate(panels):
        timeline(panel.title, lines(reader, panel, place, now), window, place.at, f"chart-{number}")


def _time(place: Place) -> None:
    """The controls of time: how long, compared with what, and back to now."""
    span, before, live = st.columns([3, 3, 2], vertical_alignment="bottom")
    length = span.segmented_control("Time shown", list(SPANS), default=place.span, key="span") or place.span
    earlier = before.segmented_control("Compare with before", list(BEFORE), default=place.before or None, key="before")
    at = place.at
    if at is not None and live.button("Up to now", icon=":material/update:"):
        at = None
    wanted = Place(place.labels, at, length, earlier or "")
    if wanted != place:
        go(wanted)
