"""What alerts were when: pending, firing or silenced, as spans over time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from monitor.alerts.routing import match_all
from monitor.console.happened import about
from monitor.store.ledger import Silence
from monitor.store.reader import AlertState, Transition

PENDING, FIRING, SILENCED = "pending", "firing", "silenced"


class Span(NamedTuple):
    """An alert was in a state from `begin` to `end`, in epoch seconds."""

    alert: str
    state: str
    begin: float
    end: float


def spans(
    transitions: Iterable[Transition],
    alerts: Iterable[AlertState],
    silences: Iterable[Silence],
    start: float,
    now: float,
) -> list[Span]:
    """Over (start, now], by alert and time. `transitions` are those since the start, oldest first; of what changed
    nothing since, `alerts` tell. Dead man's switches are left out.
    """
    found: list[Span] = []
    changes: dict[str, list[Transition]] = {}
    for one in transitions:
        changes.setdefault(one.fingerprint, []).append(one)
    for own in changes.values():
        found += _changed(own, start, now)
    standing = list(alerts)
    for state in standing:
        if state.fingerprint not in changes and state.is_told:
            found += _standing(state, start, now)
    kept = list(silences)
    labelled = {_named(one.rule, one.labels): one.labels for own in changes.values() for one in own}
    labelled |= {_named(one.rule, one.labels): one.labels for one in standing}
    parts = (part for span in found for part in _silenced(span, labelled[span.alert], kept))
    return sorted(parts, key=lambda span: (span.alert, span.begin))


def _named(rule: str, labels: dict[str, str]) -> str:
    return f"{rule}: {about(labels)}"


def _changed(own: list[Transition], start: float, now: float) -> Iterator[Span]:
    """Between its changes; before the first it was what that one says."""
    if own[0].labels.get("severity") == "none":
        return
    name = _named(own[0].rule, own[0].labels)
    begin, state = start, own[0].old
    for one in own:
        if state in (PENDING, FIRING) and one.at > begin:
            yield Span(name, state, begin, one.at)
        begin, state = one.at, one.new
    if state in (PENDING, FIRING) and now > begin:
        yield Span(name, state, begin, now)


def _standing(one: AlertState, start: float, now: float) -> Iterator[Span]:
    if one.state in (PENDING, FIRING):
        yield Span(_named(one.rule, one.labels), one.state, max(start, one.fired_at or one.active_at), now)


def _silenced(span: Span, labels: dict[str, str], silences: Iterable[Silence]) -> Iterator[Span]:
    """The span, parted where the silences that it meets begin and end."""
    met = [one for one in silences if one.starts_at < span.end and one.ends_at > span.begin]
    matching = [one for one in met if span.state == FIRING and match_all(labels, one.matchers)]
    if not matching:
        yield span
        return
    silence = min(matching, key=lambda one: one.starts_at)
    begin, end = max(span.begin, silence.starts_at), min(span.end, silence.ends_at)
    if begin > span.begin:
        yield span._replace(end=begin)
    yield span._replace(state=SILENCED, begin=begin, end=end)
    if span.end > end:
        yield from _silenced(span._replace(begin=end), labels, matching)
