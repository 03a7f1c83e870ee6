"""What is wrong, ranked by harm: one problem a thing, however many alerts and verdicts tell of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from monitor.console.data import DeadLetterStore
from monitor.console.subjects import Subject, Subjects
from monitor.derive import duration
from monitor.store.reader import AlertState, TargetRow
from monitor.verdicts import ConsumerVerdict, Evidence, Kind, verdict

#: (target, destination, group).
Group = tuple[str, str, str]
Points = Sequence[tuple[float, float]]

#: What of a trend tells how it rises now, in seconds.
SLOPE_SECONDS = 900.0

#: So much of a name stands in the sentence of state.
NAME = 48


class Harm(IntEnum):
    """From the worst to the least."""

    BLIND = 0
    LOST = 1
    DEAD_LETTERS = 2
    STOPPED = 3
    SLOW = 4
    NOTE = 5


#: Rules of which the labels do not tell the harm.
HARMS = {
    "CollectorDown": Harm.BLIND,
    "CollectorHangs": Harm.BLIND,
    "StoreFailing": Harm.BLIND,
    "DeadLettersLost": Harm.LOST,
    "DeadLettersExpiring": Harm.LOST,
    "EventsLost": Harm.LOST,
    "MessagesUnroutable": Harm.LOST,
    "PublishFailing": Harm.LOST,
    "UnreadEventsExpiring": Harm.LOST,
    "NobodyConsumes": Harm.STOPPED,
    "DeadLettersUnread": Harm.NOTE,
}
_VERDICTS = {Kind.EXPIRING: Harm.LOST, Kind.STOPPED: Harm.STOPPED, Kind.STALLED: Harm.STOPPED}
_SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Problem:
    """`cause` and `advice` are sentences; `since` is in epoch seconds, None where it is not known; `note` says why
    nobody is told of it. `trend` is how much waits, over the last hour; `slope` is its rise a minute, of late.
    """

    harm: Harm
    subject: Subject
    cause: str
    advice: str
    since: float | None
    alerts: tuple[AlertState, ...] = ()
    note: str = ""
    trend: tuple[tuple[float, float], ...] = ()
    slope: float | None = None


@dataclass(slots=True)
class _Draft:
    evidence: Evidence | None = None
    store: DeadLetterStore | None = None
    target: TargetRow | None = None
    alerts: list[AlertState] = field(default_factory=list)


def problems(
    alerts: Iterable[AlertState],
    groups: Mapping[Group, Evidence],
    stores: Sequence[DeadLetterStore],
    targets: Iterable[TargetRow],
    notes: Mapping[str, str],
    now: float,
) -> list[Problem]:
    """The worst first. `alerts` are those that people are told of; `notes` say by fingerprint why they are not."""
    drafts: dict[Subject, _Draft] = {}
    # of several that are called alike the first counts
    known = {Subject.of_store(store): store for store in reversed(stores)}
    for (target, destination, group), one in groups.items():
        said = verdict(one)
        if not said.is_well and said.kind is not Kind.UNKNOWN:
            labels = {"target": target, "destination": destination, "group": group}
            drafts[Subject.named("consumers", labels)] = _Draft(evidence=one)
    for store in stores:
        if (store.arrived or 0) > 0:
            drafts[Subject.of_store(store)] = _Draft(store=store)
    for row in targets:
        if not row.up:
            drafts[Subject.named("targets", {"target": row.name})] = _Draft(target=row)
    subjects = Subjects(stores, drafts)
    # those of handlers last: they join their group
    for alert in sorted(alerts, key=lambda one: bool(one.labels.get("service"))):
        about = subjects.about(alert)
        drafts.setdefault(about, _Draft(store=known.get(about))).alerts.append(alert)
    found = [_problem(subject, draft, notes, now) for subject, draft in drafts.items()]
    return sorted(found, key=_rank)


def with_trend(problem: Problem, points: Points) -> Problem:
    """With what waits at the times of the readings, oldest first."""
    return replace(problem, trend=tuple(points), slope=slope(points))


def slope(points: Points) -> float | None:
    """The rise a minute over the last quarter of an hour; None where it was read but once in it."""
    late = [point for point in points if point[0] >= points[-1][0] - SLOPE_SECONDS]
    if len(late) < 2:
        return None
    (began, first), (ended, last) = late[0], late[-1]
    return (last - first) / (ended - began) * 60


def headline(
    found: Sequence[Problem], targets: Sequence[TargetRow], unknown: int = 0, alerts_are_known: bool = True
) -> str:
    """The state of everything, in one sentence; of so many groups it is not known whether they keep up."""
    if not targets:
        return "No target has been read yet."
    parts = [told for harm, tell in _TOLD.items() if (told := tell([one for one in found if one.harm is harm]))]
    if not alerts_are_known:
        parts.append("alerts are unknown" if parts else "no group is known to be behind, but alerts are unknown")
    elif not parts and unknown:
        return f"No alert fires; of {unknown:,} group{'s' if unknown > 1 else ''} it is not known how they fare."
    if not parts:
        return "All is well: no alert fires, and every group keeps up."
    text = "; ".join(parts)
    capital = not found or found[0].harm in (
        Harm.LOST,
        Harm.DEAD_LETTERS,
    )  # else it begins with a name
    return f"{text[0].upper() if capital else text[0]}{text[1:]}."


def _listed(prefix: str, one: str, many: str) -> Callable[[Sequence[Problem]], str]:
    """Names up to two of the problems, and how many there are beside them."""

    def told(found: Sequence[Problem]) -> str:
        if not found:
            return ""
        names, more = [_short(problem.subject.name) for problem in found[:2]], len(found) - 2
        beside = f" and {more} more" if more > 0 else ""
        return f"{prefix}{(', ' if beside else ' and ').join(names)}{beside}{one if len(found) == 1 else many}"

    return told


def _short(name: str) -> str:
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


_TOLD: dict[Harm, Callable[[Sequence[Problem]], str]] = {
    Harm.BLIND: _listed("", " cannot be read", " cannot be read"),
    Harm.LOST: _listed("events are being lost: ", "", ""),
    Harm.DEAD_LETTERS: _listed("dead letters grow in ", "", ""),
    Harm.STOPPED: _listed("", " stands still", " stand still"),
    Harm.SLOW: _listed("", " is slow", " are slow"),
    Harm.NOTE: lambda found: f"{len(found)} to be looked at" if found else "",
}


def _rank(one: Problem) -> tuple[Harm, bool, bool, int, float, Subject]:
    """By harm; then what people are told of, what fires, the severest, and what is oldest."""
    firing = any(alert.state == "firing" for alert in one.alerts)
    severest = min(map(severity, one.alerts), default=len(_SEVERITIES))
    return one.harm, bool(one.note), not firing, severest, one.since or 0, one.subject


def severity(alert: AlertState) -> int:
    """Its place in the order of severities; the severest is 0."""
    told = alert.labels.get("severity", "")
    return _SEVERITIES.index(told) if told in _SEVERITIES else len(_SEVERITIES)


def _problem(subject: Subject, draft: _Draft, notes: Mapping[str, str], now: float) -> Problem:
    alerts = sorted(draft.alerts, key=lambda one: (one.state != "firing", severity(one), one.active_at))
    said = verdict(draft.evidence) if draft.evidence else None
    harms = [_harm(one) for one in alerts] + list(_seen(draft, said))
    starts = [one.fired_at or one.active_at for one in alerts]
    if not starts and draft.evidence is not None and said is not None:
        starts = list(_began(draft.evidence, said, now))
    told = [notes.get(one.fingerprint, "") for one in alerts]
    cause, advice = _words(draft, said, alerts)
    note = "; ".join(dict.fromkeys(told)) if told and all(told) else ""
    return Problem(min(harms), subject, cause, advice, min(starts, default=None), tuple(alerts), note)


def _seen(draft: _Draft, said: ConsumerVerdict | None) -> Iterator[Harm]:
    if said is not None and not said.is_well:
        yield _VERDICTS.get(said.kind, Harm.SLOW)
    if draft.store is not None and (draft.store.arrived or 0) > 0:
        yield Harm.DEAD_LETTERS
    if draft.target is not None:
        yield Harm.BLIND


def _harm(alert: AlertState) -> Harm:
    """By the rule where it is known, else by what the labels name and how severe it is."""
    labels, told = alert.labels, alert.labels.get("severity")
    if alert.rule in HARMS:
        return HARMS[alert.rule]
    if told == "info":
        return Harm.NOTE
    if labels.get("source"):
        return Harm.DEAD_LETTERS
    if told == "critical":
        return Harm.STOPPED
    return Harm.SLOW if labels.get("group") or labels.get("service") else Harm.NOTE


def _began(one: Evidence, said: ConsumerVerdict, now: float) -> Iterator[float]:
    """When it began by the figures: nothing is finished since then, or the oldest event waits since then."""
    rests = one.resting if said.kind in (Kind.STOPPED, Kind.STALLED) else None
    seconds = one.age if rests is None else rests
    if seconds is not None:
        yield now - seconds


def _words(draft: _Draft, said: ConsumerVerdict | None, alerts: Sequence[AlertState]) -> tuple[str, str]:
    """What is seen, and what to do about it."""
    first = alerts[0].annotations if alerts else {}
    advice = first.get("description", "")
    if said is not None:
        return f"{said.cause} {said.also_text}".strip(), said.advice
    if draft.target is not None:
        return draft.target.error or "It could not be read.", "See Targets for what was tried."
    if draft.store is not None and (draft.store.arrived or 0) > 0:
        return _of_letters(draft.store), advice
    return first.get("summary", ""), advice


def _of_letters(store: DeadLetterStore) -> str:
    oldest = "" if store.oldest_seconds is None else f", the oldest for {duration(store.oldest_seconds)}"
    reader = "a group reads them" if store.is_read else "nobody reads them"
    return f"{store.arrived:,.0f} came within 15 minutes; {store.depth:,.0f} wait{oldest}, and {reader}."
