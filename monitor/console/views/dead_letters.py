"""Dead letters: where they lie, where they come from, how long they stay, and what failed before."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from monitor.console import frame, timelines
from monitor.console.charts import timeline
from monitor.console.letters import Letters, load_faults, load_letters
from monitor.console.place import Place
from monitor.console.source import Source
from monitor.console.widgets import UNKNOWN, age_text, count_text, escaped, plain
from monitor.derive import duration

#: Of so much of a dead letter's life is said that little is left.
NEARLY_OVER = 0.8


def show(reader: Source, place: Place, now: float) -> None:
    if place.is_one:
        found = load_letters(reader, now, place.only(("target", "destination")))
        _one(reader, [one for one in found if _is(one, place)], place, now)
        return
    found = load_letters(reader, now)
    _faults(load_faults(reader, now))
    labels = [
        {"target": one.store.target, "destination": one.store.destination, "source": one.store.source} for one in found
    ]
    frame.table([_row(one) for one in found], labels, place, "dead-letters", now)


def _is(one: Letters, place: Place) -> bool:
    of = {"target": one.store.target, "destination": one.store.destination, "source": one.store.source}
    return all(of.get(name) in (text, None) for name, text in place.labels)


def _faults(found: dict[tuple[str, str], tuple[str, ...]]) -> None:
    """What loses dead letters, whether there are any yet or not."""
    if found:
        lines = [
            f"{escaped(where)} ({escaped(target)}): {escaped(', '.join(why))}" for (target, where), why in found.items()
        ]
        st.warning(
            "**The configuration loses messages, or will:** "
            + "; ".join(lines)
            + ". `eda-monitor check` says what to change.",
            icon=":material/report:",
        )


def _one(reader: Source, found: list[Letters], place: Place, now: float) -> None:
    frame.one(
        reader, "dead-letters", timelines.DEAD_LETTERS, place, now, lambda: _facts(found if place.at is None else [])
    )
    for source in dict.fromkeys(one.store.source for one in found if one.store.source):
        there = replace(place, labels=(("destination", source),))
        shown = timelines.lines(reader, timelines.FAILURES, there, now)
        title = f"What the handlers of {escaped(source)} failed with, a second"
        timeline(
            title, shown, place.window(now), place.at, f"failures-{source}", "No failure was counted in this time."
        )


def _facts(found: list[Letters]) -> None:
    """The stores as they are now, in sentences, and what is wrong with them; of another time only the charts tell."""
    for one in found:
        _fact(one)


def _fact(one: Letters) -> None:
    store = one.store
    parts = [f"**{store.depth:,.0f} wait**", f"the oldest {_age(one)}"]
    if one.came is not None:
        parts.append(
            f"within the hour {one.came:,.0f} came" + ("" if one.left is None else f" and {one.left:,.0f} left")
        )
    parts.append("a group reads them" if store.is_read else "nobody reads them")
    if one.failures:
        parts.append(f"the handlers of {escaped(store.source)} failed with {escaped(_reasons(one))}")
    st.markdown(" · ".join(parts))
    wrong = [f"{fault}: its configuration loses messages, or will" for fault in one.faults]
    if one.lost:
        wrong.append(f"{one.lost:,.0f} could not be kept within the hour, and are lost")
    for text in wrong:
        st.warning(escaped(text), icon=":material/report:")


def _row(one: Letters) -> dict[str, object]:
    store = one.store
    return {
        "state": _state(one),
        "destination": plain(store.destination),
        "source": plain(store.source) or UNKNOWN,
        "target": store.target,
        "waiting": count_text(store.depth),
        "new, 15 min": UNKNOWN if store.arrived is None else f"{store.arrived:+,.0f}",
        "in, 1 h": count_text(one.came),
        "out, 1 h": count_text(one.left),
        "oldest": _age(one),
        "read by": "a group" if store.is_read else "nobody",
        "15 minutes": list(store.trend),
        "handlers failed with": _reasons(one) or UNKNOWN,
        "faults": ", ".join(one.faults),
    }


def _state(one: Letters) -> str:
    if one.lost:
        return "✗ loses"
    if (one.store.arrived or 0) > 0:
        return "✗ grows"
    if one.store.depth and (one.life_over or 0) >= NEARLY_OVER:
        return "✗ expires"
    if one.faults:
        return "! fault"
    return "i waits" if one.store.depth else "✓ empty"


def _age(one: Letters) -> str:
    """How old the oldest is, against how long it stays."""
    age = age_text(one.store.oldest_seconds, None)
    if one.life_over is None or one.margin_seconds is None:
        return age
    return f"{age}, deleted in {duration(max(one.margin_seconds, 0))} ({one.life_over:.0%} of its life)"


def _reasons(one: Letters) -> str:
    return ", ".join(f"{plain(reason, 60)} ({count:,.0f})" for reason, count in one.failures[:3])


frame.shown(show)
