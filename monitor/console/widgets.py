"""The words that pages are made of. Names from brokers are escaped: they may hold anything."""

from __future__ import annotations

import re
import unicodedata
from datetime import tzinfo

import streamlit as st

from monitor import derive
from monitor.console.clock import with_utc, zone_of
from monitor.console.place import Place, written
from monitor.derive import QUALITY, duration

#: What is not known, or has no name.
UNKNOWN = "–"

#: What steers the direction of the writing around it.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\x00-\x1f\x7f]")

_COMMAND = re.compile(r"[\w .=/-]+")


def plain(text: str, most: int = 200) -> str:
    """Text in one line that turns nothing around it: what steers the direction of writing is shown by its number, what
    is written from right to left stands apart. Of a longer one than `most` the middle is left out.
    """
    line = " ".join(text.split())
    cut = line if len(line) <= most else f"{line[: most // 2]}…{line[-most // 2 + 1 :]}"
    shown = _TURNING.sub(lambda found: f"[U+{ord(found[0]):04X}]", cut)
    turns = any(unicodedata.bidirectional(one) in ("R", "AL") for one in shown)
    return f"\u2068{shown}\u2069" if turns else shown


def escaped(text: str, most: int = 400) -> str:
    """Text that Markdown leaves as it is; see `plain`."""
    return _marked(plain(text, most))


def coded(text: str, most: int = 400) -> str:
    """The same, but `commands` stay such: what is between two backticks, and of letters that mean nothing there."""
    parts = plain(text, most).split("`")
    if len(parts) % 2 == 0:
        return _marked("`".join(parts))
    return "".join(
        _marked(part) if number % 2 == 0 else f"`{part}`" if _COMMAND.fullmatch(part) else _marked(f"`{part}`")
        for number, part in enumerate(parts)
    )


def _marked(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])", r"\\\1", text)


def zone() -> tzinfo:
    """That of the one who looks."""
    return zone_of(st.context.timezone)


def when(at: float, now: float) -> str:
    """A time as the one who looks says it, with UTC at hand."""
    return with_utc(at, now, zone())


def link(page: str, label: str, place: Place) -> None:
    """A link, of Markdown, to a page at a place; the page is not loaded anew."""
    st.page_link(f"views/{page.replace('-', '_')}.py", label=label, query_params=written(place))


def age_text(seconds: float | None, quality: float | None) -> str:
    """How long, with how it is known; a dash where it is unknown."""
    return UNKNOWN if seconds is None else f"{QUALITY.get(quality or 0, '')}{duration(seconds)}"


def count_text(count: float | None) -> str:
    return UNKNOWN if count is None else f"{count:,.0f}"


def rate_text(rate: float | None) -> str:
    """Events a second, to three figures; a dash where it is unknown."""
    return UNKNOWN if rate is None else derive.rate_text(rate)
