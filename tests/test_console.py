"""The overview page in every state it can be in."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from collectors import metrics as m
from collectors.base import PartError, Reading, Sample, Scrape
from monitor.alerts.engine import Engine
from monitor.alerts.routing import Alerting, Receiver
from monitor.alerts.rules import default_rules
from monitor.console import STORE_VARIABLE
from monitor.store import Store

OPS = Alerting((Receiver("ops"),))
PAGE = Path(__file__).parent.parent / "monitor" / "console" / "views" / "now.py"


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    """The page over what is in the store by now."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store.db"))

    def shown() -> AppTest:
        page = AppTest.from_file(str(PAGE), default_timeout=20).run()
        assert not page.exception
        return page

    return shown


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., None]:
    """Scrapes of so many seconds ago, judged by the default rules."""

    def filled(*scrapes: tuple[float, Reading | str]) -> None:
        store, engine, now = Store(tmp_path / "store.db"), Engine(default_rules(), OPS, "http://c"), time.time()
        for ago, outcome in scrapes:
            failed = isinstance(outcome, str)
            reading = Reading() if isinstance(outcome, str) else outcome
            one = Scrape("shop", "kafka", round(now - ago, 3), 0.1, reading, str(outcome) if failed else None)
            store.record(one, lambda tx, at=one.started_at: engine.judge(tx, at, "shop"))  # type: ignore[misc]
        store.close()

    return filled


def behind(destination: str, group: str, messages: float, seconds: float, consumers: float = 1) -> list[Sample]:
    labels = (destination, group)
    return [
        m.BACKLOG_MESSAGES.sample(messages, *labels),
        m.BACKLOG_AGE_SECONDS.sample(seconds, *labels),
        m.BACKLOG_AGE_QUALITY.sample(1, *labels),
        m.CONSUMERS.sample(consumers, *labels),
    ]


def dead(destination: str, count: float) -> list[Sample]:
    return [
        m.DEAD_LETTERS.sample(count, destination, "orders"),
        m.DEAD_LETTERED_MESSAGES_TOTAL.sample(count, destination, "orders", ""),
    ]


def texts(page: AppTest) -> str:
    return "\n".join(str(one.value) for one in (*page.markdown, *page.caption, *page.error, *page.info, *page.success))


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
