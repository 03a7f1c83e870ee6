"""The overview page in every state it can be in."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import paging
import pytest
from paging import behind, dead, links, texts
from streamlit.testing.v1 import AppTest

from collectors.base import PartError, Reading
from monitor.console import GRAFANA_VARIABLE, STORE_VARIABLE


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
    assert "eda-monitor check" in said
    assert "All is well" not in said


def test_when_all_is_well_it_says_so(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((20, Reading(samples=behind("orders", "shipping", 0, 0))), (5, Reading(behind("orders", "shipping", 0, 0))))

    assert "All is well" in texts(show())


def test_growing_dead_letters_are_named_with_their_cause_and_open_their_page(
    show: Callable[[], AppTest], fill: Callable[..., None]
) -> None:
    fill((30, Reading(samples=dead("orders.DLT", 2))), (5, Reading(samples=dead("orders.DLT", 9))))

    page = show()

    assert "Dead letters grow in orders\\.DLT" in texts(page)
    assert "7 came within 15 minutes; 9 wait, and nobody reads them" in texts(page)
    assert "DeadLettersGrowing" in texts(page)
    assert "/dead-letters?target=shop&destination=orders.DLT&source=orders" in [address for _, address in links(page)]


def test_what_stands_still_is_told_with_what_to_do(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((5, Reading(samples=[*behind("a", "quick", 3, 10), *behind("b", "dead", 4000, 300, 0)])))

    said = texts(show())

    assert "dead on b stands still" in said
    assert "No consumer reads it; 4,000 events wait" in said
    assert "Start its consumers" in said
    assert "1 group keeps up" in said


def test_a_problem_tells_how_it_rises(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((300, Reading(behind("b", "dead", 100, 100, 0))), (5, Reading(behind("b", "dead", 1100, 395, 0))))

    assert re.search(r"▲ \+20\d/min", texts(show()))


def test_what_changed_in_the_last_hour_is_told(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((300, Reading(behind("b", "g", 1, 1, 3))), (5, Reading(behind("b", "g", 1, 1, 2))))

    assert "g on b\\: 3 → 2 consumers" in texts(show())


def test_where_a_grafana_is_known_it_is_linked(
    show: Callable[[], AppTest], fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill((5, Reading(behind("b", "dead", 4000, 300, 0))))
    assert "Grafana" not in texts(show())

    monkeypatch.setenv(GRAFANA_VARIABLE, "https://grafana.example.org")

    assert "(<https://grafana.example.org/d/eda-consumers?var-target=shop" in texts(show())


def test_a_stopped_agent_is_said_first(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((200, Reading(behind("orders", "shipping", 0, 0))))

    (box,) = show().error

    assert str(box.value).startswith("**The agent has stopped: it has written nothing for 3 min")


def test_an_agent_that_reads_nothing_has_not_stopped(show: Callable[[], AppTest], fill: Callable[..., None]) -> None:
    fill((200, Reading(behind("orders", "shipping", 0, 0))), (5, "connection refused"))

    assert not show().error


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
    fill((30, Reading(samples=dead(name, 1))), (5, Reading(samples=[*dead(name, 5), *behind(name, name, 5, 100, 0)])))

    said = texts(show())

    assert "<b>" not in said
    assert "\\*ünï\\*" in said


def test_of_many_problems_the_worst_are_told_and_the_rest_counted(
    show: Callable[[], AppTest], fill: Callable[..., None]
) -> None:
    fill((5, Reading([sample for n in range(2000) for sample in behind("orders", f"group-{n}", 1, 300, 0)])))

    page = show()

    assert len(page.get("page_link")) < 20
    assert "and 1,993 more" in texts(page)
