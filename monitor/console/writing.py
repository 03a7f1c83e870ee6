"""What somebody who has signed in may do about alerts, at the same desk as the command line."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from monitor.alerts.silences import matchers_of, parse_lasting, parse_matchers, shown
from monitor.console.door import Visitor
from monitor.console.widgets import escaped, when
from monitor.store.desk import Desk
from monitor.store.reader import AlertState, Audited, Silence, StoreError

LASTING = ("30m", "1h", "2h", "4h", "8h", "1d", "7d")
#: Labels that say more of the rule than of what an alert is about.
NOT_MATCHED = ("severity", "system")
COMMENT_LETTERS = 500
#: How often this visitor has written, in the state of their session.
DONE = "written"
#: A person waits for the page.
BUSY_SECONDS = 3.0


def silencing(one: AlertState, who: Visitor, path: str, now: float) -> None:
    """The form that silences alerts like this one."""
    about = {name: text for name, text in one.labels.items() if name not in NOT_MATCHED}
    with (
        st.popover("Silence", icon=":material/notifications_off:", key=f"silence-{_key(one)}"),
        st.form(f"silence-form-{_key(one)}", border=False),
    ):
        matchers = matchers_of(about)
        wanted = st.multiselect("Alerts with all of", matchers, default=matchers, accept_new_options=True)
        lasting = st.selectbox("For", LASTING, index=LASTING.index("2h"), accept_new_options=True)
        comment = st.text_input("Why, for the others", max_chars=COMMENT_LETTERS)
        if st.form_submit_button("Silence", type="primary"):
            _done(lambda: _silence(wanted, lasting, comment, who, path, now))


def acknowledging(one: AlertState, who: Visitor, path: str, now: float) -> None:
    """The form that says that somebody works on it."""
    with (
        st.popover("Acknowledge", icon=":material/person_check:", key=f"ack-{_key(one)}"),
        st.form(f"ack-form-{_key(one)}", border=False),
    ):
        st.caption("Nobody is told again of it until it is resolved.")
        comment = st.text_input("What you know, for the others", max_chars=COMMENT_LETTERS)
        if st.form_submit_button("Acknowledge", type="primary"):
            _done(lambda: _acknowledge(one, comment, who, path, now))


def silences(found: list[Silence], who: Visitor, path: str, now: float) -> None:
    """Those that have not ended, each with what ends it."""
    if not found:
        return
    st.markdown("##### Silences")
    for one in found:
        text, button = st.columns([6, 1], vertical_alignment="center")
        begins = f"from {when(one.starts_at, now)} " if one.starts_at > now else ""
        lasts = f"{begins}until {when(one.ends_at, now)}"
        text.markdown(escaped(f"{one.id} · {shown(one.matchers)} · {lasts} · {one.author}: {one.comment}"))
        if who.may_write and button.button("End", key=f"end-{one.id}", help=f"End silence {one.id}"):
            _done(lambda id=one.id: _end(id, who, path, now))  # type: ignore[misc]


def audit(found: list[Audited], now: float) -> None:
    """Who did what, newest first."""
    if not found:
        return
    st.markdown("##### What people did")
    rows = [
        {"at": when(one.at, now), "who": one.author, "did": one.action, "about": one.about, "by": one.via}
        for one in found
    ]
    st.dataframe(rows[::-1], hide_index=True, key="audit")


def _silence(wanted: list[str], lasting: str | None, comment: str, who: Visitor, path: str, now: float) -> str:
    if not comment.strip():
        raise ValueError("Say why, for the others.")
    matchers, seconds = parse_matchers(wanted), parse_lasting(lasting or "")
    with _desk(who, path) as desk:
        id = desk.add_silence(matchers, now, now + seconds, comment, now)
    return f"Silence {id} until {when(now + seconds, now)}."


def _end(id: int, who: Visitor, path: str, now: float) -> str:
    with _desk(who, path) as desk:
        if not desk.expire_silence(id, now):
            raise ValueError(f"Silence {id} has ended already.")
    return f"Silence {id} has ended."


def _acknowledge(one: AlertState, comment: str, who: Visitor, path: str, now: float) -> str:
    with _desk(who, path) as desk:
        if not desk.acknowledge(one.rule, one.fingerprint, comment, now):
            raise ValueError("It does not fire any more.")
    return f"Acknowledged: {one.rule}."


def _desk(who: Visitor, path: str) -> Desk:
    if who.user is None:
        raise ValueError("Your sign-in has ended: sign in again.")
    return Desk(path, who.user, f"console, {who.way}", BUSY_SECONDS)


def _done(do: Callable[[], str]) -> None:
    """Do it, and say what became of it."""
    try:
        said = do()
    except (ValueError, StoreError) as error:
        st.error(escaped(str(error)), icon=":material/error:")
    else:
        st.toast(escaped(said), icon=":material/check:", duration="long")
        st.session_state[DONE] = st.session_state.get(DONE, 0) + 1
        st.rerun()


def _key(one: AlertState) -> str:
    """A form that was sent is another one from then on: closed, and empty."""
    return f"{one.rule}-{one.fingerprint}-{st.session_state.get(DONE, 0)}"
