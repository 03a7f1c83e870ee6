"""What the answers of Azure mean in the vocabulary. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from collectors import metrics as m
from collectors.base import Sample
from collectors.eventgrid.answers import Series
from collectors.eventgrid.figures import REASONS, SUBSCRIPTION, TOPIC, Figure, Query
from collectors.eventgrid.grid import EventSubscription, Grid, Resource, Store, Stream, destination
from collectors.sums import Key

#: Who publishes is not told; it is all of them.
PUBLISHERS = "publishers"
#: Where dead letters went whose subscription is not known.
SOMEWHERE = "unknown container"
#: Fewer attempts than these are no second chance for a handler that is down for a few minutes.
FEWEST_ATTEMPTS = 5
_FAILED = ("Failed", "Canceled", "CreateFailed", "UpdatedFailed", "DeleteFailed")
WAITS = "AwaitingManualAction"
GONE, NO_ROLE, NO_IDENTITY = "container is gone", "identity lacks the role", "identity is gone"
SHORT, INACTIVE, STATE = "time to live too short", "not activated", "provisioning state"

#: Sums of minutes, by their begin in epoch seconds.
Points = dict[float, float]


@dataclass(slots=True)
class Tally:
    """What an answer holds: points of counters, and gauges."""

    points: dict[Key, Points] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    gauges: list[Sample] = field(default_factory=list)


class Reader:
    """Reads answers by what is known of topics and subscriptions."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._stores = grid.stores()
        self._pulled = {(one.destination, one.subscription.name): one.subscription.is_pulled for one in grid.streams()}
        self._ids = {name.lower(): name for name in grid.resources}

    def tally(self, query: Query, found: Iterable[Series]) -> Tally:
        tally, means = Tally(), defaultdict[tuple[str, ...], Points](dict)
        for series in found:
            figure, owner = query.figures.get(series.metric), self._ids.get(series.resource)
            if figure is None or owner is None or (labels := self._labels(figure, owner, series)) is None:
                continue
            if figure.metric.kind == "counter":
                points = tally.points[figure.metric.name, *labels]
                for at, value in series.totals:
                    points[at] += value
            elif series.means:
                means[figure.metric.name, *labels].update(series.means)
        for (name, *named), points in means.items():
            tally.gauges.append(m.METRICS[name].sample(points[max(points)] / 1000, *named))
        return tally

    def begun(self, query: Query, owners: Iterable[Resource]) -> Iterator[Key]:
        """Counters that are there before they count: of destinations and their groups, without a reason."""
        streams = defaultdict[str, list[Stream]](list)
        for one in self._grid.streams():
            streams[one.resource.id].append(one)
        for figure in query.figures.values():
            if figure.metric.kind != "counter":
                continue
            for owner in owners:
                if figure.metric.labels == ("destination", "group"):
                    for one in streams[owner.id]:
                        if figure.pulled in (None, one.subscription.is_pulled):
                            yield (figure.metric.name, one.destination, one.subscription.name)
                elif figure.metric is m.MESSAGES_IN_TOTAL or figure.reason == "unmatched":
                    reasons = (figure.reason,) if figure.reason else ()
                    for name in self._destinations(owner, figure):
                        yield (figure.metric.name, name, *reasons)

    def _destinations(self, owner: Resource, figure: Figure) -> Iterator[str]:
        if TOPIC not in figure.dimensions:
            yield self._grid.names[owner.id]
        for topic, _ in self._grid.topics.get(owner.id, ()) if TOPIC in figure.dimensions else ():
            yield destination(self._grid.names[owner.id], topic)

    def _labels(self, figure: Figure, owner: str, series: Series) -> tuple[str, ...] | None:
        """The labels of the metric of a series; None where the series is none of it."""
        said = series.dimensions
        topic = said.get(TOPIC.lower(), "").rsplit("/", 1)[-1]
        where = destination(self._grid.names[owner], topic)
        group = next((said[name.lower()] for name in SUBSCRIPTION if name.lower() in said), "")
        if figure.pulled is not None and self._pulled.get((where, group)) is not figure.pulled:
            return None
        reason = _reason(figure, said)
        whose = f"{reason} ({group})" if group else reason
        if figure.metric is m.DEAD_LETTERED_MESSAGES_TOTAL:
            store = self._stores.get((where, group)) or self._stores.get((self._grid.names[owner], group))
            if store is None and owner not in self._grid.unread:
                return None  # it has just come or gone; to guess its store would count its dead letters twice
            return (store.name if store else SOMEWHERE, where, whose)
        if figure.metric is m.DEAD_LETTER_FAILURES_TOTAL:
            return (where, whose)
        values = {"destination": where, "group": group, "reason": reason, "service": PUBLISHERS}
        return tuple(values[label] for label in figure.metric.labels)


