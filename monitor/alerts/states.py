"""The states of one alert, as Prometheus' rule manager moves them. Pure; times are UTC epoch seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from monitor.alerts.evaluation import Verdict
from monitor.alerts.rules import Rule
from monitor.alerts.wording import texts
from monitor.store.reader import AlertState

#: Annotations about when an alert began to fire: what had changed by then, and the dashboard at that time.
OF_THE_BEGINNING = frozenset({"changed", "dashboard_url"})
#: How long a resolved alert is remembered.
RESOLVED_SECONDS = 900.0
#: Up to so many intervals between two judgements of a target are no gap.
INTERVALS_MISSED = 2.0
#: A pending alert that nobody judged for longer begins anew.
OUTAGE_SECONDS = 3600.0

_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


def step(
    rule: Rule,
    old: AlertState | None,
    true: tuple[dict[str, str], Verdict] | None,
    fp: str,
    now: float,
    blind: bool = False,
) -> AlertState | None:
    """The next state of one alert; None where nothing is to be kept.

    While the target is `blind`, a firing alert whose figures are gone stays as it is: unknown is not resolved.
    """
    active = old if old is not None and old.state != "resolved" else None
    if true is not None:
        return _held(rule, active, true, fp, now)
    if active is None:
        return old if old is not None and now - (old.resolved_at or 0) < RESOLVED_SECONDS else None
    if active.state == "pending":
        return None
    if blind:
        return active
    quiet = now if active.quiet_since is None else active.quiet_since
    if now - quiet < rule.keep_firing_for:
        return replace(active, quiet_since=quiet)
    return replace(active, state="resolved", resolved_at=now)


def _held(
    rule: Rule, active: AlertState | None, true: tuple[dict[str, str], Verdict], fp: str, now: float
) -> AlertState:
    labels, (_, value) = true
    annotations = texts(rule, labels, value)
    if active is None:
        active = AlertState(rule.name, fp, labels, "pending", now, None, None, value, annotations, now)
    annotations |= {name: text for name, text in active.annotations.items() if name in OF_THE_BEGINNING}
    active = replace(active, value=value, annotations=annotations, last_true_at=now, quiet_since=None)
    if active.state == "pending" and now - active.active_at >= rule.for_:
        active = replace(active, state="firing", fired_at=now)
    return active


def begun(state: AlertState, notes: Mapping[str, str]) -> AlertState:
    """The state with what is to be told of its beginning, which stays as long as it fires; empty texts are not told."""
    return replace(state, annotations={**state.annotations, **{name: text for name, text in notes.items() if text}})


def lost_seconds(judged_at: float, now: float, interval: float) -> float:
    """The time since a target was judged in which nobody looked. It is to count for neither `for` nor
    `keep_firing_for`: more than two intervals count as one, and a clock that went back (below 0) as nothing.
    """
    gap = now - judged_at
    return gap if gap < 0 else gap - interval if gap > INTERVALS_MISSED * interval else 0.0


def resumed(state: AlertState, lost: float, now: float) -> AlertState:
    """The state with the lost seconds taken out of it."""
    if state.state == "firing":
        quiet = None if state.quiet_since is None else state.quiet_since + lost
        return replace(state, last_true_at=state.last_true_at + lost, quiet_since=quiet)
    if state.state == "pending" and lost > OUTAGE_SECONDS:
        return replace(state, active_at=now, last_true_at=now)
    if state.state == "pending":
        return replace(state, active_at=state.active_at + lost, last_true_at=state.last_true_at + lost)
    return state


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hexadecimal digits that stand for a set of labels, the same as Alertmanager's (64-bit FNV-1a).

    A label with an empty value is no label there.
    """
    found = _FNV_OFFSET
    for name, value in sorted(labels.items()):
        for byte in (name.encode() + b"\xff" + value.encode() + b"\xff") if value else b"":
            found = ((found ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"
