"""Reading the store: its series and histograms, and what the agent made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from collectors.base import PartError, Skipped
from monitor.percentiles import Increase
from monitor.store.ledger import Ack, Audited, LedgerReader, Silence, Told
from monitor.store.series import STALE_SECONDS, NoStoreError, Series, StoreError, milliseconds

__all__ = [
    "STALE_SECONDS", "Ack", "AlertState", "Audited", "Increase", "NoStoreError", "Notification", "Reader", "Series",
    "Silence",
    "StoreError", "TargetRow", "Told", "Transition",
]  # fmt: skip


#: The target and the system under which the agent tells of itself.
ITSELF = "eda-monitor"


class TargetRow(NamedTuple):
    """The last scrape of a target."""

    name: str
    system: str
    last_scrape_at: float
    last_success_at: float | None
    up: bool
    error: str | None
    #: Like `requests` of the last scrape; None where they are not known.
    duration_seconds: float | None
    requests: int | None
    skipped: list[Skipped]
    errors: list[PartError]


@dataclass(frozen=True, slots=True)
class AlertState:
    """Where one instance of a rule stands. `last_true_at` is when its condition last held, `quiet_since` when it was
    first seen not to hold since.
    """

    rule: str
    fingerprint: str
    labels: dict[str, str]
    state: str
    active_at: float
    fired_at: float | None
    resolved_at: float | None
    value: float
    annotations: dict[str, str]
    last_true_at: float
    quiet_since: float | None = None

    @property
    def is_told(self) -> bool:
        """Whether people are told of it: of severity none it is for dead man's switches alone."""
        return self.labels.get("severity") != "none"


class Transition(NamedTuple):
    """A stored change of state."""

    rule: str
    fingerprint: str
    labels: dict[str, str]
    old: str
    new: str
    at: float
    value: float


class Notification(NamedTuple):
    """A message about transitions, sent or waiting."""

    id: int
    receiver: str
    payload: str
    created_at: float
    attempts: int
    sent_at: float | None
    last_error: str | None


class Reader(LedgerReader):
    """Read-only view of a store. Every read is a short transaction of its own."""

    def targets(self, now: float) -> list[TargetRow]:
        """The last scrape of every target that was scraped within a day of `now`; the agent itself is none of them."""
        rows = self._all(
            "SELECT ts, gaps.target, system, ok, error, duration_seconds, requests, skipped, errors FROM gaps"
            " JOIN scrape ON scrape.target = gaps.target"
            " AND ts = (SELECT max(ts) FROM scrape WHERE target = gaps.target AND ts > ? AND ts <= ?)"
            " WHERE system != ? ORDER BY gaps.target",
            (milliseconds(now - 86400), milliseconds(now), ITSELF),
        )
        good = self._last_success_of([row[1] for row in rows], now)
        return [
            TargetRow(
                name, system, ts / 1000, good.get(name), bool(ok), error, duration, requests,
                [Skipped(*one) for one in json.loads(skipped)], [PartError(*one) for one in json.loads(errors)],
            )
            for ts, name, system, ok, error, duration, requests, skipped, errors in rows
        ]  # fmt: skip

    def alerts(self) -> list[AlertState]:
        """Every alert that is pending, firing or resolved and not yet forgotten."""
        return [self._alert(row) for row in self._all(f"SELECT {_ALERT} FROM alert_state ORDER BY state, active_at")]

    def _alert(self, row: tuple[Any, ...]) -> AlertState:
        rule, fingerprint, labels, state, active, fired, resolved, value, annotations, *times = row
        return AlertState(
            rule, fingerprint, json.loads(labels), state, active, fired, resolved, value, json.loads(annotations),
            *times,
        )  # fmt: skip

    def transitions(self, since: float) -> list[Transition]:
        rows = self._all(
            "SELECT rule, fingerprint, labels, old, new, at, value FROM transition WHERE at >= ? ORDER BY id", (since,)
        )
        return [Transition(rule, fp, json.loads(labels), *rest) for rule, fp, labels, *rest in rows]

    def last_transition(self) -> int:
        """A number that rises with every transition."""
        ((last,),) = self._all("SELECT coalesce(max(id), 0) FROM transition", ())
        return int(last)

    def fired(self, rule: str, start: float, end: float) -> list[dict[str, str]]:
        """The labels of the alerts of a rule that fired at some time in (start, end]."""
        now = "SELECT labels FROM alert_state WHERE rule = ?1 AND fired_at <= ?3 AND coalesce(resolved_at, ?3) > ?2"
        then = (
            "SELECT labels FROM transition WHERE rule = ?1 AND new IN ('firing', 'resolved') AND at > ?2 AND at <= ?3"
        )
        rows = self._all(f"{now} UNION {then}", (rule, start, end))
        return [json.loads(labels) for (labels,) in rows]

    def notifications(self, limit: int) -> list[Notification]:
        """The newest notifications first."""
        return [
            Notification(*row)
            for row in self._all(
                "SELECT id, receiver, payload, created_at, attempts, sent_at, last_error"
                " FROM outbox ORDER BY id DESC LIMIT ?",
                (limit,),
            )
        ]


_ALERT = (
    "rule, fingerprint, labels, state, active_at, fired_at, resolved_at, value, annotations, last_true_at, quiet_since"
)
