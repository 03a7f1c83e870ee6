"""The parts of the page "now": the state, a row for each problem, what happened, and what is well."""

from __future__ import annotations

import os

import streamlit as st

from monitor.alerts.links import dashboard_link
from monitor.console import GRAFANA_VARIABLE
from monitor.console.clock import clock
from monitor.console.overview import Overview, message_text
from monitor.console.place import LABELS, Place
from monitor.console.problems import Harm, Problem
from monitor.console.sparks import spark
from monitor.console.widgets import coded, escaped, link, when, zone
from monitor.derive import duration

#: Of each harm its icon, its word and its colour, as Markdown and as CSS name it.
LOOKS = {
    Harm.BLIND: ("visibility_off", "not read", "red", "#d92d20"),
    Harm.LOST: ("delete_forever", "lost", "red", "#d92d20"),
    Harm.DEAD_LETTERS: ("mark_email_unread", "dead letters", "red", "#d92d20"),
    Harm.STOPPED: ("stop_circle", "stopped", "red", "#d92d20"),
    Harm.SLOW: ("hourglass_bottom", "slow", "orange", "#c4730a"),
    Harm.NOTE: ("info", "note", "blue", "#3b74c4"),
}
#: So many problems fit a laptop's screen, and so many events beside them.
ROWS, EVENTS = 7, 12
#: Rules that are named of a problem.
RULES = 2


def state(overview: Overview, now: float) -> None:
    """The sentence, and how old the figures are; grey where they are of another time."""
    icon, colour = ("check_circle", "green") if _is_well(overview) else ("error", "red")
    if overview.silent_for(now) is not None or overview.data_age_seconds is None:
        icon, colour = "help", "gray"
    st.markdown(f"#### :{colour}[:material/{icon}: {escaped(overview.sentence, 500)}]")
    st.caption(_age(overview))


def _is_well(overview: Overview) -> bool:
    return not overview.problems and "alerts" not in overview.unknown


def _age(overview: Overview) -> str:
    age = overview.data_age_seconds
    if age is None:
        return ":red[:material/schedule: No target has ever been read: the figures are unknown.]"
    if overview.stale:
        names = ", ".join(overview.stale[:3]) + (" …" if len(overview.stale) > 3 else "")
        return f":red[:material/schedule: Stale: the data is {duration(age)} old ({escaped(names)}).]"
    count = len(overview.targets)
    return f":material/schedule: As of {duration(age)} ago · {count:,} target{'s are' if count > 1 else ' is'} read"


def problems(overview: Overview, now: float) -> None:
    """A row for each, the worst first; grey where the agent has stopped."""
    stale = overview.silent_for(now) is not None
    with st.container(key="problems", gap=None):
        for number, one in enumerate(overview.problems[:ROWS]):
            _problem(one, number, now, stale)
    more = len(overview.problems) - ROWS
    if more > 0:
        link("alerts", f"and {more:,} more", Place())


def _problem(one: Problem, number: int, now: float, stale: bool) -> None:
    icon, word, colour, paint = LOOKS[one.harm]
    if stale:
        colour, paint = "gray", "#888"
    place = Place(tuple((name, one.subject.get(name)) for name in LABELS if one.subject.get(name)))
    with st.container(key=f"problem-{number}"):
        what, drawn, told = st.columns([9, 2, 4], vertical_alignment="center", gap="small")
        with what.container(gap=None):
            name = escaped(one.subject.name, 60)
            link(one.subject.page, f":{colour}[:material/{icon}: **{word}**]  **{name}**", place)
            st.markdown(f":small[{escaped(_ended(one.cause), 320)}] {_advice(one)}")
        if len(one.trend) > 1:
            waiting = [value for _, value in one.trend]
            said = f"what waits, in the last hour: now {waiting[-1]:,.0f}, at most {max(waiting):,.0f}"
            drawn.html(spark(one.trend, paint, said))
        told.markdown("  \n".join(f":small[{line}]" for line in _told(one, now)))


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def _advice(one: Problem) -> str:
    return f":small[:gray[{coded(one.advice, 320)}]]" if one.advice else ""


