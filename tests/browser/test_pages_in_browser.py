"""Every page in a real browser, over a store with an incident: what it says, that it fits, and that nothing fails.

`EDA_MONITOR_IMAGES=DIR` keeps the pictures that are taken of them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from consoles import serving
from looking import alert_in
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page
from seeded import HOSTILE, LENGTH, followed, seed

from monitor.store.reader import Reader

pytestmark = pytest.mark.integration

WIDE, NARROW = (1440, 900), (390, 844)
GRAFANA = "https://grafana.example.org"
#: The page has come whole, and its charts, for which skeletons stand at first, are drawn.
DRAWN = """document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton]')
    && [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].every(one => one.querySelector('canvas, svg'))"""
#: What each page says when it is drawn, and its name as a picture.
PAGES = [
    ("/", "What changed in the last hour", "now"),
    ("/destinations", "Filter", "destinations"),
    ("/consumers", "Filter", "consumers"),
    ("/consumers?target=shop&destination=payments&group=ledger", "Rebalancing", "consumer"),
    ("/handlers", "Filter", "handlers"),
    ("/handlers?destination=payments&group=ledger", "Calls by how long they took", "handler"),
    ("/dead-letters", "Filter", "dead-letters"),
    ("/dead-letters?target=shop&destination=payments.dlq&source=payments", "nobody reads them", "dead-letter"),
    ("/topology", "dispatch", "topology"),
    ("/alerts", "History", "alerts"),
    ("/targets", "Notifications that nobody has yet", "targets"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages") / "store.db"


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    seed(store)
    with followed(store, time.time() - LENGTH), serving(store.parent, GRAFANA) as console:
        console.shows(store)
        yield console.url


@contextmanager
def opened(browser: Browser, url: str, says: str, size: tuple[int, int] = WIDE) -> Iterator[Page]:
    """The page at this address once it says that; no error may have been told meanwhile."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, timezone_id="Europe/Berlin")
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda told: errors.append(told.text) if _is_error(told) else None)
    page.goto(url)
    page.get_by_text(says).first.wait_for(timeout=60_000)
    yield page
    context.close()
    assert errors == []


def _is_error(told: ConsoleMessage) -> bool:
    """But for Streamlit's own search for its server, below the path of a page: see docs/console.md."""
    return told.type == "error" and "404" not in told.text


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[Page, str], None]:
    folder = Path(os.environ.get("EDA_MONITOR_IMAGES", tmp_path))

    def kept(page: Page, name: str) -> None:
        page.wait_for_function(DRAWN, timeout=60_000)
        page.wait_for_timeout(500)
        page.screenshot(path=folder / f"{name}.png")
        with Image.open(folder / f"{name}.png") as image:
            image.quantize(128, Image.Quantize.FASTOCTREE).save(folder / f"{name}.png", optimize=True)

    return kept


@pytest.mark.parametrize(("path", "says", "name"), PAGES)
def test_every_page_fits_a_laptop_and_a_phone(
    browser: Browser, address: str, keep: Callable[[Page, str], None], path: str, says: str, name: str
) -> None:
    for size, suffix in ((WIDE, ""), (NARROW, "-phone")):
        with opened(browser, address + path, says, size) as page:
            if size is WIDE or name == "now":
                keep(page, name + suffix)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_an_alert_fits_a_laptop_and_a_phone(
    browser: Browser, address: str, store: Path, keep: Callable[[Page, str], None]
) -> None:
    for size in (WIDE, NARROW):
        with opened(browser, address + alert_in(store, "DeadLettersGrowing"), "Its history", size) as page:
            if size is WIDE:
                keep(page, "alert")
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_incident_is_told_without_scrolling(browser: Browser, address: str) -> None:
    with opened(browser, address, "What changed in the last hour") as page:
        page.get_by_text("stand still").first.wait_for()
        page.wait_for_timeout(1000)
        main = "document.querySelector('[data-testid=stMain]')"

        assert page.evaluate(f"{main}.scrollHeight") <= page.evaluate(f"{main}.clientHeight")


def test_a_problem_opens_its_page_without_loading_the_console_anew(browser: Browser, address: str) -> None:
    with opened(browser, address, "What changed in the last hour") as page:
        page.evaluate("window.stays = true")
        page.get_by_role("link", name="dispatch on shipments").first.click()
        page.get_by_text("Start its consumers").first.wait_for()

        assert page.url.endswith("/consumers?target=shop&destination=shipments&group=dispatch")
        assert page.evaluate("window.stays")


def test_a_node_of_the_topology_opens_its_page(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/topology", "payments.dlq") as page:
        page.locator("svg a", has_text="payments.dlq").first.click()
        page.get_by_text("nobody reads them").first.wait_for()

        assert page.url.endswith("/dead-letters?target=shop&destination=payments.dlq")


@pytest.mark.parametrize("rule", ["", "DeadLettersGrowing"])
def test_times_are_told_in_the_zone_of_who_looks_with_utc(
    browser: Browser, address: str, store: Path, rule: str
) -> None:
    path, says = (alert_in(store, rule), "Its history") if rule else ("/", "What changed in the last hour")
    with opened(browser, address + path, says) as page:
        since = page.get_by_text("UTC)").first.inner_text()

    own, utc = (int(hour) for hour in re.findall(r"(\d\d):\d\d", since))
    assert (own - utc) % 24 in (1, 2)


def test_hostile_names_are_text_and_break_nothing(browser: Browser, tmp_path: Path) -> None:
    seed(tmp_path / "store.db", hostile=True)
    with closing(Reader(tmp_path / "store.db")) as reader:
        alert = next(one.fingerprint for one in reader.alerts() if one.labels.get("destination") == HOSTILE)
    name, lists = "<b>*x*</b>", ("/consumers", "/alerts")  # which draw their names
    with serving(tmp_path) as console:
        console.shows(tmp_path / "store.db")
        for path in ("/", "/topology", f"/alerts?alert={alert}", *lists):
            with opened(browser, console.url + path, "Filter" if path in lists else name, NARROW) as page:
                page.wait_for_timeout(500)

                assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0], path
                assert HOSTILE[-8] not in page.inner_text("body"), path
