"""The script of the console, run for every visitor: its pages, for those who may look."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from monitor.console import door

VIEWS = Path(__file__).parent / "views"

#: File, title and icon of each page; the path is the file's name with hyphens, and links from alerts rely on it.
PAGES = (
    ("now", "Now", "monitor_heart"),
    ("destinations", "Destinations", "swap_horiz"),
    ("consumers", "Consumers", "groups"),
    ("handlers", "Handlers", "settings"),
    ("dead_letters", "Dead letters", "mark_email_unread"),
    ("topology", "Topology", "account_tree"),
    ("alerts", "Alerts", "notifications"),
    ("targets", "Targets", "dns"),
)

st.set_page_config(page_title="eda-monitor", page_icon="📡", layout="wide")
st.html(f"<style>{(Path(__file__).parent / 'look.css').read_text()}</style>")
page = st.navigation(
    [
        st.Page(
            VIEWS / f"{name}.py",
            title=title,
            icon=f":material/{icon}:",
            url_path=name.replace("_", "-"),
            default=name == "now",
        )
        for name, title, icon in PAGES
    ],
    position="top",
)
# captions are too pale to be read by all
st.html('<style>[data-testid="stCaptionContainer"] { color: inherit; opacity: .8 }</style>')
# for those who do not see which page is open; it takes no room
st.html(
    "<style>.stElementContainer:has(h1.page) { position: absolute; left: -200vw }</style>"
    f'<h1 class="page">{page.title}</h1>'
)
if door.opens():
    door.shown()
    page.run()
