"""Entry script of the console: `eda-monitor console` runs it with Streamlit."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

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
st.navigation(
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
).run()
