"""Topology: who publishes where, who reads it, and where its dead letters go."""

from __future__ import annotations

import streamlit as st

from monitor.console import frame
from monitor.console.diagram import LOOKS, address, dot
from monitor.console.map import load_topology
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.topology import Graph, State, around, legible
from monitor.console.widgets import plain

#: More than so many are first shown without those that are well, and so many are drawn at most.
MANY = 60


def show(reader: Source, place: Place, now: float) -> None:
    whole = load_topology(reader, now)
    if not whole.nodes:
        st.info("Nothing is known yet.")
        return
    ill = any(node.state is not State.WELL for node in whole.nodes)
    word, only_wrong = _choice(ill and len(whole.nodes) > MANY)
    shown = around(whole, word, only_wrong)
    st.caption(_told(whole, shown))
    if not shown.nodes:
        st.info("Nothing has this in its name." if word else "All is well.")
        return
    diagram, table = st.columns([1, 1], gap="medium")
    with diagram:
        st.graphviz_chart(dot(_drawn(shown)), width="content", alt="The same as in the table")
    with table:
        _table(shown)
        frame.elsewhere("topology", place, now)


def _choice(many: bool) -> tuple[str, bool]:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    word = left.text_input("Filter", key="topology-filter", placeholder="part of a name")
    return word, right.toggle("Only what is not well, and what is beside it", value=many, key="topology-wrong")


def _drawn(shown: Graph) -> Graph:
    """What is drawn of it: one cannot see hundreds at once."""
    if len(shown.nodes) <= MANY or st.toggle("Draw every one", key="topology-every"):
        return shown
    drawn = legible(shown, MANY)
    missing = len(shown.nodes) - sum(node.count for node in drawn.nodes)
    if missing:
        st.caption(f"The worst are drawn; {missing:,} more are in the table.")
    return drawn


def _told(whole: Graph, shown: Graph) -> str:
    signs = " · ".join(
        f"{LOOKS[state][0]} {count:,} {state}"
        for state in State
        if (count := sum(node.state is state for node in whole.nodes))
    )
    hidden = len(whole.nodes) - len(shown.nodes)
    return (
        f"{signs}" + (f" · {hidden:,} not shown" if hidden else "") + " · dashed: dead letters, dotted: nothing moves"
    )


def _table(shown: Graph) -> None:
    ways: dict[object, list[str]] = {}
    for edge in shown.edges:
        ways.setdefault(edge.begin, []).append(edge.end.name)
    rows = [
        {
            "state": f"{LOOKS[node.state][0]} {node.state}",
            "what": str(node.key.layer),
            "name": plain(node.key.name),
            "figures": node.figures,
            "why": node.why,
            "goes to": ", ".join(plain(name, 60) for name in ways.get(node.key, [])),
            "target": node.key.target,
            "open": address(node) if node.labels else "",
        }
        for node in sorted(shown.nodes, key=lambda node: list(State).index(node.state))
    ]
    st.dataframe(
        rows,
        hide_index=True,
        height=min(36 + 35 * len(rows), 700),
        key="topology",
        column_config={"open": st.column_config.LinkColumn(display_text="open", width="small")},
    )


frame.shown(show)