def _reason(figure: Figure, said: Mapping[str, str]) -> str:
    """Why, in Azure's words: the type of an error, and the error where it says more."""
    words = dict.fromkeys(said[name.lower()] for name in REASONS if name.lower() in said)
    return ": ".join(word for word in (figure.reason, *words) if word) or "unknown"


def source_of(key: Key) -> str:
    """The destination that a counter is of: of dead letters it is where they come from."""
    metric = m.METRICS[key[0]]
    return key[1 + metric.labels.index("source" if "source" in metric.labels else "destination")]


def group_of(key: Key) -> str | None:
    """The group that a counter is of; None where its metric is of a destination alone."""
    labels = m.METRICS[key[0]].labels
    return key[1 + labels.index("group")] if "group" in labels else None


def counters(totals: Iterable[tuple[Key, float]], new: Collection[Key]) -> Iterator[Sample]:
    """The counters. One that is new is told as 0 first: what it has counted is an increase then, no beginning."""
    for (name, *labels), total in totals:
        yield m.METRICS[name].sample(0.0 if (name, *labels) in new else total, *labels)


def routes(grid: Grid) -> Iterator[Sample]:
    """The ways that dead letters take."""
    for source, store in sorted({(source, store.name) for (source, _), store in grid.stores().items()}):
        yield m.DEAD_LETTER_ROUTE.sample(1.0, source, store)


def faults(grid: Grid) -> Iterator[Sample]:
    """What is configured so that events are lost, or will be. Of a subscription, its name stands before the reason."""
    found: Counter[tuple[str, str]] = Counter()
    for owner in grid.resources.values():
        name = grid.names[owner.id]
        found.update((name, reason) for reason in _of_state(owner.state))
        if not owner.active:
            found[name, INACTIVE] += 1
        for topic, state in grid.topics.get(owner.id, ()):
            found.update((destination(name, topic), reason) for reason in _of_state(state))
    for stream in grid.streams():
        for reason in _of_subscription(grid, stream):
            found[stream.destination, f"{stream.subscription.name}: {reason}"] += 1
    for labels in sorted(found):
        yield m.CONFIGURATION_FAULT.sample(1.0, *labels)


def _of_state(state: str) -> Iterator[str]:
    if state in _FAILED or state == WAITS:
        yield f"{STATE} {state}"


def _of_subscription(grid: Grid, stream: Stream) -> Iterator[str]:
    one = stream.subscription
    yield from _of_state(one.state)
    if is_too_short(one):
        yield SHORT
    if one.store is not None:
        yield from _of_store(grid, stream.resource, one.store)


def is_too_short(one: EventSubscription) -> bool:
    """Whether an event is too old before a handler that is down for some minutes is tried often enough."""
    fits = one.attempts_in_time
    return not one.is_pulled and fits is not None and fits < min(one.attempts or FEWEST_ATTEMPTS, FEWEST_ATTEMPTS)


def _of_store(grid: Grid, owner: Resource, store: Store) -> Iterator[str]:
    if grid.containers.get(store.id) is False:
        yield GONE
    if store.identity is None:
        return
    principal = owner.principals.get(store.identity)
    if principal is None:
        yield NO_IDENTITY
    elif grid.writers.get((principal, store.id)) is False:
        yield NO_ROLE
