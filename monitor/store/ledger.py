"""What is kept about telling people: silences, acknowledgements, what is suppressed and why, and who knows what.

Times are UTC epoch seconds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from monitor.store.increases import IncreaseReader


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts whose labels match are suppressed from `starts_at` until `ends_at`, which is not part of it."""

    id: int
    matchers: dict[str, str]
    starts_at: float
    ends_at: float
    author: str
    comment: str
    created_at: float


class Ack(NamedTuple):
    """Somebody has seen a firing alert and works on it; it ends with the alert."""

    rule: str
    fingerprint: str
    author: str
    comment: str
    at: float


class Audited(NamedTuple):
    """What a person wrote: who, by which way in, when, and what about."""

    at: float
    author: str
    via: str
    action: str
    about: str


class Told(NamedTuple):
    """What a receiver was last told of a group, and when: the alerts that it believes to fire, by fingerprint."""

    receiver: str
    group_key: str
    at: float
    firing: dict[str, dict[str, Any]]


class LedgerReader(IncreaseReader):
    """Read-only view of the ledger."""

    def silences(self, since: float) -> list[Silence]:
        """Those that had not ended then, also those that had not begun."""
        rows = self._all(
            "SELECT id, matchers, starts_at, ends_at, author, comment, created_at FROM silence"
            " WHERE ends_at > ? ORDER BY id",
            (since,),
        )
        return [Silence(id, json.loads(matchers), *rest) for id, matchers, *rest in rows]

    def acks(self) -> dict[str, Ack]:
        """By fingerprint."""
        rows = self._all("SELECT rule, fingerprint, author, comment, at FROM ack")
        return {row[1]: Ack(*row) for row in rows}

    def audit(self, since: float) -> list[Audited]:
        """What people wrote, oldest first."""
        return [
            Audited(*row)
            for row in self._all("SELECT at, author, via, action, about FROM audit WHERE at >= ? ORDER BY id", (since,))
        ]

    def suppressed(self) -> dict[str, str]:
        """Why alerts are suppressed, by fingerprint."""
        return {row[0]: row[1] for row in self._all("SELECT fingerprint, reason FROM suppressed")}

    def told(self) -> list[Told]:
        rows = self._all("SELECT receiver, group_key, at, firing FROM told")
        return [Told(receiver, key, at, json.loads(firing)) for receiver, key, at, firing in rows]

    def judged_at(self, target: str) -> float | None:
        """When the target was last judged."""
        rows = self._all("SELECT at FROM judged WHERE target = ?", (target,))
        return rows[0][0] if rows else None


class LedgerWriter:
    """Writes the ledger, within a transaction that somebody else began."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add_silence(
        self, matchers: Mapping[str, str], starts_at: float, ends_at: float, author: str, comment: str, now: float
    ) -> int:
        """The silence's id."""
        cursor = self._db.execute(
            "INSERT INTO silence (matchers, starts_at, ends_at, author, comment, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (json.dumps(dict(matchers)), starts_at, ends_at, author, comment, now),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def expire_silence(self, id: int, now: float) -> bool:
        """End it now; False where there is none with this id that has not ended."""
        done = self._db.execute("UPDATE silence SET ends_at = ? WHERE id = ? AND ends_at > ?", (now, id, now))
        return done.rowcount > 0

    def acknowledge(self, rule: str, fingerprint: str, author: str, comment: str, now: float) -> bool:
        """False where no such alert fires."""
        done = self._db.execute(
            "INSERT OR REPLACE INTO ack (fingerprint, rule, author, comment, at)"
            " SELECT fingerprint, rule, ?, ?, ? FROM alert_state"
            " WHERE rule = ? AND fingerprint = ? AND state = 'firing'",
            (author, comment, now, rule, fingerprint),
        )
        return done.rowcount > 0

    def note(self, at: float, author: str, via: str, action: str, about: str) -> None:
        """Keep what a person wrote."""
        self._db.execute(
            "INSERT INTO audit (at, author, via, action, about) VALUES (?, ?, ?, ?, ?)",
            (at, author, via, action, about),
        )

    def drop_acks(self) -> None:
        """Forget the acknowledgements of what does not fire any more."""
        self._db.execute(
            "DELETE FROM ack WHERE fingerprint NOT IN (SELECT fingerprint FROM alert_state WHERE state = 'firing')"
        )

    def suppress(self, fingerprint: str, reason: str | None) -> None:
        """Note why an alert is suppressed; None where it is not any more."""
        if reason is None:
            self._db.execute("DELETE FROM suppressed WHERE fingerprint = ?", (fingerprint,))
        else:
            self._db.execute("INSERT OR REPLACE INTO suppressed VALUES (?, ?)", (fingerprint, reason))

    def save_told(self, told: Told) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?)",
            (told.receiver, told.group_key, told.at, json.dumps(told.firing)),
        )

    def forget_told(self, told: Told) -> None:
        self._db.execute("DELETE FROM told WHERE receiver = ? AND group_key = ?", (told.receiver, told.group_key))

    def hasten(self, now: float) -> None:
        """What was decided in the future, before the clock went back, is due now."""
        self._db.execute(
            "UPDATE outbox SET created_at = ?, next_try_at = ? WHERE sent_at IS NULL"
            " AND next_try_at > ? AND next_try_at < 1e18 AND created_at > ?",
            (now, now, now, now),
        )

    def save_judged(self, target: str, at: float) -> None:
        self._db.execute("INSERT OR REPLACE INTO judged VALUES (?, ?)", (target, at))

    def forget_judged(self, targets: set[str]) -> None:
        """Forget all but these."""
        rows = self._db.execute("SELECT target FROM judged").fetchall()
        self._db.executemany("DELETE FROM judged WHERE target = ?", [row for row in rows if row[0] not in targets])
