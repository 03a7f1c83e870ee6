"""The parts that pages are made of. Names from brokers are escaped: they may hold anything."""

from __future__ import annotations

import re

import pandas as pd
import streamlit as st

from monitor import derive
from monitor.alerts.links import console_path
from monitor.console.data import Overview, message_text
from monitor.console.handling import failed_text, p95_text
from monitor.derive import QUALITY, duration
from monitor.reader import AlertState

STALE_SECONDS = 60.0
ROWS = 200
#: What is not known, or has no name.
UNKNOWN = "–"


def escaped(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])", r"\\\1", text)


def state(overview: Overview) -> None:
    """The sentence of state, and how old the data is."""
    age = overview.data_age_seconds
    healthy = overview.sentence.startswith("All is well")
    icon, colour = (":material/check_circle:", "green") if healthy else (":material/error:", "red")
    st.markdown(f"### :{colour}[{icon}] {escaped(overview.sentence)}")
    if age is None:
        st.caption(":red[No target has ever been read: the figures are unknown.]")
    elif age > STALE_SECONDS:
        st.caption(f":red[:material/schedule: Stale: the data is {duration(age)} old.]")
    else:
        st.caption(f":material/schedule: As of {duration(age)} ago")


def alerts(overview: Overview, now: float) -> None:
    """What fires in one box, a line each, and what is about to in another."""
    firing = [
        _alert(one, "firing", now - (one.fired_at or one.active_at)) for one in overview.alerts if one.state == "firing"
    ]
    pending = [_alert(one, "pending", now - one.active_at) for one in overview.alerts if one.state == "pending"]
    if firing:
        st.error("  \n".join(firing), icon=":material/notifications_active:")
    if pending:
        st.warning("  \n".join(pending), icon=":material/hourglass_top:")

    if "alerts" in overview.unknown:
        st.warning("Alerts are unknown here: whether any fires is told elsewhere.", icon=":material/help:")


def _alert(alert: AlertState, state: str, seconds: float) -> str:
    summary = escaped(alert.annotations.get("summary", ""))
    path = console_path(alert.labels, alert.annotations, alert.fired_at or alert.active_at)
    return f"**[{escaped(alert.rule)}]({path})** — {summary} · {state} for {duration(seconds)}"


def consumers(overview: Overview) -> None:
    st.markdown("##### Consumers, furthest behind first")
    if not overview.consumers:
        st.info("No group and no handler is known yet.")
        return
    rows: list[dict[str, object]] = [
        {
            "group": one.group,
            "destination": one.destination,
            "messages": one.backlog,
            "behind": age_text(one.age_seconds, one.quality if one.backlog else None),
            "consumers": count_text(one.consumers),
            "handler p95": p95_text(one.handling),
            "failed": failed_text(one.handling),
            "15 minutes": list(one.trend),
        }
        for one in overview.consumers[:ROWS]
    ]
    _table(rows, "consumers")
    _more(len(overview.consumers))


def dead_letters(overview: Overview) -> None:
    st.markdown("##### Dead letters")
    if not overview.dead_letters:
        st.success("No dead-letter destination was found.", icon=":material/inbox:")
        return
    rows: list[dict[str, object]] = [
        {
            "destination": one.destination,
            "source": one.source or UNKNOWN,
            "waiting": one.depth,
            "new, 15 min": UNKNOWN if one.arrived is None else f"{one.arrived:+.0f}",
            "oldest": age_text(one.oldest_seconds, None),
            "read by": "a group" if one.is_read else "nobody",
            "15 minutes": list(one.trend),
        }
        for one in overview.dead_letters[:ROWS]
    ]
    _table(rows, "dead_letters")
    _more(len(overview.dead_letters))


def targets(overview: Overview, now: float) -> None:
    lines = []
    for target in overview.targets:
        seen = f"read {duration(now - target.last_success_at)} ago" if target.last_success_at else "never read"
        failed = len(target.errors)
        parts = f", {failed} part{'s' if failed > 1 else ''} failed" if failed else ""
        if target.up:
            lines.append(f":green[:material/check:] {escaped(target.name)}: {seen}{parts}")
        else:
            lines.append(f":red[:material/close:] {escaped(target.name)}: {seen}. {escaped(target.error or '')}")
    if lines:
        st.caption("Targets: " + " · ".join(lines))


def last_message(overview: Overview, now: float) -> None:
    message = overview.last_message
    if "notifications" in overview.unknown:
        st.caption("Notifications are unknown here: the agent's own console tells what was sent to whom.")
        return
    if message is None:
        st.caption("No notification has been sent: no alert fired, or there is no receiver.")
        return
    when = f"sent {duration(now - message.sent_at)} ago" if message.sent_at else f"waiting, {message.attempts} tries"
    problem = f" ({escaped(message.last_error)})" if message.last_error else ""
    st.caption(
        f":material/outgoing_mail: Last notification to {escaped(message.receiver)}, {when}{problem}: "
        f"{escaped(message_text(message))}"
    )


def age_text(seconds: float | None, quality: float | None) -> str:
    """How long, with how it is known; a dash where it is unknown."""
    return UNKNOWN if seconds is None else f"{QUALITY.get(quality or 0, '')}{duration(seconds)}"


def count_text(count: float | None) -> str:
    return UNKNOWN if count is None else f"{count:,.0f}"


def rate_text(rate: float | None) -> str:
    """Events a second, to three figures; a dash where it is unknown."""
    return UNKNOWN if rate is None else derive.rate_text(rate)


def _more(count: int) -> None:
    if count > ROWS:
        st.caption(f"and {count - ROWS} more")


def _table(rows: list[dict[str, object]], key: str) -> None:
    config = {"15 minutes": st.column_config.AreaChartColumn(width="small")}
    height = min(36 + 35 * len(rows), 400)
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config, height=height, key=key)
