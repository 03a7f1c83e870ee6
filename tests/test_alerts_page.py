"""The page of alerts: the list of what fires, one alert with what it knows, and what was."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from paging import behind, dead, fill, links, page, texts
from streamlit.testing.v1 import AppTest

from collectors.base import Reading
from monitor.console import STORE_VARIABLE
from monitor.store.reader import Reader


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store.db"))
    return tmp_path / "store.db"


def rows(shown: AppTest) -> list[dict[str, Any]]:
    """The first table."""
    found: list[dict[str, Any]] = shown.dataframe[0].value.to_dict("records")
    return found


def fingerprint(store: Path, rule: str) -> str:
    with closing(Reader(store)) as reader:
        (found,) = {one.fingerprint for one in reader.alerts() if one.rule == rule}
    return found


def test_alerts_are_listed_with_state_and_what_they_are_about(store: Path) -> None:
    fill(store, (30, Reading(dead("orders.DLT", 2))), (5, Reading(dead("orders.DLT", 9))))

    shown = page("alerts")

    (row,) = [row for row in rows(shown) if row["rule"] == "DeadLettersGrowing"]
    assert (row["state"], row["about"]) == ("✗ firing", "orders.DLT from orders")
    assert "New dead letters in orders.DLT" in row["what"]
    history = shown.dataframe[1].value.to_dict("records")
    assert [row["to"] for row in history if row["rule"] == "DeadLettersGrowing"] == ["firing"]


def test_what_fires_stands_before_what_may(store: Path) -> None:
    fill(
        store,
        (30, Reading(dead("orders.DLT", 2) + behind("orders", "shipping", 5, 5, consumers=0))),
        (5, Reading(dead("orders.DLT", 9) + behind("orders", "shipping", 9, 30, consumers=0))),
    )

    found = [row["state"].split()[1] for row in rows(page("alerts"))]

    assert found == sorted(found)
    assert set(found) == {"firing", "pending"}


def test_one_alert_tells_since_when_and_what_it_knows(store: Path) -> None:
    fill(store, (30, Reading(dead("orders.DLT", 2))), (5, Reading(dead("orders.DLT", 9))))

    shown = page("alerts", alert=fingerprint(store, "DeadLettersGrowing"))

    assert "DeadLettersGrowing · orders\\.DLT from orders" in texts(shown)
    assert re.search(r"for \d+ s, since \d\d\\:\d\d UTC", texts(shown))
    assert "target: shop" in texts(shown)
    assert "Runbook: docs/runbooks\\.md\\#deadlettersgrowing" in texts(shown)
    assert ("/dead-letters", "destination=orders.DLT") in [
        (url.split("?")[0], url.split("&")[1]) for _, url in links(shown)
    ]
    assert [row["to"] for row in rows(shown)] == ["firing"]


def test_an_alert_that_is_long_over_says_so(store: Path) -> None:
    fill(store, (5, Reading(behind("orders", "shipping", 0, 0))))

    assert "what is over is forgotten" in texts(page("alerts", alert="0123456789abcdef"))


def test_the_alerts_of_one_thing_are_those_of_the_address(store: Path) -> None:
    fill(
        store,
        (30, Reading(dead("orders.DLT", 2) + dead("mails.DLT", 2))),
        (5, Reading(dead("orders.DLT", 9) + dead("mails.DLT", 9))),
    )

    assert {row["about"] for row in rows(page("alerts", destination="mails.DLT"))} == {"mails.DLT from orders"}


def test_without_alerts_it_says_so(store: Path) -> None:
    fill(store, (5, Reading(behind("orders", "shipping", 0, 0))))

    assert "No alert is firing or pending" in texts(page("alerts"))


def test_the_history_of_alerts_is_drawn_over_time(store: Path) -> None:
    fill(store, (30, Reading(dead("orders.DLT", 2))), (5, Reading(dead("orders.DLT", 9))))

    assert len(page("alerts").get("vega_lite_chart")) == 1
