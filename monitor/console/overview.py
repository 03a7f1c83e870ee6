"""All that the page "now" shows, from a few reads of the store."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collectors import metrics as m
from monitor.console.data import DeadLetterStore, load_dead_letters
from monitor.console.evidence import evidence
from monitor.console.happened import Event, happened
from monitor.console.kept import once
from monitor.console.problems import Group, Points, Problem, headline, problems, with_trend
from monitor.console.source import Source, known
from monitor.console.subjects import Subject
from monitor.store.reader import ITSELF, AlertState, Notification, TargetRow, Transition
from monitor.verdicts import Evidence, Kind, verdict

#: How far back a trend and what happened go, in seconds, and its points: a little more than an hour, in slots of a
#: little more than a minute, is read from rollups where the series are many.
HOUR, MINUTES = 3660.0, 60
#: Problems of which a trend is read.
DRAWN = 10
#: The agent tells of itself every 30 seconds, and reads its targets beside that.
SILENT_SECONDS = 90.0
#: Figures older than that are stale, but for targets that are read less often.
STALE_SECONDS = 60.0
_INTERVAL = m.COLLECTOR_INTERVAL_SECONDS.name
#: What of a page's thing a trend shows.
TRENDS = {"consumers": m.BACKLOG_MESSAGES, "dead-letters": m.DEAD_LETTERS}


@dataclass(frozen=True, slots=True)
class Overview:
    """`stale` are targets of which two readings or more are missing; `well` is how many groups are in which state.
    `written_at` is when the agent last wrote anything, in epoch seconds; None where it did not within a day. `unknown`
    is what the source cannot know, in words: it is not none.
    """

    sentence: str
    data_age_seconds: float | None
    stale: tuple[str, ...]
    alerts: tuple[AlertState, ...]
    dead_letters: tuple[DeadLetterStore, ...]
    targets: tuple[TargetRow, ...]
    last_message: Notification | None
    problems: tuple[Problem, ...]
    events: tuple[Event, ...]
    well: tuple[tuple[str, int], ...]
    written_at: float | None
    unknown: tuple[str, ...] = ()

    def silent_for(self, now: float) -> float | None:
        return _silence(self.written_at, now)


def silent_for(reader: Source, now: float) -> float | None:
    """How long the agent has written nothing, in seconds, where that is too long; raises StoreError."""
    return _silence(_written_at(reader, reader.targets(now), now), now)


def _silence(written_at: float | None, now: float) -> float | None:
    return None if written_at is None or now - written_at < SILENT_SECONDS else now - written_at


class Judged(NamedTuple):
    """What is known now of all targets, groups and stores of dead letters, and what is wrong with them."""

    problems: list[Problem]
    alerts: list[AlertState] | None
    groups: dict[Group, Evidence]
    stores: list[DeadLetterStore]
    targets: list[TargetRow]


@once
def load_judged(reader: Source, now: float) -> Judged:
    """Raises StoreError."""
    targets = reader.targets(now)
    told = known(reader.alerts)
    alerts = None if told is None else [one for one in told if one.state != "resolved" and one.is_told]
    groups, stores = evidence(reader, now), load_dead_letters(reader, now)
    found = problems(alerts or [], groups, stores, targets, _notes(reader), now)
    return Judged(found, alerts, groups, stores, targets)


@once
def load_overview(reader: Source, now: float) -> Overview:
    """All that is known now; raises StoreError."""
    found, alerts, groups, stores, targets = load_judged(reader, now)
    messages, changes = known(lambda: reader.notifications(1)), known(lambda: reader.transitions(now - HOUR))
    ages = [now - target.last_success_at for target in targets if target.last_success_at is not None]
    said = [verdict(one) for one in groups.values()]
    kinds = Counter(str(one.kind) for one in said if one.is_well or one.kind is Kind.UNKNOWN)
    return Overview(
        headline(found, targets, kinds[Kind.UNKNOWN], alerts is not None),
        max(ages, default=None),
        tuple(_stale(reader, targets, now)),
        tuple(sorted(alerts or (), key=lambda state: (state.state != "firing", state.labels.get("severity", "")))),
        tuple(stores),
        tuple(targets),
        messages[0] if messages else None,
        tuple(_with_trends(reader, found, now)),
        tuple(_events(reader, changes or (), now)),
        tuple(kinds.most_common()),
        _written_at(reader, targets, now),
        tuple(
            what
            for what, of in (("alerts", alerts), ("notifications", messages), ("changes of alerts", changes))
            if of is None
        ),
    )


def message_text(message: Notification) -> str:
    """What a notification said, in a line."""
    return "; ".join(
        f"{alert['labels']['alertname']} {alert['status']}: {alert['annotations'].get('summary', '')}"
        for alert in json.loads(message.payload)["alerts"]
    )


def _notes(reader: Source) -> dict[str, str]:
    """Why people are not told of alerts, or who works on them, by fingerprint."""
    acks, suppressed = known(reader.acks) or {}, known(reader.suppressed) or {}
    return {**{key: f"acknowledged by {ack.author}" for key, ack in acks.items()}, **suppressed}


def _stale(reader: Source, targets: Sequence[TargetRow], now: float) -> list[str]:
    intervals = {one.labels["target"]: one.points[-1][1] for one in reader.latest(_INTERVAL, now)}
    return [
        one.name
        for one in targets
        if now - (one.last_success_at or 0) > max(STALE_SECONDS, 2 * intervals.get(one.name, 0))
    ]


def _written_at(reader: Source, targets: Sequence[TargetRow], now: float) -> float | None:
    """Also a target that cannot be read was tried."""
    itself = reader.window(m.STORE_BYTES.name, now - HOUR, now, {"target": ITSELF})
    times = [target.last_scrape_at for target in targets] + [series.points[-1][0] for series in itself]
    return max(times, default=None)


def _events(reader: Source, changes: Iterable[Transition], now: float) -> list[Event]:
    since = now - HOUR
    return happened(
        changes,
        reader.trend(m.CONSUMERS.name, since, now, MINUTES),
        reader.latest(m.DEAD_LETTERS_BORN.name, now),
        reader.window(m.COLLECTOR_UP.name, since, now),
        since,
    )


def _with_trends(reader: Source, found: Sequence[Problem], now: float) -> list[Problem]:
    """Of those that a person sees first; nobody looks at the trends of a thousand."""
    drawn = [with_trend(one, _points(reader, one.subject, now)) for one in found[:DRAWN]]
    return [*drawn, *found[DRAWN:]]


def _points(reader: Source, subject: Subject, now: float) -> Points:
    metric = TRENDS.get(subject.page)
    if metric is None:
        return []
    sums: dict[float, float] = defaultdict(float)
    for series in reader.trend(metric.name, now - HOUR, now, MINUTES, dict(subject.labels)):
        for at, value in series.points:
            sums[at] += value
    return sorted(sums.items())
