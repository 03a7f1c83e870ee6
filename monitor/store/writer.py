"""The store: what is written to SQLite, by one agent a file, in one transaction a scrape."""

from __future__ import annotations

import fcntl
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from collectors.base import Scrape
from monitor.store.changes import TargetSeries
from monitor.store.histograms import histogram_rows
from monitor.store.ledger import LedgerWriter
from monitor.store.migrations import migrate
from monitor.store.reader import (
    AlertState,
    Notification,
    Reader,
    Series,
    StoreError,
    TargetRow,
    Transition,
)
from monitor.store.recent import Recent, RecentReader
from monitor.store.rollup import (
    HISTOGRAM_ROLLUPS,
    ROLLUPS,
    Rollup,
    bucket_rows,
    delete_sql,
    insert_sql,
    made_until,
    next_bucket,
    old_series,
)

__all__ = [
    "AlertState", "Notification", "OutboxRow", "Reader", "Series", "Store", "StoreError", "TargetRow", "Transition",
    "Tx",
]  # fmt: skip

HEAD_SECONDS = 6 * 3600
HISTORY_SECONDS = 30 * 86400
#: What people wrote is asked for later than what was measured.
AUDIT_SECONDS = 400 * 86400

#: When a message is tried again that is not to be tried again.
NEVER = 1e18

#: Above this the write-ahead log is folded into the file at once, though readers may have to wait for it.
WAL_BYTES = 64 * 1024 * 1024

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA busy_timeout = 2000",
    "PRAGMA journal_size_limit = 16777216",
)


class OutboxRow(NamedTuple):
    """A message that waits to be sent."""

    id: int
    receiver: str
    payload: str
    attempts: int
    created_at: float
    next_try_at: float

    @property
    def key(self) -> str:
        """The same for every try of this message, and for no other one."""
        return hashlib.sha256(f"{self.id} {self.receiver} {self.payload}".encode()).hexdigest()[:32]


class Tx(LedgerWriter):
    """What the engine may read and write within one transaction."""

    def __init__(self, db: sqlite3.Connection, path: str, recent: Recent) -> None:
        super().__init__(db)
        self.reader = RecentReader(path, db, recent)

    def save_alert(self, state: AlertState) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO alert_state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                state.rule, state.fingerprint, json.dumps(state.labels), state.state, state.active_at, state.fired_at,
                state.resolved_at, state.value, json.dumps(state.annotations), state.last_true_at,
                state.quiet_since,
            ),
        )  # fmt: skip

    def forget_alert(self, rule: str, fingerprint: str) -> None:
        self._db.execute("DELETE FROM alert_state WHERE rule = ? AND fingerprint = ?", (rule, fingerprint))

    def add_transition(
        self, rule: str, fingerprint: str, labels: dict[str, str], old: str, new: str, at: float, value: float
    ) -> None:
        self._db.execute(
            "INSERT INTO transition (rule, fingerprint, labels, old, new, at, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (rule, fingerprint, json.dumps(labels), old, new, at, value),
        )

    def enqueue(self, receiver: str, payload: str, at: float) -> None:
        self._db.execute(
            "INSERT INTO outbox (receiver, payload, created_at, next_try_at) VALUES (?, ?, ?, ?)",
            (receiver, payload, at, at),
        )


