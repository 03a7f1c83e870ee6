"""The door of a page: who looks at it, and what they may do. Asked anew with every drawing: a sign-in may end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import quote

import streamlit as st

from monitor.access import AuthSettings
from monitor.console.gate import SIGN_IN, SIGN_OUT
from monitor.console.identity import Identity
from monitor.console.setting import identity
from monitor.console.widgets import escaped

HOW_TO_WRITE = (
    "Here one can only look. To silence and acknowledge on this page, configure [console.auth];"
    " `eda-monitor alerts silence` and `ack` do it on the command line."
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks; `user` is None where they have not signed in. `way` is by which they came in."""

    user: str | None = None
    way: str = ""
    may_look: bool = True

    @property
    def may_write(self) -> bool:
        return self.user is not None


def visitor() -> Visitor:
    """Whoever looks at this page now."""
    found = identity()
    if found is None:
        return Visitor()
    user = _user(found)
    way = next(name for name in ("oidc", "header", "password_file") if getattr(found.settings, name) is not None)
    return Visitor(user, way.replace("_", " "), user is not None or found.settings.view == "anyone")


def opens() -> bool:
    """Whether whoever looks may; where not, the page says what to do."""
    if visitor().may_look:
        return True
    st.info("Sign in to see this page.", icon=":material/lock:")
    invite()
    return False


def invite() -> None:
    """How one signs in."""
    found = identity()
    if found is None:
        st.caption(HOW_TO_WRITE)
    elif found.settings.oidc is not None:
        _invite_by_provider(found.settings)
    elif found.settings.header is not None:
        st.caption("The proxy in front of the console did not tell who you are: sign in there.")
    else:
        st.html(f'<a href="{SIGN_IN}?next={quote(_path(), safe="")}" target="_self">Sign in</a>')


def shown() -> None:
    """Who has signed in, and how they leave."""
    found, who = identity(), visitor()
    if found is None or who.user is None:
        return
    with st.container(key="visitor"), st.popover(escaped(who.user, 40), icon=":material/person:"):
        if found.settings.oidc is not None:
            if st.button("Sign out"):
                st.logout()
        elif found.settings.header is not None:
            st.caption("Known by the proxy in front of the console: sign out there.")
        else:
            st.html(f'<a href="{SIGN_OUT}" target="_self">Sign out</a>')


def _user(found: Identity) -> str | None:
    settings = found.settings
    if settings.oidc is not None:
        claims = st.user.to_dict()
        signed_at = claims.get("iat")
        fresh = isinstance(signed_at, int | float) and time.time() - signed_at < settings.session
        return settings.oidc.user_of(claims) if claims.get("is_logged_in") and fresh else None
    headers = st.context.headers
    values = headers.get_all(settings.header.header) if settings.header is not None else []
    # Streamlit calls the loopback address None, and a connection without headers is none
    peer = st.context.ip_address or ("127.0.0.1" if headers else None)
    return found.user_of(values, peer, st.context.cookies)


def _invite_by_provider(settings: AuthSettings) -> None:
    claims = st.user.to_dict()
    if claims.get("is_logged_in") and settings.oidc is not None:
        name = claims.get(settings.oidc.claim)
        st.caption(escaped(f"{name or 'This account'} is not let in, or signed in too long ago."))
    if st.button("Sign in", type="primary"):
        st.login()


def _path() -> str:
    """The address of this page, to come back to."""
    url = st.context.url or "/"
    return "/" + "/".join(url.split("/")[3:])