def _told(one: Problem, now: float) -> list[str]:
    """Since when, how it rises, which alerts tell of it, and links."""
    since = "since when is not known"
    if one.since is not None:
        since = f"for **{duration(now - one.since)}**, since {when(one.since, now)}"
    rules = list(dict.fromkeys(alert.rule + ("" if alert.state == "firing" else " (pending)") for alert in one.alerts))
    more = f" and {len(rules) - RULES} more" if len(rules) > RULES else ""
    note = f":material/notifications_off: {escaped(one.note)}" if one.note else ""
    rise = " · ".join(filter(None, (_slope(one.slope), *_links(one))))
    return [line for line in (since, rise, escaped(", ".join(rules[:RULES]) + more, 90), note) if line]


def _slope(slope: float | None) -> str:
    """Words beside the arrow: neither colour nor a sign alone tells it."""
    if slope is None:
        return ""
    if abs(slope) < 0.05:
        return "→ steady"
    rise = f"{abs(slope):,.0f}" if abs(slope) >= 99.5 else f"{abs(slope):.2g}"
    return f"▲ +{rise}/min" if slope > 0 else f"▼ −{rise}/min"


def _links(one: Problem) -> list[str]:
    """The runbook where it has an address, and the dashboard where a Grafana is known."""
    runbook = next((a.annotations["runbook_url"] for a in one.alerts if a.annotations.get("runbook_url")), "")
    known, (page, labels) = os.environ.get(GRAFANA_VARIABLE, ""), one.subject
    grafana = dashboard_link(known, dict(labels), page, one.since) if one.since is not None else ""
    found = [("menu_book", "runbook", runbook), ("monitoring", "Grafana", grafana)]
    return [f":material/{icon}: [{word}](<{address}>)" for icon, word, address in found if address.startswith("http")]


def events(overview: Overview, now: float) -> None:
    st.markdown("##### What changed in the last hour")
    found = overview.events
    if "changes of alerts" in overview.unknown:
        st.caption(":material/help: When alerts began and ended is unknown here.")
    elif not found:
        st.caption("Nothing: no alert, no consumer and no target came or went.")
    with st.container(key="events", gap=None):
        for one in found[:EVENTS]:
            sign, colour = ("▲", "red") if one.is_bad else ("✓", "green")
            labels = tuple((name, one.labels[name]) for name in LABELS if one.labels.get(name))
            label = f":gray[{clock(one.at, now, zone())}] :{colour}[{sign}] {escaped(one.text, 90)}"
            link(one.page, label, Place(labels, at=one.at))
    if len(found) > EVENTS:
        st.caption(f"and {len(found) - EVENTS:,} more")


def well(overview: Overview, now: float) -> None:
    """What needs nobody, in a line."""
    groups = [f"{count:,} group{'s' if count > 1 else ''} {_words(kind, count)}" for kind, count in overview.well]
    bad = {one.subject.get("destination") for one in overview.problems if one.subject.page == "dead-letters"}
    quiet = [one for one in overview.dead_letters if one.destination not in bad]
    stores = [f"{len(quiet):,} dead-letter destination{'s' if len(quiet) > 1 else ''} at rest"] if quiet else []
    read = [
        f"{one.name} read {duration(now - one.last_success_at)} ago"
        for one in overview.targets
        if one.up and one.last_success_at
    ]
    failed = [
        f"{one.name}: {len(one.errors)} part{'s' if len(one.errors) > 1 else ''} failed"
        for one in overview.targets
        if one.errors
    ]
    if overview.silent_for(now) is not None:
        read = []
    told = " · ".join(escaped(part) for part in (*groups, *stores, *read, *failed))
    if told:
        st.caption(f":material/check: {told}")


def _words(kind: str, count: int) -> str:
    if kind == "keeps up":
        return "keep up" if count > 1 else kind
    return f"{'are' if count > 1 else 'is'} {kind}"


def last_message(overview: Overview, now: float) -> None:
    message = overview.last_message
    if "notifications" in overview.unknown:
        st.caption(":material/help: Which notifications were sent is unknown here.")
        return
    if message is None:
        st.caption("No notification has been sent: no alert fired, or there is no receiver.")
        return
    when = f"sent {duration(now - message.sent_at)} ago" if message.sent_at else f"waiting, {message.attempts} tries"
    problem = f" ({escaped(message.last_error)})" if message.last_error else ""
    st.caption(
        f":material/outgoing_mail: Last notification to {escaped(message.receiver)}, {when}{problem}: "
        f"{escaped(message_text(message), 120)}"
    )