class Store:
    """The one writer of a file. Safe to use from several threads; raises StoreError."""

    def __init__(self, path: Path | str, *, clock: Callable[[], float] = time.time) -> None:
        self.path = str(path)
        self._clock = clock
        self._lock = threading.RLock()
        self._claim = _claimed(self.path)
        try:
            self._db = _opened(self.path)
        except StoreError:
            self._claim.close()
            raise
        self._targets: dict[str, TargetSeries] = {}
        self._recent = Recent()
        self._closed = False

    def record(self, scrape: Scrape, judge: Callable[[Tx], None] | None = None) -> None:
        """Write one scrape and what `judge` makes of it, both or neither."""
        try:
            with self._transaction():
                self._write(scrape)
                if judge is not None:
                    judge(Tx(self._db, self.path, self._recent))
        except BaseException:
            self._targets.pop(scrape.target, None)  # what these hold may have been rolled back
            self._recent.clear()
            raise

    def change(self, decide: Callable[[Tx], None]) -> None:
        """Write what `decide` writes, all or nothing."""
        with self._transaction():
            decide(Tx(self._db, self.path, self._recent))

    def memory(self, target: str) -> dict[str, bytes]:
        """What the target's collector asked to remember."""
        with self._lock:
            return dict(self._run("SELECT key, value FROM memory WHERE target = ?", target).fetchall())

    def reader(self) -> Reader:
        return Reader(self.path)

    def outbox_of(self, receiver: str) -> list[OutboxRow]:
        """What waits for the receiver, oldest first, also what is not due yet; not what was given up."""
        with self._lock:
            rows = self._run(
                "SELECT id, receiver, payload, attempts, created_at, next_try_at FROM outbox"
                " WHERE sent_at IS NULL AND next_try_at < ? AND receiver = ? ORDER BY id",
                NEVER, receiver,
            )  # fmt: skip
            return [OutboxRow(*row) for row in rows.fetchall()]

    def outbox_due(self, now: float) -> list[OutboxRow]:
        """What waits for any receiver and is due."""
        with self._lock:
            rows = self._run(
                "SELECT id, receiver, payload, attempts, created_at, next_try_at FROM outbox"
                " WHERE sent_at IS NULL AND next_try_at <= ? ORDER BY id",
                now,
            )
            return [OutboxRow(*row) for row in rows.fetchall()]

    def outbox_waiting(self, receiver: str | None = None) -> int:
        """How many messages wait for the receiver; without one, for all, with those that were given up."""
        with self._lock:
            count: int = self._run(
                "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND"
                " (?1 IS NULL OR (receiver = ?1 AND next_try_at < ?2))",
                receiver, NEVER,
            ).fetchone()[0]  # fmt: skip
            return count

    def outbox_drop_strangers(self, receivers: Collection[str]) -> int:
        """Give up what waits for receivers that are no more; returns how many messages that are."""
        return self._change(
            "UPDATE outbox SET next_try_at = ?, last_error = ? WHERE sent_at IS NULL AND next_try_at < ?"
            " AND receiver NOT IN (SELECT value FROM json_each(?))",
            NEVER, "given up: the receiver is not in the configuration", NEVER, json.dumps(list(receivers)),
        )  # fmt: skip

    def outbox_done(self, id: int, now: float) -> None:
        self._change("UPDATE outbox SET sent_at = ?, attempts = attempts + 1, last_error = NULL WHERE id = ?", now, id)

    def outbox_retry(self, id: int, next_try_at: float, error: str) -> None:
        self._change(
            "UPDATE outbox SET next_try_at = ?, last_error = ?, attempts = attempts + 1 WHERE id = ?",
            next_try_at, error, id,
        )  # fmt: skip

    def outbox_give_up(self, id: int, error: str) -> None:
        """It stays as a message that was never sent, and is not tried again."""
        self._change(
            "UPDATE outbox SET next_try_at = ?, last_error = ?, attempts = attempts + 1 WHERE id = ?",
            NEVER, f"given up: {error}", id,
        )  # fmt: skip

    def maintain(self, now: float, slice_rows: int = 5000) -> bool:
        """Do one slice of what is due: roll up, delete what is past its retention, give space back.

        True when more remains. Between slices a scrape may be recorded, so that sampling never waits long.
        """
        more = self._roll_up(now, slice_rows)
        head, history = (now - HEAD_SECONDS) * 1000, (now - HISTORY_SECONDS) * 1000
        # after a long rest what is old may not have been rolled up yet
        more |= self._prune("head", "ts < ?", "ts, series", min(head, made_until(self._db, ROLLUPS)), slice_rows)
        more |= self._prune_histograms(min(head, made_until(self._db, HISTOGRAM_ROLLUPS)), slice_rows)
        more |= self._prune("scrape", "ts < ?", "ts, target", history, slice_rows)
        more |= self._prune("transition", "at < ?", "id", history / 1000, slice_rows)
        more |= self._prune("outbox", "created_at < ?", "id", history / 1000, slice_rows)
        more |= self._prune("silence", "ends_at < ?", "id", history / 1000, slice_rows)
        more |= self._prune("audit", "at < ?", "id", now - AUDIT_SECONDS, slice_rows)
        self._give_back()
        return more

    def _roll_up(self, now: float, slice_rows: int) -> bool:
        """Write the next due bucket of every width, read on a connection of its own, and drop the oldest ones."""
        more = False
        for rollup in (*ROLLUPS, *HISTOGRAM_ROLLUPS):
            due, rows, old = self._due(rollup, now)
            for at in range(0, len(rows), slice_rows):
                self._change_many(insert_sql(rollup), rows[at : at + slice_rows])
            if due is not None:
                self._change("INSERT OR REPLACE INTO rollup_progress VALUES (?, ?)", rollup.table, due + rollup.width)
                more = True
            if old and rollup in HISTOGRAM_ROLLUPS:
                self._tell_since(rollup.table, rollup.oldest(now))
            self._change_many(delete_sql(rollup), old)
        return more

    def _due(self, rollup: Rollup, now: float) -> tuple[int | None, list[tuple[object, ...]], list[tuple[int, int]]]:
        """The bucket to make, its rows, and the series of which buckets are past their retention, with the bound."""
        make = histogram_rows if rollup in HISTOGRAM_ROLLUPS else bucket_rows
        reader = self.reader()
        try:
            due = next_bucket(reader.connection, rollup, now)
            rows = [] if due is None else make(reader.connection, rollup, due)
            return due, rows, old_series(reader.connection, rollup, now)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from None
        finally:
            reader.close()

    def _prune_histograms(self, bound: float, slice_rows: int) -> bool:
        """Readers are told first, so that nobody takes half a table for a whole one."""
        bound = bound // HISTOGRAM_ROLLUPS[0].width * HISTOGRAM_ROLLUPS[0].width
        with self._lock:
            (old,) = self._run("SELECT EXISTS (SELECT 1 FROM histogram WHERE ts <= ?)", bound).fetchone()
        if not old:
            return False
        self._tell_since("histogram", int(bound))
        return self._prune("histogram", "ts <= ?", "ts, series", bound, slice_rows)

    def _tell_since(self, table: str, since: int) -> None:
        self._change(
            "INSERT INTO histogram_since VALUES (?, ?) ON CONFLICT DO UPDATE SET since = max(since, excluded.since)",
            table, since,
        )  # fmt: skip

    def _give_back(self) -> None:
        """Return freed pages to the file system, and keep the write-ahead log small though someone reads."""
        with self._lock:
            self._run("PRAGMA incremental_vacuum(200)").fetchall()
            mode = "TRUNCATE" if self.sizes()["wal_bytes"] > WAL_BYTES else "PASSIVE"
            self._run(f"PRAGMA wal_checkpoint({mode})").fetchall()

    def sizes(self) -> dict[str, int]:
        """Bytes of the file and of its write-ahead log."""
        files = {"store_bytes": Path(self.path), "wal_bytes": Path(self.path + "-wal")}
        return {name: file.stat().st_size if file.exists() else 0 for name, file in files.items()}

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                with suppress(sqlite3.Error):
                    self._db.execute("PRAGMA optimize")
                self._db.close()
                self._claim.close()

    def _write(self, scrape: Scrape) -> None:
        ts = round(scrape.started_at * 1000)
        reading, target = scrape.reading, self._target(scrape)  # as it was before this scrape
        self._db.execute(
            "INSERT OR REPLACE INTO scrape VALUES (?, ?, ?, ?, ?, ?, ?)",
            (ts, scrape.target, scrape.system, scrape.ok, scrape.duration_seconds, reading.requests, scrape.error),
        )
        target.write_gaps(self._db, reading)
        if scrape.ok:
            self._recent.add(self._db, scrape.target, ts, target.write(self._db, scrape, ts))
            self._remember(scrape)

    def _target(self, scrape: Scrape) -> TargetSeries:
        if scrape.target not in self._targets:
            self._targets[scrape.target] = TargetSeries(self._db, scrape.target)
        return self._targets[scrape.target]

    def _remember(self, scrape: Scrape) -> None:
        memory = scrape.reading.memory
        kept = [(scrape.target, key, value) for key, value in memory.items() if value is not None]
        gone = [(scrape.target, key) for key, value in memory.items() if value is None]
        self._db.executemany("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", kept)
        self._db.executemany("DELETE FROM memory WHERE target = ? AND key = ?", gone)

    def _prune(self, table: str, condition: str, key: str, bound: float, rows: int) -> bool:
        columns = f"({key})" if "," in key else key
        return rows == self._change(
            f"DELETE FROM {table} WHERE {columns} IN (SELECT {key} FROM {table} WHERE {condition} LIMIT ?)", bound, rows
        )

    def _change(self, sql: str, *parameters: Any) -> int:
        with self._transaction():
            return self._db.execute(sql, parameters).rowcount

    def _change_many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            with self._transaction():
                self._db.executemany(sql, rows)

    def _run(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, parameters)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise StoreError(f"{self.path}: cannot be written: {error}") from None
                raise


def _claimed(path: str) -> TextIO:
    """Holds the right to write the file until closed, or until the process ends in whatever way."""
    try:
        claim = open(f"{path}.lock", "w")  # noqa: SIM115, PTH123, it is held as long as the store is open
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        claim.close()
        raise StoreError(f"{path}: another agent has it; expected one agent a store") from None
    return claim


def _opened(path: str) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, timeout=2, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be opened: {error}") from None
    try:
        for pragma in _PRAGMAS:
            db.execute(pragma)
        migrate(db)
    except (sqlite3.Error, ValueError) as error:
        db.close()
        raise StoreError(f"{path}: {_said(error)}") from None
    return db


def _said(error: Exception) -> str:
    if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
        return "is not an SQLite database; expected a store of eda-monitor, or no file"
    return str(error)
