"""Every page of the console over stores in every state: it says what is the matter, and never breaks.

`EDA_MONITOR_SHOTS=DIR` keeps a picture of every page in every state.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from consoles import Console, serving
from looking import PAGES, PHONE, alert_in, looking
from playwright.sync_api import Browser
from states import HOSTILE, STATES, store_in

pytestmark = pytest.mark.integration

#: What the first page must say of a state.
SAYS = {
    "missing": "is the agent running",
    "empty": "(?i)no target|nothing|agent",
    "healthy": "(?i)all is well",
    "incident": "(?s)(?=.*orders.DLT)(?=.*billing)",
    "stopped": "(?i)stale|stopped|no agent|old|ago",
    "hostile": r"<img src=x onerror=",
    "broken": "not a store|not a database",
    "newer": "newer program",
}
#: States in which no page has anything else to say.
NOTHING = ("missing", "broken", "newer")


class Seen(NamedTuple):
    """What a page was in one state: its text, its width too much on a phone, and the title of the window."""

    text: str
    overflow: int
    title: str


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with serving(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture(scope="module", params=STATES)
def state(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def seen(
    state: str, browser: Browser, console: Console, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Seen], list[str]]:
    """All pages in this state, as one goes through them, and what the browser complained about."""
    folder = tmp_path_factory.mktemp(state)
    shots = Path(os.environ.get("EDA_MONITOR_SHOTS", folder))
    console.shows(store_in(folder, state))
    found = {}
    with looking(browser, console) as look:
        for number, (address, title) in enumerate(PAGES):
            text = look.follow(title) if number else look.open(address, title)
            look.page.screenshot(path=shots / f"{state}-{title.lower().replace(' ', '-')}.png", full_page=True)
            look.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
            look.settle()
            found[title] = Seen(text, look.overflow(), look.page.title())
            look.page.screenshot(path=shots / f"{state}-{title.lower().replace(' ', '-')}-phone.png", full_page=True)
            look.page.set_viewport_size({"width": 1440, "height": 900})
        return found, look.troubles


def test_the_first_page_says_what_is_the_matter(state: str, seen: tuple[dict[str, Seen], list[str]]) -> None:
    assert re.search(SAYS[state], seen[0]["Now"].text)


def test_no_page_is_empty_or_breaks(state: str, seen: tuple[dict[str, Seen], list[str]]) -> None:
    for title, one in seen[0].items():
        assert len(one.text.strip()) > len(title), title
        assert "Traceback" not in one.text, title
        assert "This page failed" not in one.text, title
        if state in NOTHING:
            assert re.search(SAYS[state], one.text), title


def test_the_browser_has_nothing_to_complain_about(seen: tuple[dict[str, Seen], list[str]]) -> None:
    assert seen[1] == []


def test_a_phone_shows_it_without_scrolling_sideways(seen: tuple[dict[str, Seen], list[str]]) -> None:
    assert {title: one.overflow for title, one in seen[0].items() if one.overflow} == {}


def test_no_name_becomes_markup(seen: tuple[dict[str, Seen], list[str]]) -> None:
    assert "hacked" not in {one.title for one in seen[0].values()}


def test_the_console_itself_logs_no_traceback(seen: tuple[dict[str, Seen], list[str]], console: Console) -> None:
    assert "Traceback" not in console.log.read_text(encoding="utf-8")


def test_hostile_names_are_shown_whole(browser: Browser, console: Console, tmp_path: Path) -> None:
    console.shows(store := store_in(tmp_path, "hostile"))
    with looking(browser, console) as look:
        said = look.open(alert_in(store, "DeadLettersGrowing"), "Alerts")

    assert HOSTILE[:60] in said


def test_a_locked_store_says_so_and_is_read_when_it_is_free(browser: Browser, console: Console, tmp_path: Path) -> None:
    store = store_in(tmp_path, "healthy")
    with looking(browser, console) as look:
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            console.shows(store)
            look.page.goto(console.url)
            look.page.get_by_text("another program has locked it").wait_for()

        look.page.get_by_text("All is well").first.wait_for()
