"""What a receiver is told of a group of alerts, and when. Pure; the deduplication follows Alertmanager's.

A group has at most one message in `group_interval`. The first one waits for `group_wait` of its most urgent alert, so
that others can join. What the receiver believes to fire is `Told`; a message is due where the truth is another.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from enum import StrEnum
from typing import Any, NamedTuple

from monitor.alerts.links import console_link, without_page
from monitor.alerts.messages import AlertMessage, Notification
from monitor.alerts.routing import Alerting, Receiver, group_labels, receivers_of, wait_of
from monitor.store.ledger import Told
from monitor.store.reader import AlertState

#: Alerts as a receiver was told of them, by fingerprint.
Belief = Mapping[str, dict[str, Any]]


class Reason(StrEnum):
    """Why a receiver is told."""

    FIRST = "first notification"
    NEW = "new alerts in group"
    ALL_RESOLVED = "all resolved"
    RESOLVED = "some resolved"
    REPEAT = "repeat interval elapsed"


class Group(NamedTuple):
    """The firing alerts that are told to one receiver together."""

    receiver: Receiver
    key: str
    firing: tuple[AlertState, ...]


class Look(NamedTuple):
    """How things stand: sets are of fingerprints, and `resolved_at` is of alerts that do not fire any more."""

    now: float
    firing: Collection[str]
    suppressed: Collection[str]
    acknowledged: Collection[str]
    resolved_at: Mapping[str, float]
    console_url: str


class Outcome(NamedTuple):
    """What the receiver knows from now on (None: nothing), and the message that tells it, if any."""

    told: Told | None
    reason: Reason | None
    message: Notification | None


def needs_update(
    entry: Told | None,
    firing: Collection[str],
    resolved: Collection[str],
    now: float,
    repeat_interval: float,
    send_resolved: bool = True,
) -> Reason | None:
    """Why the receiver is to be told that these fire and those were resolved, or None; both are fingerprints.

    1. Who was told nothing is told of what fires.
    2. An alert that the last message did not have is told.
    3. That nothing fires any more is told to whoever believes otherwise.
    4. A resolved alert is told while others still fire, to those who want that.
    5. What was told before is told again after `repeat_interval`.
    """
    if entry is None or not entry.firing:
        return Reason.FIRST if firing else None
    if not set(firing) <= entry.firing.keys():
        return Reason.NEW
    if not firing:
        return Reason.ALL_RESOLVED
    if resolved and send_resolved:
        return Reason.RESOLVED
    return Reason.REPEAT if now - entry.at >= repeat_interval else None


def groups(alerting: Alerting, firing: Iterable[AlertState], told: Iterable[Told]) -> list[Group]:
    """The groups of what fires, and of what a receiver still believes to fire."""
    found: dict[tuple[str, str], list[AlertState]] = defaultdict(list)
    for state in firing:
        key = group_key(group_labels(alerting, state.labels))
        for receiver in receivers_of(alerting, state.labels):
            found[receiver.name, key].append(state)
    for entry in told:
        found.setdefault((entry.receiver, entry.group_key), [])
    known = {receiver.name: receiver for receiver in alerting.receivers}
    return [Group(known[name], key, tuple(states)) for (name, key), states in found.items() if name in known]


def group_key(labels: Mapping[str, str]) -> str:
    """As Alertmanager writes it; no value can make one group look like another."""
    return "{}:{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


def outcome(alerting: Alerting, group: Group, entry: Told | None, look: Look) -> Outcome | None:
    """What is to be told of the group now; None where all stays as it is."""
    known = entry.firing if entry else {}
    ended = {fp: message for fp, message in known.items() if fp not in look.firing}
    if entry is not None and look.now < entry.at:
        return Outcome(entry._replace(at=look.now), None, None)  # the clock went back: the wait begins anew
    if entry is not None and look.now - entry.at < alerting.group_interval:
        return None
    if entry is not None and not group.firing and not ended:
        return Outcome(None, None, None)
    shown = [state for state in group.firing if state.fingerprint not in look.suppressed]
    hidden = {s.fingerprint for s in group.firing} & set(look.suppressed) & known.keys()
    firing = {state.fingerprint for state in shown} | hidden
    reason = needs_update(entry, firing, ended, look.now, alerting.repeat_interval, group.receiver.send_resolved)
    if reason is Reason.FIRST and not _has_waited(alerting, shown, look.now):
        return None
    if reason is Reason.REPEAT and all(state.fingerprint in look.acknowledged for state in shown):
        reason = None
    if reason is not None:
        return _told(alerting, group, reason, look, shown, {fp: known[fp] for fp in hidden}, ended)
    if ended and entry is not None:  # who does not want to hear of it believes it no more
        return Outcome(entry._replace(firing={fp: one for fp, one in known.items() if fp not in ended}), None, None)
    return None


def _has_waited(alerting: Alerting, shown: Iterable[AlertState], now: float) -> bool:
    """An alert that fired in the future did so before the clock went back."""
    return any(not 0 <= now - (s.fired_at or now) < wait_of(alerting, s.labels.get("severity", "")) for s in shown)


def _told(
    alerting: Alerting,
    group: Group,
    reason: Reason,
    look: Look,
    shown: Iterable[AlertState],
    hidden: Belief,
    ended: Belief,
) -> Outcome:
    firing = [_message(state, look.console_url) for state in sorted(shown, key=lambda state: state.fired_at or 0.0)]
    resolved = [
        replace(AlertMessage(**one), status="resolved", ends_at=look.resolved_at.get(fp, look.now))
        for fp, one in ended.items()
        if group.receiver.send_resolved
    ]
    told = Told(
        group.receiver.name, group.key, look.now, {**hidden, **{one.fingerprint: asdict(one) for one in firing}}
    )
    alerts = (*firing, *resolved)
    return Outcome(told, reason, _notification(alerting, group, alerts, look.console_url) if alerts else None)


def _message(state: AlertState, console_url: str) -> AlertMessage:
    starts = state.active_at if state.fired_at is None else state.fired_at
    link = console_link(console_url, state.labels, state.annotations, starts)
    texts = without_page(state.annotations)
    return AlertMessage("firing", state.labels, texts, starts, None, state.fingerprint, state.value, link)


def _notification(alerting: Alerting, group: Group, alerts: tuple[AlertMessage, ...], console_url: str) -> Notification:
    status = "firing" if any(alert.status == "firing" for alert in alerts) else "resolved"
    labels = group_labels(alerting, alerts[0].labels)
    shown, cut = alerts[: alerting.max_alerts], max(0, len(alerts) - alerting.max_alerts)
    return Notification(group.receiver.name, group.key, labels, status, shown, cut, console_url)
