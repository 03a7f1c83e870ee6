"""What all pages share: they refresh themselves, know their place, and say what is wrong instead of breaking."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing

import streamlit as st

from monitor.alerts.links import board_link
from monitor.console import GRAFANA_VARIABLE, door
from monitor.console.charts import timeline
from monitor.console.overview import silent_for
from monitor.console.place import BEFORE, PARAMETERS, SPANS, Place, PlaceError, opened, parsed, written
from monitor.console.source import Source
from monitor.console.sources import opened_source
from monitor.console.timelines import Panel, lines
from monitor.console.welcome import welcome
from monitor.console.widgets import escaped, when
from monitor.derive import duration
from monitor.store.reader import NoStoreError, StoreError

REFRESH_SECONDS = 5
#: So many rows of a list are shown: more make the page slow, and nobody reads them.
ROWS = 500
#: Columns that hold what a figure was of late.
TRENDS = ("15 minutes", "1 hour")


def shown(show: Callable[[Source, Place, float], None]) -> None:
    """Draw a page over the store, and again every few seconds; raises nothing that a person would see."""

    @st.fragment(run_every=REFRESH_SECONDS)
    def page() -> None:
        if not door.opens():
            return
        try:
            place = parsed(st.query_params.to_dict())
            source, now = opened_source(time.time())
            with closing(source):
                _stopped(silent_for(source, now), now)
                show(source, place, now)
        except PlaceError as error:
            st.error(escaped(f"This address cannot be opened: {error}"), icon=":material/link_off:")
        except StoreError as error:
            st.error(escaped(f"There is nothing to show: {error}"), icon=":material/database_off:")
            if isinstance(error, NoStoreError):
                welcome()

    page()


def _stopped(silent: float | None, now: float) -> None:
    """A stopped agent is the first thing that every page says."""
    if silent is not None:
        since = when(now - silent, now)
        st.error(
            f"**The agent has stopped: it has written nothing for {duration(silent)}, since {since}.** What is below"
            " was so then, or is unknown. Start it with `eda-monitor agent`, or `eda-monitor up`.",
            icon=":material/heart_broken:",
        )


def go(place: Place) -> None:
    """Show another place on this page."""
    _address(place)
    st.rerun()


def _address(place: Place) -> None:
    """From the next drawing on the page shows this place. Parameters of the address that are not ours stay."""
    others = {name: value for name, value in st.query_params.to_dict().items() if name not in PARAMETERS}
    st.query_params.from_dict({**others, **written(place)})


def table(rows: list[dict[str, object]], labels: list[dict[str, str]], place: Place, key: str, now: float) -> None:
    """A list with a filter; choosing a row opens its thing. `labels` name the thing of each row, `key` is the page."""
    word = st.text_input("Filter", key=f"{key}-filter", placeholder="part of a name").casefold()
    kept = [number for number, of in enumerate(labels) if word in " ".join(of.values()).casefold()]
    if not kept:
        st.info("Nothing has this in its name." if word else "Nothing is known yet.")
        return

    def choose() -> None:
        """The row as it was drawn, and not what stands there meanwhile; the list itself is not drawn once more."""
        for number in st.session_state[key]["selection"]["rows"][:1]:
            _address(opened(place, labels[kept[number]]))

    st.dataframe(
        [rows[number] for number in kept[:ROWS]],
        hide_index=True,
        height=min(36 + 35 * len(kept), 740),
        key=key,
        on_select=choose,
        selection_mode="single-row",
        column_config=dict.fromkeys(TRENDS, st.column_config.AreaChartColumn(width="small")),
    )
    if len(kept) > ROWS:
        st.caption(f"and {len(kept) - ROWS:,} more: narrow them down by a part of their name")
    elsewhere(key, place, now)


def one(
    reader: Source,
    page: str,
    panels: tuple[Panel, ...],
    place: Place,
    now: float,
    told: Callable[[], object] = lambda: None,
) -> None:
    """The thing of the place, over its time; what is to be `told` of it stands before the charts."""
    head(page, place, now)
    told()
    window = place.window(now)
    for number, panel in enumerate(panels):
        timeline(panel.title, lines(reader, panel, place, now), window, place.at, f"chart-{number}")


def head(page: str, place: Place, now: float, called: str = "") -> None:
    """The name of the one thing, the way back to the list, and the controls of time. It is `called` as its labels
    where nothing else is told.
    """
    back, name, beside = st.columns([1, 5, 1], vertical_alignment="center")
    if back.button("All", icon=":material/arrow_back:"):
        go(Place(span=place.span))
    name.markdown("#### " + escaped(called or " · ".join(value for _, value in place.labels)))
    with beside:
        elsewhere(page, place, now)
    _time(place, compares=page != "alerts")


def elsewhere(page: str, place: Place, now: float) -> None:
    """The way to the dashboard about the same, over the same time, where a Grafana is known."""
    address = board_link(os.environ.get(GRAFANA_VARIABLE, ""), dict(place.labels), page, place.window(now))
    if address.startswith("http"):
        st.markdown(f":material/monitoring: [Grafana](<{address}>)")


def _time(place: Place, compares: bool) -> None:
    """The controls of time: how long, compared with what, and back to now."""
    span, before, live = st.columns([3, 3, 2], vertical_alignment="bottom")
    length = span.segmented_control("Time shown", list(SPANS), default=place.span, key="span") or place.span
    earlier = place.before
    if compares:
        chosen = before.segmented_control("Compare with before", list(BEFORE), default=earlier or None, key="before")
        earlier = chosen or ""
    at = place.at
    if at is not None and live.button("Up to now", icon=":material/update:"):
        at = None
    wanted = Place(place.labels, at, length, earlier)
    if wanted != place:
        go(wanted)
