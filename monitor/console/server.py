"""Entry of the console: Streamlit serves its pages behind the gate. `eda-monitor console` runs it."""

from __future__ import annotations

import gc
import logging
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.starlette import App

from monitor.console import charts, signin
from monitor.console.gate import Gate
from monitor.console.refreshes import Refreshes
from monitor.console.setting import current, identity

SETTING = current()
IDENTITY = identity()


def failed(error: Exception) -> bool:
    """A page that breaks says so in a line; what broke is for the log."""
    logging.getLogger(__name__).error("a page of the console failed", exc_info=error)
    st.error("This page failed. The log of the console tells why; the other pages may work.", icon=":material/error:")
    return True


app = App(
    Path(__file__).with_name("app.py"),
    routes=signin.routes(IDENTITY, SETTING.is_https) if IDENTITY is not None and IDENTITY.passwords else [],
    middleware=[Middleware(Gate, identity=IDENTITY, hosts=SETTING.hosts), Middleware(Refreshes)],
    secrets=SETTING.streamlit_secrets(),
    on_script_error=failed,
)

#: What the pages are drawn with is loaded before the first is asked for, and stays: to look through it for what may be
#: freed, as Python does every few pages, takes longer than some pages.
STAYS = (charts,)
gc.freeze()
