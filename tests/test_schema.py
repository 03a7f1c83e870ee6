"""A store of another version is told as one, by whom it must be upgraded."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from monitor.store.migrations import migrations
from monitor.store.reader import Reader, StoreError
from monitor.store.schema import STEPS
from monitor.store.writer import Store


def test_the_steps_are_those_of_the_migrations(tmp_path: Path) -> None:
    from sqlite_utils import Database

    assert tuple(step.name for step in migrations.pending(Database(memory=True))) == STEPS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Store(tmp_path / "store.db").close()
    return tmp_path / "store.db"


def changed(path: Path, sql: str) -> str:
    """What a reader says after this."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(sql)
    with pytest.raises(StoreError) as caught:
        Reader(path)
    return str(caught.value)


def test_a_newer_store_asks_for_a_newer_program(path: Path) -> None:
    said = changed(
        path, "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('eda_monitor', 'later', '')"
    )

    assert "has the schema later of a newer program; upgrade this one" in said


def test_an_older_store_asks_for_its_agent_s_upgrade(path: Path) -> None:
    assert "its agent is an older one" in changed(path, "DELETE FROM _sqlite_migrations WHERE name = 'audit'")


def test_a_foreign_database_is_called_one(path: Path) -> None:
    assert "is not a store of eda-monitor" in changed(path, "DROP TABLE _sqlite_migrations")


def test_a_locked_store_is_called_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0.05}))
    with closing(connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(StoreError, match="another program has locked it"):
            Reader(path)
