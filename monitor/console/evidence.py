"""The evidence for the verdict on every group, from a few reads of the store for all of them together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from collectors import metrics as m
from monitor.console.handling import SECONDS, failure_reasons
from monitor.console.kept import once
from monitor.console.source import Source
from monitor.derive import FAILURES
from monitor.percentiles import Increase
from monitor.store.rises import Rise
from monitor.store.series import Where
from monitor.verdicts import Evidence

#: The time before, with which rates and durations are compared.
EARLIER = 1800.0

#: (target, destination, group).
Group = tuple[str, str, str]
#: (destination, group): handlers are read from another target than their broker.
Handled = tuple[str, str]

T = TypeVar("T")
One = TypeVar("One", Rise, Increase)


@once
def evidence(reader: Source, now: float, of: Where | None = None) -> dict[Group, Evidence]:
    """Of every group whose backlog is known, or of those on the target and destination in `of`; raises StoreError."""
    handled = None if of is None else {"destination": of["destination"]}
    latest = {metric: _latest(reader, metric.name, now, of) for metric in _STANDING}
    states = {(s.labels["target"], s.labels["group"]): s.points[-1][1] for s in reader.latest(m.GROUP_STATE.name, now)}
    arriving, earlier = (
        _rates(reader.rises(m.MESSAGES_IN_TOTAL.name, at - SECONDS, at, of)) for at in (now, now - EARLIER)
    )
    finished = reader.rises(m.MESSAGES_OUT_TOTAL.name, now - SECONDS, now, of)
    leaving, resting = _rates(finished), {_group(one.labels): one.resting for one in finished if one.seconds}
    means, means_before = _means(reader, now, handled), _means(reader, now - EARLIER, handled)
    failed, reasons = _failed(reader, now, handled), failure_reasons(reader, now, handled)
    found = {}
    for key, backlog in latest[m.BACKLOG_MESSAGES].items():
        target, destination, group = key
        found[key] = Evidence(
            backlog=backlog,
            age=latest[m.BACKLOG_AGE_SECONDS].get(key),
            rate_in=arriving.get((target, destination, "")),
            rate_in_before=earlier.get((target, destination, "")),
            rate_out=leaving.get(key),
            resting=resting.get(key),
            consumers=latest[m.CONSUMERS].get(key),
            group_state=states.get((target, group)),
            mean=_of(means, destination, group),
            mean_before=_of(means_before, destination, group),
            failed_share=_of(failed, destination, group),
            reason=_of(reasons, destination, group) or "",
            retention_margin=latest[m.RETENTION_MARGIN_SECONDS].get(key),
        )
    return found


_STANDING = (m.BACKLOG_MESSAGES, m.BACKLOG_AGE_SECONDS, m.CONSUMERS, m.RETENTION_MARGIN_SECONDS)


def _of(found: Mapping[Handled, T], destination: str, group: str) -> T | None:
    """What its handlers say under the group's own name, else what tells no group."""
    return found.get((destination, group), found.get((destination, "")))


def _latest(reader: Source, metric: str, now: float, of: Where | None) -> dict[Group, float]:
    return {_group(series.labels): series.points[-1][1] for series in reader.latest(metric, now, of)}


def _rates(counted: Iterable[Rise]) -> dict[Group, float]:
    """Events a second, where it is known."""
    return {_group(one.labels): one.rate for one in counted if one.rate is not None}


def _means(reader: Source, now: float, of: Where | None) -> dict[Handled, float]:
    """Seconds of a call, where there were any."""
    found = reader.increases(m.HANDLER_DURATION_SECONDS.name, now - SECONDS, now, of)
    seconds, calls = _sums(found, lambda one: one.sum), _sums(found, lambda one: one.total)
    return {key: seconds[key] / count for key, count in calls.items() if count and seconds[key] == seconds[key]}


def _failed(reader: Source, now: float, of: Where | None) -> dict[Handled, float]:
    """The share of the events that were not handled."""
    found = reader.rises(m.HANDLER_EVENTS_TOTAL.name, now - SECONDS, now, of)
    whole = _sums(found, _increase)
    failures = _sums([one for one in found if one.labels["outcome"] in FAILURES], _increase)
    return {key: failures.get(key, 0.0) / events for key, events in whole.items() if events}


def _sums(found: Iterable[One], value: Callable[[One], float]) -> dict[Handled, float]:
    sums: dict[Handled, float] = defaultdict(float)
    for one in found:
        sums[_handled(one.labels)] += value(one)
    return sums


def _increase(one: Rise) -> float:
    return one.increase


def _group(labels: Mapping[str, str]) -> Group:
    return labels["target"], labels["destination"], labels.get("group", "")


def _handled(labels: Mapping[str, str]) -> Handled:
    return labels["destination"], labels["group"]
