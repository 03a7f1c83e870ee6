"""The overview page in every state it can be in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import paging
import pytest
from paging import behind, dead, texts
from streamlit.testing.v1 import AppTest

from collectors.base import PartError, Reading
from monitor.console import STORE_VARIABLE


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    """The page over what is in the store by now."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store.db"))
    return partial(paging.page, "now")


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., None]:
    return partial(paging.fill, tmp_path / "store.db")


def test_without_a_store_it_says_what_to_do(show: Callable[[], AppTest]) -> None:
    assert "is the agent running?" in texts(show())


def test_an_empty_store_is_not_called_well(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill()

    said = texts(show())

    assert "No target has been read yet" in said
    assert "All is well" not in said


def test_when_all_is_well_it_says_so(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((20, Reading(samples=behind("orders", "shipping", 0, 0))), (5, Reading(behind("orders", "shipping", 0, 0))))

    assert "All is well" in texts(show())


def test_the_furthest_behind_comes_first_with_its_age_as_it_is_known(
    show: Callable[[], AppTest], fill: Callable[..., None]
) -> None:
    fill((5, Reading(samples=[*behind("a", "quick", 3, 10), *behind("b", "slow", 4000, 300, 0)])))

    table = show().dataframe[0].value

    assert list(table["group"]) == ["slow", "quick"]
    assert table["behind"][0] == "at least 5 min"
    assert table["consumers"][0] == "0"


def test_growing_dead_letters_fire_and_are_named(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((30, Reading(samples=dead("orders.DLT", 2))), (5, Reading(samples=dead("orders.DLT", 9))))

    page = show()

    assert "Dead letters grow in orders\\.DLT" in texts(page)
    assert any("DeadLettersGrowing" in str(one.value) for one in page.error)
    assert list(page.dataframe[0].value["read by"]) == ["nobody"]


def test_an_alert_opens_what_it_is_about(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((30, Reading(samples=dead("orders.DLT", 2))), (5, Reading(samples=dead("orders.DLT", 9))))

    (box,) = [str(one.value) for one in show().error]

    assert "](/dead-letters?target=shop&destination=orders.DLT&source=orders&at=" in box


def test_old_figures_are_called_stale(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((200, Reading(samples=behind("orders", "shipping", 0, 0))))

    assert "Stale: the data is 3 min old" in texts(show())


def test_a_target_that_cannot_be_read_is_named_with_its_error(
    show: Callable[[], AppTest], fill: Callable[..., None]
) -> None:
    fill((20, Reading(samples=behind("orders", "shipping", 0, 0))), (5, "connection refused"))

    said = texts(show())

    assert "shop cannot be read" in said
    assert "connection refused" in said
    assert "All is well" not in said


def test_parts_that_failed_are_counted(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((5, Reading(samples=behind("a", "b", 0, 0), errors=[PartError("broker 2", "did not answer in time")])))

    assert "1 part failed" in texts(show())


def test_names_are_shown_as_they_are(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    name = '<b>*ünï*</b> "q" :red[x] $1$'
    fill((30, Reading(samples=dead(name, 1))), (5, Reading(samples=[*dead(name, 5), *behind(name, name, 5, 100)])))

    page = show()

    assert list(page.dataframe[0].value["group"]) == [name]
    assert "<b>" not in texts(page)


def test_thousands_of_groups_are_ranked_and_cut(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    samples = [sample for n in range(2000) for sample in behind("orders", f"group-{n}", n, n)]
    fill((5, Reading(samples=samples)))

    page = show()

    table = page.dataframe[0].value
    assert len(table) == 200
    assert table["group"][0] == "group-1999"
    assert "and 1800 more" in texts(page)
