"""Pages of the console as a browser has them, looked at when they are drawn to the end."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from consoles import Console
from playwright.sync_api import Browser, Page, expect

from monitor.store.reader import Reader

#: Path, title.
PAGES = (
    ("/", "Now"),
    ("/destinations", "Destinations"),
    ("/consumers", "Consumers"),
    ("/handlers", "Handlers"),
    ("/dead-letters", "Dead letters"),
    ("/topology", "Topology"),
    ("/alerts", "Alerts"),
    ("/targets", "Targets"),
)
#: Milliseconds that a page may take on a machine that does much else.
PATIENCE = 15_000
PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1440, "height": 900}
#: Of a page that was opened directly Streamlit looks for its server below the path first, and the browser notes it.
SEARCH = re.compile(r"/_stcore/(health|host-config)$")


class Look:
    """One tab on a console. `troubles` is what the browser complained about, `drawings` how often it was told news."""

    def __init__(self, page: Page, console: Console) -> None:
        self.page, self._console = page, console
        self.troubles: list[str] = []
        page.set_default_timeout(PATIENCE)
        self.drawings = 0
        page.on("console", self._said)
        page.on("websocket", lambda socket: socket.on("framereceived", lambda _: self._heard()))
        page.on("pageerror", lambda error: self.troubles.append(f"uncaught: {error}"))

    def open(self, address: str, title: str) -> str:
        """Open an address directly; returns what the page says."""
        self.page.goto(self._console.url + address)
        return self.drawn(title)

    def follow(self, title: str) -> str:
        """Choose a page in the navigation; returns what it says."""
        self.page.get_by_role("link", name=title, exact=False).first.click()
        return self.drawn(title)

    def drawn(self, title: str) -> str:
        """What the page says, once it is drawn to the end."""
        expect(self.page.locator("h1.page")).to_have_text(title, timeout=PATIENCE)
        self.settle()
        return self.said()

    def settle(self, patience: float = PATIENCE) -> None:
        app = self.page.locator("[data-testid=stApp]")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=patience)
        expect(self.page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=PATIENCE)

    def refreshed(self, times: int = 1) -> None:
        """Wait until the page has been drawn anew by itself so many times; the server tells it something each time."""
        for _ in range(times):
            before, end = self.drawings, time.monotonic() + PATIENCE / 1000
            while self.drawings == before:
                assert time.monotonic() < end, "the page does not refresh"
                self.page.wait_for_timeout(50)
            self.settle()

    def said(self) -> str:
        return self.page.locator("[data-testid=stMain]").inner_text()

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window; tables take a moment to fit another one."""
        for _ in range(20):
            wide: int = self.page.evaluate(
                "() => Math.max(0, ...[document.documentElement, document.querySelector('[data-testid=stMain]')]"
                ".map(one => one.scrollWidth - one.clientWidth))"
            )
            if not wide:
                break
            self.page.wait_for_timeout(100)
        return wide

    def faults(self) -> list[str]:
        """What axe finds that is serious or critical: rule, and the first place."""
        found = Axe().run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def _heard(self) -> None:
        self.drawings += 1

    def _said(self, message: Any) -> None:
        if message.type == "error" and not SEARCH.search(message.location.get("url", "")):
            self.troubles.append(message.text)


def alert_in(store: Path, rule: str) -> str:
    """The address of the first alert of a rule."""
    with closing(Reader(store)) as reader:
        found = next(one for one in reader.alerts() if one.rule == rule)
    return f"/alerts?alert={found.fingerprint}"


@contextmanager
def looking(
    browser: Browser,
    console: Console,
    size: dict[str, int] = LAPTOP,
    scheme: Literal["light", "dark"] = "light",
    **options: Any,
) -> Iterator[Look]:
    with browser.new_context(viewport=size, color_scheme=scheme, **options) as context:  # type: ignore[arg-type]
        yield Look(context.new_page(), console)
