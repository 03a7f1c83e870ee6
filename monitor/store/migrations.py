"""The schema of the store, as ordered steps that are each applied once, in one transaction."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.store.schema import STEPS


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """These packages look as if they were not installed."""
    before = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(before)


# sqlite-utils loads pandas where it is there, for types that no store has: that would cost an agent 70 MB
with _hidden("pandas", "numpy"):
    from sqlite_utils import Database, Migrations

migrations = Migrations("eda_monitor")

#: `PRAGMA application_id` of a store of ours ("EDAM").
APPLICATION_ID = 0x4544414D


@migrations()
def first_schema(db: Database) -> None:
    """Times are UTC epoch milliseconds. A `value` of NULL marks the end of a series, a `prev` of NULL its birth."""
    for statement in _FIRST.split(";\n"):
        db.execute(statement)


_FIRST = """
CREATE TABLE series (
  id INTEGER PRIMARY KEY, target TEXT NOT NULL, system TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,
  UNIQUE (metric, target, labels)) STRICT;
CREATE TABLE head (
  ts INTEGER NOT NULL, series INTEGER NOT NULL, value REAL, prev REAL, PRIMARY KEY (ts, series)) WITHOUT ROWID, STRICT;
CREATE TABLE latest (
  series INTEGER PRIMARY KEY, ts INTEGER NOT NULL, value REAL) STRICT;
CREATE TABLE scrape (
  ts INTEGER NOT NULL, target TEXT NOT NULL, system TEXT NOT NULL, ok INTEGER NOT NULL, duration_seconds REAL NOT NULL,
  requests INTEGER NOT NULL, error TEXT, PRIMARY KEY (ts, target)) WITHOUT ROWID, STRICT;
