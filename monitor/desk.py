"""The desk: where people write into the store beside the agent that has it. Each call is one short transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from monitor.ledger import LedgerWriter
from monitor.series import StoreError


class Desk:
    """Silences and acknowledgements, safe while an agent runs: SQLite lets one of them write at a time.

    Raises StoreError where the store is missing or of another program, or stays busy for 10 seconds.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        if not Path(path).exists():
            raise StoreError(f"{path}: no such store; is the agent running?")
        try:
            self._db = sqlite3.connect(f"file:{quote(self.path)}?mode=rw", uri=True, timeout=10, isolation_level=None)
            self._db.execute("SELECT 1 FROM silence LIMIT 1")
        except sqlite3.Error as error:
            raise StoreError(f"{path}: no store of this version: {error}; expected one that its agent opened") from None

    def add_silence(
        self, matchers: Mapping[str, str], starts_at: float, ends_at: float, author: str, comment: str, now: float
    ) -> int:
        with self._transaction() as ledger:
            return ledger.add_silence(matchers, starts_at, ends_at, author, comment, now)

    def expire_silence(self, id: int, now: float) -> bool:
        with self._transaction() as ledger:
            return ledger.expire_silence(id, now)

    def acknowledge(self, rule: str, fingerprint: str, author: str, comment: str, now: float) -> bool:
        with self._transaction() as ledger:
            return ledger.acknowledge(rule, fingerprint, author, comment, now)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[LedgerWriter]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield LedgerWriter(self._db)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(f"{self.path}: cannot be written: {error}") from None
