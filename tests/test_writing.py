"""The page of alerts for somebody who has signed in: silence, end, acknowledge, and who did it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from paging import dead, fill, page, texts
from streamlit.testing.v1 import AppTest

from collectors.base import Reading
from monitor.console import STORE_VARIABLE, bands, door, writing
from monitor.console.door import Visitor
from monitor.console.history import Span
from monitor.store.desk import Desk
from monitor.store.reader import Audited, Reader, Silence

HOSTILE = 'orders"\n**x** <b>'


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of an agent that sees dead letters grow; eva has signed in."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store.db"))
    monkeypatch.setattr(door, "visitor", lambda: Visitor("eva", "password file"))
    growing(tmp_path / "store.db", "orders.DLT")
    return tmp_path / "store.db"


def growing(store: Path, destination: str) -> None:
    fill(store, (30, Reading(dead(destination, 2))), (5, Reading(dead(destination, 9))))


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception
    return page


def written(store: Path) -> tuple[list[Silence], list[Audited]]:
    with closing(Reader(store)) as reader:
        return reader.silences(0), reader.audit(0)


def opened(store: Path, destination: str = "orders.DLT") -> AppTest:
    """The page of the alert that its dead letters grow."""
    with closing(Reader(store)) as reader:
        (found,) = [
            one
            for one in reader.alerts()
            if one.rule == "DeadLettersGrowing" and one.labels["destination"] == destination
        ]
    return page("alerts", alert=found.fingerprint)


def silence(shown: AppTest, comment: str = "moving") -> AppTest:
    shown.text_input[0].set_value(comment)
    return press(shown, "Silence")


def test_a_silence_is_for_alerts_with_the_same_labels(store: Path) -> None:
    silence(opened(store))

    ((made,), (note,)) = written(store)
    assert made.matchers == {
        "alertname": "=DeadLettersGrowing", "target": "=shop", "destination": "=orders.DLT", "source": "=orders",
    }  # fmt: skip
    assert (made.author, made.comment, round(made.ends_at - made.starts_at)) == ("eva", "moving", 7200)
    assert (note.author, note.via, note.action) == ("eva", "console, password file", "silence")


def test_its_matchers_and_its_time_can_be_changed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "LASTING", ("2h", "3d"))
    shown = opened(store)
    shown.multiselect[0].set_value(["destination=~orders.*"])
    shown.selectbox[0].set_value("3d")
    silence(shown)

    ((made,), _) = written(store)
    assert made.matchers == {"destination": "=~orders.*"}
    assert round(made.ends_at - made.starts_at) == 3 * 86400


@pytest.mark.parametrize(
    ("matchers", "lasting", "comment", "told"),
    [
        (["orders"], "2h", "c", "expected name=value"),
        ([], "2h", "c", "they would match every alert"),
        (["a=~("], "2h", "c", "not a regular expression"),
        (["a=b"], "soon", "c", "'soon' is not a duration"),
        (["a=b"], "999d", "c", "at most 366d"),
        (["a=b"], "2h", " ", "Say why"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    store: Path, matchers: list[str], lasting: str, comment: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LASTING", tuple(dict.fromkeys(("2h", lasting))))  # as if it had been typed
    shown = opened(store)
    shown.multiselect[0].set_value(matchers)
    shown.selectbox[0].set_value(lasting)

    assert told in texts(silence(shown, comment)).replace("\\", "")
    assert written(store) == ([], [])


def test_a_silence_is_listed_and_can_be_ended(store: Path) -> None:
    shown = silence(opened(store))
    assert "eva: moving" in texts(shown).replace("\\", "")

    press(shown, "End")

    assert [note.action for note in written(store)[1]] == ["silence", "end silence"]


def test_who_acknowledges_is_shown(store: Path) -> None:
    shown = press(opened(store), "Acknowledge")

    assert "acknowledged by eva" in texts(shown)
    assert [note.action for note in written(store)[1]] == ["acknowledge"]


def test_what_people_did_is_shown(store: Path) -> None:
    silence(opened(store))

    (row,) = page("alerts").dataframe[-1].value.to_dict("records")
    assert (row["who"], row["did"]) == ("eva", "silence")


def test_who_has_not_signed_in_sees_no_form_but_how_to_get_one(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "visitor", Visitor)

    shown = opened(store)

    assert [button.label for button in shown.button] == ["All"]
    assert "console.auth" in texts(shown).replace("\\", "")


def test_a_sign_in_that_ends_before_the_form_is_sent_writes_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = opened(store)
    monkeypatch.setattr(door, "visitor", Visitor)

    shown.text_input[0].set_value("moving")
    next(button for button in shown.button if button.label == "Silence").click().run()

    assert written(store) == ([], [])


def test_a_store_that_is_locked_says_so_and_loses_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.console.writing.BUSY_SECONDS", 0.05)
    shown = opened(store)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        silence(shown)

    assert "nothing was written" in texts(shown)
    assert shown.text_input[0].value == "moving"
    assert written(store) == ([], [])


def test_hostile_names_are_matched_as_they_are(store: Path) -> None:
    growing(store, HOSTILE)

    shown = silence(opened(store, HOSTILE), "**moving**")

    ((made,), _) = written(store)
    assert made.matchers["destination"] == f"={HOSTILE}"
    assert "**moving**" not in texts(shown)


def test_a_silence_that_has_ended_is_still_in_the_bands(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Span] = []
    monkeypatch.setattr(bands, "_draw", lambda found, window: drawn.extend(found))
    now = time.time()
    with Desk(store, "eva", "console", 3.0) as desk:
        desk.add_silence({"destination": "=orders.DLT"}, now - 4, now - 2, "moving", now - 4)

    page("alerts")

    assert "silenced" in {one.state for one in drawn}
