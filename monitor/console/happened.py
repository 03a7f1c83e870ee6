"""What changed of late: alerts, consumers, first dead letters, targets that came and went. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from monitor.alerts.links import page_of
from monitor.store.reader import Series, Transition


class Event(NamedTuple):
    """Something that happened at a time in epoch seconds, and the thing that it happened to. `is_bad` is whether it
    was for the worse.
    """

    at: float
    text: str
    is_bad: bool
    page: str
    labels: dict[str, str]


def happened(
    transitions: Iterable[Transition],
    consumers: Iterable[Series],
    born: Iterable[Series],
    up: Iterable[Series],
    since: float,
) -> list[Event]:
    """The newest first. `consumers` and `up` are over the time since then, `born` tell when."""
    found = [*_alerts(transitions), *_consumers(consumers), *_born(born, since), *_targets(up)]
    return sorted(found, key=lambda event: -event.at)


def _alerts(transitions: Iterable[Transition]) -> Iterator[Event]:
    for one in transitions:
        began = one.new == "firing"
        if one.labels.get("severity") == "none" or not (began or (one.old, one.new) == ("firing", "resolved")):
            continue
        told = "fires" if began else "is resolved"
        yield Event(one.at, f"{one.rule} {told}: {about(one.labels)}", began, page_of(one.labels), one.labels)


def _consumers(found: Iterable[Series]) -> Iterator[Event]:
    """The last change of how many consumers each group has."""
    for series in found:
        changes = [(at, before, value) for (_, before), (at, value) in pairwise(series.points) if before != value]
        for at, before, value in changes[-1:]:
            text = f"{about(series.labels)}: {before:,.0f} → {value:,.0f} consumers"
            yield Event(at, text, value < before, "consumers", series.labels)


def _born(found: Iterable[Series], since: float) -> Iterator[Event]:
    for series in found:
        at = series.points[-1][1]
        if at >= since:
            yield Event(at, f"first dead letters in {about(series.labels)}", True, "dead-letters", series.labels)


def _targets(found: Iterable[Series]) -> Iterator[Event]:
    """The last time that each target was lost or found again."""
    for series in found:
        changes = [(at, value) for (_, before), (at, value) in pairwise(series.points) if before != value]
        for at, up in changes[-1:]:
            told = "is read again" if up else "cannot be read"
            yield Event(at, f"{series.labels['target']} {told}", not up, "targets", series.labels)


def about(labels: dict[str, str]) -> str:
    """The thing of these labels: `billing on orders`, `orders.dlq from orders`, `kafka`."""
    who = labels.get("service") or labels.get("group")
    destination, source = labels.get("destination"), labels.get("source")
    where = " from ".join(name for name in (destination, source) if name)
    named = " on ".join(name for name in (who, where) if name)
    return named or labels.get("node") or labels.get("receiver") or labels.get("target", "")
