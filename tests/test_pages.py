"""Each page of the console: its list, the one thing that it opens, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from paging import VIEWS, behind, dead, fill, page, texts

from collectors import metrics as m
from collectors.base import PartError, Reading, Skipped
from monitor.console import STORE_VARIABLE

PAGES = sorted(path.stem for path in VIEWS.glob("*.py"))
LISTS = ["consumers", "dead_letters", "destinations", "handlers"]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store.db"))
    return tmp_path / "store.db"


@pytest.mark.parametrize("name", PAGES)
def test_without_a_store_every_page_says_what_to_do(name: str) -> None:
    said = texts(page(name))

    assert "is the agent running?" in said
    assert "eda-monitor up" in said


@pytest.mark.parametrize("name", PAGES)
def test_a_broken_store_breaks_no_page(name: str, store: Path) -> None:
    store.write_bytes(b"not a database at all" * 1000)

    said = texts(page(name))

    assert "There is nothing to show" in said
    assert "eda-monitor init" not in said


@pytest.mark.parametrize("name", PAGES)
def test_a_stopped_agent_is_the_first_thing_that_every_page_says(name: str, store: Path) -> None:
    fill(store, (200, Reading(behind("orders", "shipping", 0, 0))))

    assert str(page(name).error[0].value).startswith("**The agent has stopped: it has written nothing for 3 min")


@pytest.mark.parametrize("name", LISTS)
def test_an_address_that_cannot_be_understood_is_named(name: str, store: Path) -> None:
    fill(store)

    assert "range=5y" in texts(page(name, range="5y"))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_nothing_says_so(name: str, store: Path) -> None:
    fill(store)

    assert "Nothing is known yet" in texts(page(name))


def test_a_filter_keeps_what_has_the_word_in_a_name(store: Path) -> None:
    fill(store, (5, Reading([*behind("orders", "shipping", 3, 1), *behind("audit", "archive", 1, 1)])))
    shown = page("consumers")

    shown.text_input[0].set_value("SHIP").run()

    assert list(shown.dataframe[0].value["group"]) == ["shipping"]


def test_of_thousands_the_worst_are_shown_and_the_rest_counted(store: Path) -> None:
    fill(store, (5, Reading([sample for n in range(2000) for sample in behind("orders", f"group-{n}", n, n)])))

    shown = page("consumers")

    groups = shown.dataframe[0].value["group"]
    assert (len(groups), groups[0]) == (500, "group-1999")
    assert "and 1,500 more" in texts(shown)


def test_a_link_opens_the_one_thing_with_its_charts(store: Path) -> None:
    fill(store, (60, Reading(behind("orders", "shipping", 3, 1))), (5, Reading(behind("orders", "shipping", 9, 9))))

    said = texts(page("consumers", target="shop", destination="orders", group="shipping"))

    assert "shop · orders · shipping" in said
    assert "Backlog, messages" in said


def test_the_worst_group_comes_first_with_its_cause(store: Path) -> None:
    fill(store, (5, Reading([*behind("a", "quick", 9000, 10), *behind("b", "dead", 4, 300, 0)])))

    first, second = page("consumers").dataframe[0].value.to_dict("records")

    assert (first["group"], first["state"]) == ("dead", "✗ stopped")
    assert first["why"] == "No consumer reads it; 4 events wait, the oldest for 5 min."
    assert (second["group"], second["state"]) == ("quick", "✓ keeps up")


def test_a_group_tells_what_is_the_matter_and_what_to_do(store: Path) -> None:
    fill(store, (5, Reading(behind("b", "dead", 4, 300, 0))))

    said = texts(page("consumers", target="shop", destination="b", group="dead"))

    assert "**Stopped.** No consumer reads it" in said
    assert "Start its consumers" in said


def test_of_another_time_no_verdict_of_now_is_told(store: Path) -> None:
    fill(store, (5, Reading(behind("b", "dead", 4, 300, 0))))

    said = texts(page("consumers", target="shop", destination="b", group="dead", at="2026-01-01T00:00:00Z"))

    assert "Stopped" not in said


def test_what_nobody_read_is_not_drawn_as_0(store: Path) -> None:
    fill(store, (5, Reading(dead("orders.dlq", 3))))

    assert "Nothing is known of this time" in texts(page("dead_letters", target="shop", destination="gone"))


def test_a_dead_letter_store_tells_its_source_and_that_nobody_reads_it(store: Path) -> None:
    fill(store, (60, Reading(dead("orders.dlq", 3))), (5, Reading(dead("orders.dlq", 5))))

    (row,) = page("dead_letters").dataframe[0].value.to_dict("records")

    assert (row["source"], row["waiting"], row["new, 15 min"], row["read by"]) == ("orders", "5", "+2", "nobody")


def test_a_destination_tells_what_comes_in_and_who_reads(store: Path) -> None:
    first, last = (
        [m.MESSAGES_IN_TOTAL.sample(count, "orders"), *behind("orders", "shipping", 1, 1)] for count in (0, 110)
    )
    fill(store, (60, Reading(first)), (5, Reading(last)))

    (row,) = page("destinations").dataframe[0].value.to_dict("records")

    assert (row["in"], row["out"], row["groups"]) == ("2/s", "–", "shipping")


def test_targets_tell_what_was_not_read_and_why(store: Path) -> None:
    reading = Reading(
        behind("a", "b", 0, 0), errors=[PartError("broker 2", "did not answer")], skipped=[Skipped("t1", "budget")]
    )
    fill(store, (5, reading))

    said = texts(page("targets"))

    assert "broker 2: did not answer" in said
    assert "t1: skipped, budget" in said


def test_hostile_names_are_shown_as_text(store: Path) -> None:
    name = "<script>alert(1)</script> **bold** :red[x] " + "long" * 60
    fill(store, (5, Reading(behind(name, "g", 1, 1))))

    shown = page("consumers", target="shop", destination=name, group="g")

    assert "**bold**" not in texts(shown)
    assert "\\<script\\>" in texts(shown)


def test_a_handler_tells_what_is_not_known_of_its_queue(store: Path) -> None:
    events = [[m.HANDLER_EVENTS_TOTAL.sample(count, "shop", "h", "orders", "billing", "ok")] for count in (0, 60)]
    fill(store, (60, Reading(events[0])), (5, Reading(events[1])))

    (row,) = page("handlers").dataframe[0].value.to_dict("records")
    said = texts(page("handlers", destination="orders", group="billing"))

    assert (row["handled"], row["failed"], row["p95"], row["in queue, p95"]) == ("0.1/s", "0.0%", "–", "–")
    assert "do not tell how old events are" in said
    assert "No failure was counted" in said


def test_a_store_tells_its_retention_its_faults_and_what_failed_before(store: Path) -> None:
    first, last = (
        [
            *dead("orders.dlq", n),
            m.DEAD_LETTER_AGE_SECONDS.sample(300, "orders.dlq"),
            m.DEAD_LETTER_RETENTION_MARGIN_SECONDS.sample(100, "orders.dlq"),
            m.CONFIGURATION_FAULT.sample(1, "orders", "exchange_missing"),
            m.HANDLER_FAILURES_TOTAL.sample(n, "shop", "h", "orders", "billing", "Timeout"),
        ]
        for n in (0, 6)
    )
    fill(store, (300, Reading(first)), (5, Reading(last)))

    (row,) = page("dead_letters").dataframe[0].value.to_dict("records")
    said = texts(page("dead_letters", target="shop", destination="orders.dlq", source="orders"))

    assert (row["state"], row["in, 1 h"], row["out, 1 h"]) == ("✗ grows", "6", "0")
    assert row["oldest"] == "5 min, deleted in 2 min (75% of its life)"
    assert "nobody reads them · the handlers of orders failed with Timeout" in said
    assert "exchange missing" in said
    assert "What the handlers of orders failed with" in said


def test_targets_tell_how_a_cycle_is_spent_and_how_the_store_fares(store: Path) -> None:
    took = [m.COLLECTOR_DURATION_SECONDS.sample(seconds, phase) for phase, seconds in (("a", 0.2), ("b", 0.05))]
    fill(store, (5, Reading([*took, m.STORE_BYTES.sample(2e6), m.COLLECTOR_INTERVAL_SECONDS.sample(15)])))

    shown = page("targets")

    (row,) = shown.dataframe[0].value.to_dict("records")
    assert (row["by phase"], row["of every"], row["left out, 1 h"]) == ("a 200 ms, b 50 ms", "15 s", "–")
    assert [one.value for one in shown.metric] == ["2.0 MB", "unknown", "unknown", "0"]
