"""Stores in every state that a console may find."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from paging import behind, dead, fill

from collectors import metrics as m
from collectors.base import PartError, Reading, Skipped
from monitor.store.writer import Store

#: A name as the worst producer would choose it: markup of every kind, right to left, and long.
HOSTILE = (
    "<img src=x onerror=\"document.title='hacked'\"><b>b</b> **bold** [link](javascript:alert(1)) :red[red] $x$ `c`"
    " \u202eabc \u05d0\u05d1\u05d2 " + "long" * 40
)
STATES = ("missing", "empty", "healthy", "incident", "stopped", "hostile", "broken", "newer")


def store_in(folder: Path, state: str) -> Path:
    """The path of a store in this state; "missing" has no file."""
    path = folder / f"{state}.db"
    made = {
        "missing": lambda _: None,
        "empty": lambda path: Store(path).close(),
        "healthy": _healthy,
        "incident": _incident,
        "stopped": lambda path: fill(path, *((ago, _well()) for ago in (3630, 3600))),
        "hostile": _hostile,
        "broken": lambda path: path.write_bytes(b"not a database at all" * 1000),
        "newer": _newer,
    }[state]
    made(path)
    return path


def _well() -> Reading:
    return Reading(
        [*behind("orders", "shipping", 0, 0), *dead("orders.dlq", 0), m.MESSAGES_IN_TOTAL.sample(100, "orders")]
    )


def _healthy(path: Path) -> None:
    fill(path, *((ago, _well()) for ago in (60, 30, 1)))


def _incident(path: Path) -> None:
    """Dead letters grow, a group has stopped, another is behind, parts cannot be read."""
    readings = [
        Reading(
            [
                *dead("orders.DLT", 2 + 7 * step),
                *behind("orders", "billing", 100 * step, 60 * step, 0),
                *behind("clicks", "analytics", 4000 * step, 50 * step, 2),
                *behind("audit", "archive", 0, 0),
                m.MESSAGES_IN_TOTAL.sample(1000 * step, "orders"),
                m.HANDLER_EVENTS_TOTAL.sample(90 * step, "order-service", "handle", "orders", "billing", "ok"),
                m.HANDLER_EVENTS_TOTAL.sample(60 * step, "order-service", "handle", "orders", "billing", "failed"),
            ],
            skipped=[Skipped("clicks", "partitions over the budget")],
            errors=[PartError("broker 2", "did not answer in time")],
        )
        for step in range(9)
    ]
    fill(path, *((480.0 - 60 * step + 1, reading) for step, reading in enumerate(readings)))


def _hostile(path: Path) -> None:
    readings = [
        Reading(
            [
                *dead(HOSTILE, 1 + 5 * step),
                *behind(HOSTILE, HOSTILE, 50 * step, 100 * step, 0),
                m.HANDLER_EVENTS_TOTAL.sample(60 * step, HOSTILE, HOSTILE, HOSTILE, HOSTILE, "failed"),
            ],
            skipped=[Skipped(HOSTILE, HOSTILE)],
            errors=[PartError(HOSTILE, HOSTILE)],
        )
        for step in range(4)
    ]
    fill(path, *((180.0 - 60 * step + 2, reading) for step, reading in enumerate(readings)), (1, HOSTILE))


def _newer(path: Path) -> None:
    Store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('eda_monitor', 'z', '')")
