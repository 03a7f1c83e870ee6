"""A click is never lost to the refresh of the page that it leaves, however the two meet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from consoles import Console, serving
from looking import looking
from paging import behind, fill
from playwright.sync_api import Browser, WebSocketRoute
from seeded import followed, seed
from streamlit.proto.BackMsg_pb2 import BackMsg

from collectors.base import Reading
from monitor.console.frame import REFRESH_SECONDS

pytestmark = pytest.mark.integration

#: Longer than the pages wait until they refresh themselves, in milliseconds.
LONG = 1000 * REFRESH_SECONDS + 1000
CLICKS = 4


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("navigation")
    began = time.time()
    seed(folder / "store.db", began)
    with followed(folder / "store.db", began), serving(folder) as console:
        console.shows(folder / "store.db")
        yield console


class Late:
    """Behind every click it sends the last refresh of the page before, as a slow line or a slow machine may do."""

    def __init__(self) -> None:
        self.refresh, self.sent = b"", 0

    def route(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()

        def send(message: str | bytes) -> None:
            server.send(message)
            asked = BackMsg.FromString(message if isinstance(message, bytes) else message.encode()).rerun_script
            if asked.is_auto_rerun:
                self.refresh = message if isinstance(message, bytes) else b""
            elif self.refresh and asked.page_script_hash and not asked.fragment_id:
                server.send(self.refresh)
                self.refresh, self.sent = b"", self.sent + 1

        page.on_message(send)


def test_a_refresh_that_comes_after_a_click_does_not_undo_it(browser: Browser, console: Console) -> None:
    late = Late()
    with looking(browser, console) as look:
        look.page.route_web_socket("**/_stcore/stream", late.route)
        look.open("/", "Now")
        for _ in range(CLICKS):
            look.page.wait_for_timeout(LONG)
            look.follow("Destinations")
            look.page.wait_for_timeout(LONG)
            look.drawn("Destinations")
            look.follow("Now")

    assert late.sent >= CLICKS


def test_a_click_while_the_console_is_busy_is_not_lost(browser: Browser, console: Console) -> None:
    with looking(browser, console) as look:
        look.open("/", "Now")
        with console.busy():
            look.page.get_by_role("link", name="dispatch on shipments").first.click()
            look.page.wait_for_timeout(LONG)
        look.drawn("Consumers")
        look.refreshed(2)

        look.drawn("Consumers")


def test_a_row_opens_what_it_showed_though_another_thing_stands_there_by_now(browser: Browser, tmp_path: Path) -> None:
    fill(tmp_path / "before.db", (30, Reading(behind("orders", "billing", 9, 90))))
    fill(tmp_path / "after.db", (30, Reading([*behind("orders", "billing", 9, 90), *behind("a", "worse", 99, 900)])))
    with serving(tmp_path) as console, looking(browser, console) as look:
        console.shows(tmp_path / "before.db")
        look.open("/consumers", "Consumers")
        look.refreshed()  # not again for some seconds
        table = look.page.get_by_test_id("stDataFrame").bounding_box() or {}
        console.shows(tmp_path / "after.db")
        look.page.mouse.click(table["x"] + 17, table["y"] + 52)
        look.page.get_by_role("button", name="All").wait_for()

        assert look.page.url.endswith("/consumers?target=shop&destination=orders&group=billing")
