"""A page that draws itself anew takes nothing from the one who looks, and what is much stays legible."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from consoles import Console, serving
from looking import looking
from paging import behind, dead, fill
from playwright.sync_api import Browser, expect
from seeded import seed

from collectors.base import Reading

pytestmark = pytest.mark.integration

GRAFANA = "https://grafana.example.org"
MAIN = "document.querySelector('[data-testid=stMain]')"
#: Things of the topology, and how high its drawing may be, in pixels.
THINGS, HIGHEST = 200, 1500


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("refresh")
    seed(folder / "store.db", time.time())
    with serving(folder, GRAFANA) as console:
        console.shows(folder / "store.db")
        yield console


def test_a_refresh_keeps_where_one_has_scrolled_to_and_what_one_has_opened(browser: Browser, console: Console) -> None:
    with looking(browser, console, {"width": 1440, "height": 500}) as look:
        look.open("/targets?range=6h", "Targets")
        page = look.page
        details = page.get_by_test_id("stExpander").first
        is_open = details.locator("details").get_attribute("open") is not None
        details.locator("summary").click()
        page.evaluate(f"{MAIN}.scrollTo(0, 200)")
        look.refreshed(2)

        assert page.evaluate(f"{MAIN}.scrollTop") == 200
        assert (details.locator("details").get_attribute("open") is None) == is_open
        assert page.url.endswith("/targets?range=6h")


def test_a_refresh_keeps_the_filter_and_what_it_leaves(browser: Browser, console: Console) -> None:
    with looking(browser, console) as look:
        look.open("/topology", "Topology")
        box = look.page.get_by_label("Filter")
        box.fill("payments")
        box.press("Enter")
        expect(look.page.locator("svg a", has_text="catalogue-1")).to_have_count(0)
        look.refreshed(2)

        assert box.input_value() == "payments"
        expect(look.page.locator("svg a", has_text="catalogue-1")).to_have_count(0)
        expect(look.page.locator("svg a", has_text="payments.dlq")).to_have_count(1)


def test_a_page_links_to_the_dashboard_about_the_same(browser: Browser, console: Console) -> None:
    with looking(browser, console) as look:
        look.open("/consumers?target=shop&destination=payments&group=ledger", "Consumers")
        address = look.page.get_by_role("link", name="Grafana").first.get_attribute("href") or ""

    assert address.startswith(
        f"{GRAFANA}/d/eda-consumers?var-target=shop&var-destination=payments&var-group=ledger&from="
    )


def test_a_topology_of_hundreds_fits_a_screen_or_two_and_shows_all_when_told(browser: Browser, tmp_path: Path) -> None:
    well = [one for n in range(THINGS // 2) for one in behind(f"d-{n:03}", f"g-{n:03}", 0, 0)]
    store = tmp_path / "store.db"
    fill(store, *((ago, Reading([*well, *dead("orders.dlq", 0)])) for ago in (30, 1)))
    with serving(tmp_path) as console, looking(browser, console) as look:
        console.shows(store)
        look.open("/topology", "Topology")
        drawing = look.page.get_by_test_id("stGraphVizChart").locator("svg")
        expect(drawing).to_contain_text("100 groups")
        assert (drawing.bounding_box() or {})["height"] < HIGHEST

        look.page.get_by_text("Draw every one").click()
        expect(drawing).to_contain_text("g-099")
