"""The console as people of every kind have it: who hears instead of seeing, who prefers the dark, who has signed in."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from consoles import serving
from looking import LAPTOP, PAGES, alert_in, looking
from playwright.sync_api import Browser
from states import store_in

from monitor.passwords import hashed, written
from monitor.store.reader import Reader

pytestmark = pytest.mark.integration

#: One thing of each kind, and the page that opens it.
THINGS = (
    ("/consumers?target=shop&destination=orders&group=billing", "Consumers"),
    ("/handlers?destination=orders&group=billing", "Handlers"),
    ("/dead-letters?target=shop&destination=orders.DLT", "Dead letters"),
    ("/destinations?target=shop&destination=orders", "Destinations"),
)


def test_axe_finds_nothing_serious_in_light_and_dark(browser: Browser, tmp_path: Path) -> None:
    faults = {}
    with serving(tmp_path) as console:
        console.shows(store := store_in(tmp_path, "incident"))
        for scheme in ("light", "dark"):
            with looking(browser, console, LAPTOP, scheme) as look:  # type: ignore[arg-type]
                for number, (address, title) in enumerate(PAGES):
                    look.follow(title) if number else look.open(address, title)
                    faults[scheme, title] = look.faults()
                for address, title in (*THINGS, (alert_in(store, "DeadLettersGrowing"), "Alerts")):
                    look.open(address, title)
                    faults[scheme, address] = look.faults()

    assert {where: found for where, found in faults.items() if found} == {}


def test_who_signs_in_silences_and_a_refresh_takes_nothing_from_the_form(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text(written("eva", hashed("correct horse")), encoding="utf-8")
    auth = {"password_file": {"path": str(tmp_path / "passwords")}}
    with serving(tmp_path, auth=auth) as console, looking(browser, console) as look:
        console.shows(store := store_in(tmp_path, "incident"))
        page = look.page
        address = f"{alert_in(store, 'DeadLettersGrowing')}&range=6h"
        page.goto(console.url + address)
        page.get_by_label("Name").fill("eva")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Sign in").click()
        look.drawn("Alerts")
        name = page.get_by_role("button", name="eva").bounding_box() or {}
        assert name["y"] < 60  # in the bar above all pages
        assert page.url.endswith(address)
        page.get_by_role("button", name="Silence").first.click()
        comment = page.get_by_label("Why, for the others").first
        comment.fill("moving")
        page.wait_for_timeout(6000)  # the page draws itself anew every 5 seconds
        assert comment.input_value() == "moving"
        page.get_by_test_id("stFormSubmitButton").first.click()
        page.get_by_text("eva: moving").first.wait_for()
        assert not look.page.get_by_label("Why, for the others").first.is_visible()

    with closing(Reader(store)) as reader:
        assert [(one.author, one.action) for one in reader.audit(0)] == [("eva", "silence")]
