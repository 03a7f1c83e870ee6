"""The alert engine: keeps each alert's state in the store, and sends what changed.

`judge` runs inside the transaction of a scrape: a transition and its message are rows, both or neither.
Sending comes later, from the outbox, at least once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from monitor.alerts.evaluation import Verdict, evaluate
from monitor.alerts.notifiers import NotifyError
from monitor.alerts.rules import Rule, texts
from monitor.percentiles import Increase
from monitor.store import AlertState, OutboxRow, Reader, Series, Store, Tx

#: How long a resolved alert is remembered.
RESOLVED_SECONDS = 900.0
#: Waits between tries of a notification; the last one repeats.
RETRY_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0)
#: A message that could not be sent for so long is of no use any more.
GIVE_UP_SECONDS = 86400.0

Send = Callable[[str], None]


class TargetReadings:
    """What the rules read when one target is judged: each thing once, and nothing that the target never had."""

    def __init__(self, reader: Reader, target: str) -> None:
        self._reader, self._where = reader, {"target": target}
        self._metrics = reader.metrics(target)
        self._known: dict[tuple[object, ...], list[Any]] = {}

    def latest(self, metric: str, now: float, everywhere: bool = False) -> Sequence[Series]:
        return self._read(self._reader.latest, metric, now, everywhere=everywhere)

    def window(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Series]:
        return self._read(self._reader.window, metric, start, end, everywhere=everywhere)

    def past(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Series]:
        return self._read(self._reader.past, metric, start, end, everywhere=everywhere)

    def fired(self, rule: str, start: float, end: float) -> Sequence[dict[str, str]]:
        return self._reader.fired(rule, start, end)

    def increases(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Increase]:
        return self._read(self._reader.increases, metric, start, end, everywhere=everywhere)

    def totals(self, metric: str, everywhere: bool = False) -> Sequence[Increase]:
        return self._read(self._reader.totals, metric, everywhere=everywhere)

    def _read(self, read: Callable[..., list[Any]], metric: str, *times: float, everywhere: bool) -> list[Any]:
        if not everywhere and metric not in self._metrics:
            return []
        key = (read.__name__, metric, *times, everywhere)
        if key not in self._known:
            self._known[key] = read(metric, *times, where=None if everywhere else self._where)
        return self._known[key]


class Engine:
    """Evaluates the rules after every scrape of a target, for that target."""

    def __init__(self, rules: Sequence[Rule], receivers: Sequence[str], console_url: str) -> None:
        self.rules, self.receivers, self.console_url = list(rules), list(receivers), console_url

    def judge(self, tx: Tx, now: float, target: str) -> None:
        """Move the alerts of the target on, and put a message for each transition into the outbox."""
        readings = TargetReadings(tx.reader, target)
        states = tx.reader.alerts()
        for rule in self.rules:
            before = {
                s.fingerprint: s
                for s in states
                if s.rule == rule.name and s.labels.get("target") == target and rule.covers(s.labels)
            }
            true = {
                fingerprint(labels): (labels, v) for v in evaluate(rule, readings, now) for labels in [_labels(rule, v)]
            }
            for fp in before.keys() | true.keys():
                self._move(tx, rule, before.get(fp), true.get(fp), fp, now)

    def _move(
        self,
        tx: Tx,
        rule: Rule,
        old: AlertState | None,
        true: tuple[dict[str, str], Verdict] | None,
        fp: str,
        now: float,
    ) -> None:
        new = step(rule, old, true, fp, now)
        if new is None:
            tx.forget_alert(rule.name, fp)
            return
        tx.save_alert(new)
        state = old.state if old else "inactive"
        if new.state == state:
            return
        tx.add_transition(rule.name, fp, new.labels, state, new.state, now, new.value)
        if new.state in ("firing", "resolved") and rule.severity != "none":
            for receiver in self.receivers:
                tx.enqueue(receiver, json.dumps(payload(receiver, new, self.console_url)), now)


def step(
    rule: Rule, old: AlertState | None, true: tuple[dict[str, str], Verdict] | None, fp: str, now: float
) -> AlertState | None:
    """The next state of one alert, as Prometheus' rule manager makes it; None where nothing is to be kept."""
    active = old if old is not None and old.state != "resolved" else None
    if true is not None:
        labels, (_, value) = true
        annotations = texts(rule, labels, value)
        if active is None:
            active = AlertState(rule.name, fp, labels, "pending", now, None, None, value, annotations, now)
        active = replace(active, value=value, annotations=annotations, last_true_at=now)
        if active.state == "pending" and now - active.active_at >= rule.for_:
            active = replace(active, state="firing", fired_at=now)
        return active
    if active is None:
        return old if old is not None and now - (old.resolved_at or 0) < RESOLVED_SECONDS else None
    if active.state == "pending":
        return None
    if now - active.last_true_at < rule.keep_firing_for:
        return active
    return replace(active, state="resolved", resolved_at=now)


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hexadecimal digits that stand for a set of labels."""
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:16]


def payload(receiver: str, state: AlertState, console_url: str) -> dict[str, Any]:
    """A message in the form of Alertmanager's webhook, version 4, about one alert."""
    alert = {
        "status": state.state,
        "labels": state.labels,
        "annotations": {**state.annotations, "console_url": console_url},
        "startsAt": _rfc3339(state.fired_at),
        "endsAt": _rfc3339(state.resolved_at),
        "generatorURL": console_url,
        "fingerprint": state.fingerprint,
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{state.rule}", fingerprint="{state.fingerprint}"}}',
        "truncatedAlerts": 0,
        "status": state.state,
        "receiver": receiver,
        "groupLabels": {"alertname": state.rule},
        "commonLabels": state.labels,
        "commonAnnotations": alert["annotations"],
        "externalURL": console_url,
        "alerts": [alert],
    }


def _labels(rule: Rule, verdict: Verdict) -> dict[str, str]:
    return {"alertname": rule.name, "severity": rule.severity, **verdict.labels}


def _rfc3339(at: float | None) -> str:
    """Alertmanager writes the zero time where there is none."""
    return "0001-01-01T00:00:00Z" if at is None else datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


class Deliverer:
    """Sends what waits in the outbox, until its receiver took it or a day has passed."""

    def __init__(self, store: Store, receivers: Mapping[str, Send]) -> None:
        self.store, self.receivers = store, dict(receivers)

    def deliver_due(self, now: float) -> None:
        for row in self.store.outbox_due(now):
            self._deliver(row, now)

    def _deliver(self, row: OutboxRow, now: float) -> None:
        send = self.receivers.get(row.receiver)
        if send is None:
            self.store.outbox_done(row.id, now)  # the receiver was taken out of the configuration
            return
        try:
            send(row.payload)
        except NotifyError as error:
            if now - row.created_at > GIVE_UP_SECONDS:
                self.store.outbox_give_up(row.id, str(error))
                return
            wait = RETRY_SECONDS[-1] if error.permanent else RETRY_SECONDS[min(row.attempts, len(RETRY_SECONDS) - 1)]
            self.store.outbox_retry(row.id, now + wait, str(error))
        else:
            self.store.outbox_done(row.id, now)
