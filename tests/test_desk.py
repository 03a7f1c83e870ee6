"""Writing beside an agent: both or neither of what was done and its note, and errors that say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.store.desk import Desk
from monitor.store.reader import Reader, StoreError
from monitor.store.writer import AUDIT_SECONDS, Store

NOW = 1_700_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A store that an agent has open."""
    with closing(Store(tmp_path / "store.db")):
        yield tmp_path / "store.db"


def done(path: Path) -> list[tuple[str, str, str]]:
    with closing(Reader(path)) as reader:
        return [(one.author, one.via, one.action) for one in reader.audit(0)]


def test_what_is_written_is_noted_with_its_author(path: Path) -> None:
    with Desk(path, "eva", "console") as desk:
        id = desk.add_silence({"a": "=b"}, NOW, NOW + 60, "moving", NOW)
        assert desk.expire_silence(id, NOW + 1)

    assert done(path) == [("eva", "console", "silence"), ("eva", "console", "end silence")]


def test_what_changed_nothing_is_not_noted(path: Path) -> None:
    with Desk(path, "eva", "console") as desk:
        assert not desk.expire_silence(7, NOW)
        assert not desk.acknowledge("Rule", "beef", "", NOW)

    assert done(path) == []


def test_a_store_that_stays_busy_is_told_and_nothing_is_written(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Desk(path, "eva", "console", busy_seconds=0.05) as desk, pytest.raises(StoreError, match="try again"):
            desk.add_silence({"a": "=b"}, NOW, NOW + 60, "moving", NOW)

    assert done(path) == []


def test_a_full_store_is_told_and_nothing_is_written(path: Path) -> None:
    with Desk(path, "eva", "console") as desk:
        pages = desk._db.execute("PRAGMA page_count").fetchone()[0]
        desk._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="make room on its disk"):
            desk.add_silence({"a": "=b"}, NOW, NOW + 60, "x" * 100_000, NOW)

    assert done(path) == []


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is the agent running"):
        Desk(tmp_path / "none.db", "eva", "console")


def test_the_audit_is_kept_for_more_than_a_year_and_then_forgotten(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "other.db")) as store:
        with Desk(store.path, "eva", "console") as desk:
            desk.add_silence({"a": "=b"}, NOW, NOW + 60, "old", NOW)
            desk.add_silence({"a": "=b"}, NOW, NOW + 60, "new", NOW + 2 * 86400)

        store.maintain(NOW + AUDIT_SECONDS + 86400)

        with closing(store.reader()) as reader:
            assert [one.about.rpartition(": ")[2] for one in reader.audit(0)] == ["new"]