CREATE TABLE gaps (
  target TEXT PRIMARY KEY, skipped TEXT NOT NULL, errors TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE rollup_1m (
  series INTEGER NOT NULL, ts INTEGER NOT NULL, n INTEGER NOT NULL, sum REAL, min REAL, max REAL, last REAL,
  increase REAL, PRIMARY KEY (series, ts)) WITHOUT ROWID, STRICT;
CREATE TABLE rollup_10m (
  series INTEGER NOT NULL, ts INTEGER NOT NULL, n INTEGER NOT NULL, sum REAL, min REAL, max REAL, last REAL,
  increase REAL, PRIMARY KEY (series, ts)) WITHOUT ROWID, STRICT;
CREATE TABLE rollup_1h (
  series INTEGER NOT NULL, ts INTEGER NOT NULL, n INTEGER NOT NULL, sum REAL, min REAL, max REAL, last REAL,
  increase REAL, PRIMARY KEY (series, ts)) WITHOUT ROWID, STRICT;
CREATE TABLE rollup_progress (
  rollup TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE memory (
  target TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (target, key)) WITHOUT ROWID, STRICT;
CREATE TABLE alert_state (
  rule TEXT NOT NULL, fingerprint TEXT NOT NULL, labels TEXT NOT NULL, state TEXT NOT NULL, active_at REAL NOT NULL,
  fired_at REAL, resolved_at REAL, value REAL NOT NULL, annotations TEXT NOT NULL, last_true_at REAL NOT NULL,
  PRIMARY KEY (rule, fingerprint)) WITHOUT ROWID, STRICT;
CREATE TABLE transition (
  id INTEGER PRIMARY KEY, rule TEXT NOT NULL, fingerprint TEXT NOT NULL, labels TEXT NOT NULL, old TEXT NOT NULL,
  new TEXT NOT NULL, at REAL NOT NULL, value REAL NOT NULL) STRICT;
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY, receiver TEXT NOT NULL, payload TEXT NOT NULL, created_at REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, next_try_at REAL NOT NULL, sent_at REAL, last_error TEXT) STRICT;
CREATE INDEX outbox_due ON outbox (next_try_at) WHERE sent_at IS NULL;
CREATE VIEW backlog AS
  SELECT series.target, json_extract(labels, '$.destination') AS destination,
    json_extract(labels, '$.group') AS "group",
    latest.value AS messages, datetime(latest.ts / 1000, 'unixepoch') AS changed_at
  FROM series JOIN latest ON latest.series = series.id
  WHERE metric = 'backlog_messages' AND latest.value IS NOT NULL;
CREATE VIEW dead_letters AS
  SELECT series.target, json_extract(labels, '$.destination') AS destination,
    json_extract(labels, '$.source') AS source, latest.value AS messages,
    datetime(latest.ts / 1000, 'unixepoch') AS changed_at
  FROM series JOIN latest ON latest.series = series.id
  WHERE metric = 'dead_letters' AND latest.value IS NOT NULL;
CREATE VIEW alerts AS
  SELECT rule, state, labels, value, datetime(active_at, 'unixepoch') AS active_at,
    datetime(fired_at, 'unixepoch') AS fired_at
  FROM alert_state WHERE state != 'resolved'
"""


@migrations()
def histograms(db: Database) -> None:
    """Rows of `histogram` and its rollups hold what was added to each bucket; a `sum` of NULL is not known."""
    for statement in _HISTOGRAMS.split(";\n"):
        db.execute(statement)


_HISTOGRAMS = """
CREATE TABLE histogram_bounds (
  id INTEGER PRIMARY KEY, bounds TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE histogram (
  ts INTEGER NOT NULL, series INTEGER NOT NULL, bounds INTEGER NOT NULL, counts BLOB NOT NULL, sum REAL,
  PRIMARY KEY (ts, series)) WITHOUT ROWID, STRICT;
CREATE TABLE histogram_latest (
  series INTEGER PRIMARY KEY, bounds INTEGER NOT NULL, counts BLOB NOT NULL, sum REAL) STRICT;
CREATE TABLE histogram_10m (
  series INTEGER NOT NULL, ts INTEGER NOT NULL, bounds INTEGER NOT NULL, counts BLOB NOT NULL, sum REAL,
  PRIMARY KEY (series, ts, bounds)) WITHOUT ROWID, STRICT;
CREATE TABLE histogram_1h (
  series INTEGER NOT NULL, ts INTEGER NOT NULL, bounds INTEGER NOT NULL, counts BLOB NOT NULL, sum REAL,
  PRIMARY KEY (series, ts, bounds)) WITHOUT ROWID, STRICT;
CREATE TABLE histogram_since (
  source TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE VIEW handlers AS
  SELECT series.target, json_extract(labels, '$.service') AS service, json_extract(labels, '$.handler') AS handler,
    json_extract(labels, '$.destination') AS destination, json_extract(labels, '$.group') AS "group",
    json_extract(labels, '$.outcome') AS outcome, latest.value AS calls,
    histogram_latest.sum / nullif(latest.value, 0) AS mean_seconds,
    datetime(latest.ts / 1000, 'unixepoch') AS changed_at
  FROM series JOIN latest ON latest.series = series.id JOIN histogram_latest ON histogram_latest.series = series.id
  WHERE metric = 'handler_duration_seconds' AND latest.value IS NOT NULL
"""


@migrations()
def telling(db: Database) -> None:
    """What is kept about telling people: see `ledger`. Times are UTC epoch seconds."""
    for statement in _TELLING.split(";\n"):
        db.execute(statement)


_TELLING = """
CREATE TABLE silence (
  id INTEGER PRIMARY KEY, matchers TEXT NOT NULL, starts_at REAL NOT NULL, ends_at REAL NOT NULL,
  author TEXT NOT NULL, comment TEXT NOT NULL, created_at REAL NOT NULL) STRICT;
CREATE TABLE ack (
  fingerprint TEXT PRIMARY KEY, rule TEXT NOT NULL, author TEXT NOT NULL, comment TEXT NOT NULL,
  at REAL NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE suppressed (
  fingerprint TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE judged (
  target TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE told (
  receiver TEXT NOT NULL, group_key TEXT NOT NULL, at REAL NOT NULL, firing TEXT NOT NULL,
  PRIMARY KEY (receiver, group_key)) STRICT
"""


@migrations()
def quiet_since(db: Database) -> None:
    """`keep_firing_for` counts from the first time an alert was seen not to hold, as in Prometheus."""
    db.execute("ALTER TABLE alert_state ADD COLUMN quiet_since REAL")


@migrations()
def scrapes_by_target(db: Database) -> None:
    """What looks back for days looks at the scrapes of one target."""
    db.execute("CREATE INDEX scrape_by_target ON scrape (target, ts, ok)")


@migrations()
def histograms_before(db: Database) -> None:
    """What a histogram had counted before it began anew: rates of its buckets are stretched by where each stood."""
    db.execute("ALTER TABLE histogram ADD COLUMN before BLOB")


@migrations()
def audit(db: Database) -> None:
    """What people wrote, in the transaction that wrote it: see `ledger`."""
    db.execute(
        "CREATE TABLE audit (id INTEGER PRIMARY KEY, at REAL NOT NULL, author TEXT NOT NULL, via TEXT NOT NULL,"
        " action TEXT NOT NULL, about TEXT NOT NULL) STRICT"
    )


def migrate(connection: Any) -> None:
    """Bring the schema up to date; raises ValueError when a newer program has written it."""
    db = Database(connection, execute_plugins=False)
    known = {migration.name for migration in migrations.pending(db)} | {m.name for m in migrations.applied(db)}
    newer = known - set(STEPS)
    if newer:
        raise ValueError(f"has the schema {', '.join(sorted(newer))} of a newer program")
    if migrations.pending(db):
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        migrations.apply(db)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
