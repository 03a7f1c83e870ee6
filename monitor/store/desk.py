"""The desk: where people write into the store beside the agent that has it. Each call is one short transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from monitor.store.ledger import LedgerWriter
from monitor.store.series import StoreError

#: How long another program may write before a person is told.
BUSY_SECONDS = 10.0


class Desk:
    """Silences and acknowledgements, safe while an agent runs: SQLite lets one of them write at a time.

    What `author` does is noted with it in the audit, with the way by which it came (`via`). Raises StoreError where
    the store is missing or of another program, is full, or stays busy.
    """

    def __init__(self, path: Path | str, author: str, via: str, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path, self.author, self._via = str(path), author, via
        if not Path(path).exists():
            raise StoreError(f"{path}: no such store; is the agent running?")
        try:
            address = f"file:{quote(self.path)}?mode=rw"
            self._db = sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None)
            self._db.execute("SELECT 1 FROM audit LIMIT 1")
        except sqlite3.Error as error:
            raise StoreError(f"{path}: no store of this version: {error}; expected one that its agent opened") from None

    def add_silence(
        self, matchers: Mapping[str, str], starts_at: float, ends_at: float, comment: str, now: float
    ) -> int:
        """The silence's id."""
        with self._transaction() as ledger:
            id = ledger.add_silence(matchers, starts_at, ends_at, self.author, comment, now)
            met = " ".join(f"{name}{wanted}" for name, wanted in matchers.items())
            self._note(ledger, now, "silence", f"{id}: {met}, until {_moment(ends_at)}: {comment}")
            return id

    def expire_silence(self, id: int, now: float) -> bool:
        """False where there is none with this id that has not ended."""
        with self._transaction() as ledger:
            done = ledger.expire_silence(id, now)
            if done:
                self._note(ledger, now, "end silence", str(id))
            return done

    def acknowledge(self, rule: str, fingerprint: str, comment: str, now: float) -> bool:
        """False where no such alert fires."""
        with self._transaction() as ledger:
            done = ledger.acknowledge(rule, fingerprint, self.author, comment, now)
            if done:
                self._note(ledger, now, "acknowledge", f"{rule} {fingerprint}" + (f": {comment}" if comment else ""))
            return done

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _note(self, ledger: LedgerWriter, now: float, action: str, about: str) -> None:
        ledger.note(now, self.author, self._via, action, about)

    @contextmanager
    def _transaction(self) -> Iterator[LedgerWriter]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield LedgerWriter(self._db)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(f"{self.path}: nothing was written: {_said(error)}") from None


def _said(error: sqlite3.Error) -> str:
    """What SQLite says, and what to do about it."""
    advice = {
        "SQLITE_BUSY": "another program writes to it all the time; try again",
        "SQLITE_FULL": "make room on its disk, and try again",
        "SQLITE_READONLY": "this user may not write the file, or its folder",
    }
    name = getattr(error, "sqlite_errorname", "") or ""
    found = next((text for start, text in advice.items() if name.startswith(start)), "")
    return f"{error}; {found}" if found else str(error)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
