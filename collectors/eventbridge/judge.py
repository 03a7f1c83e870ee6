"""What the grid and the figures mean in the vocabulary. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from collectors import metrics as m
from collectors.aws.arn import parsed
from collectors.aws.policy import admits
from collectors.base import Sample, Skipped
from collectors.eventbridge.answers import Bus, Queue, Rule, Target, name_of
from collectors.eventbridge.figures import Listed, age_of, given_up
from collectors.eventbridge.grid import Grid
from collectors.sums import Key

SERVICE, SEND = "events.amazonaws.com", "sqs:SendMessage"
#: Fewer attempts, or less time in seconds, are no second chance for a target that is down for a few minutes.
FEWEST_ATTEMPTS, SHORTEST_AGE = 5, 600
NO_STORE = "no dead-letter queue"
GONE, FIFO = "dead-letter queue is gone", "dead-letter queue is FIFO"
NOT_ADMITTED, NO_KEY = "dead-letter queue does not admit EventBridge", "dead-letter queue has a key of AWS"
EARLY = "gives up early, without a dead-letter queue"
DISABLED, NO_TARGET = "disabled, though events came within 3 hours", "no target"
TARGET_GONE, TARGET_CLOSED = "target queue is gone", "target queue does not admit EventBridge"
_OF_STORES = (GONE, FIFO, NOT_ADMITTED, NO_KEY)
_BROKEN_ARCHIVES = ("DISABLED", "CREATE_FAILED", "UPDATE_FAILED")


class Fault(NamedTuple):
    """A fault of the configuration: where, whose it is, and what it is.

    Of the way into a dead-letter queue it is at the queue, whoever leads there; else at the bus, of a rule, a target of
    one or an archive.
    """

    where: str
    whose: str
    what: str

    @property
    def reason(self) -> str:
        return self.what if self.what in _OF_STORES else f"{self.whose}: {self.what}"


def within_budget(grid: Grid, budget: int) -> tuple[list[Rule], list[Skipped]]:
    """The rules that get series, by name, and those that do not."""
    ordered = sorted(grid.rules.values())
    over = [Skipped(f"rule {one.name} of {one.bus}", "over the rule budget") for one in ordered[budget:]]
    return ordered[:budget], over


def topology(grid: Grid, chosen: Collection[Rule]) -> Iterator[Sample]:
    """Who reads each bus, and the ways that its dead letters take."""
    for rule in chosen:
        if rule.targets is not None:
            yield m.CONSUMERS.sample(len(rule.targets) if rule.is_enabled else 0, rule.bus, rule.name)
    for arn, buses in sorted(grid.stores().items()):
        for bus in sorted(buses):
            yield m.DEAD_LETTER_ROUTE.sample(1.0, bus, name_of(arn))


def depths(grid: Grid, values: Mapping[Key, float]) -> Iterator[Sample]:
    """What lies in the dead-letter queues; among the values are the ages of the oldest, in seconds."""
    for arn, buses in sorted(grid.stores().items()):
        queue, name = grid.queues.get(arn), name_of(arn)
        if queue is None:
            continue
        yield m.DEAD_LETTERS.sample(queue.depth, name, next(iter(buses)) if len(buses) == 1 else "")
        age = values.get(age_of(name))
        if queue.depth and age is not None:
            yield m.DEAD_LETTER_AGE_SECONDS.sample(age, name)
            yield m.DEAD_LETTER_RETENTION_MARGIN_SECONDS.sample(queue.retention - age, name)


def counters(chosen: Collection[Rule], totals: Iterable[tuple[Key, float]]) -> Iterator[Sample]:
    """The counters. What a rule without any dead-letter queue gave up is lost, and told as such too."""
    without = {
        given_up(rule): (rule.bus, f"{NO_STORE}: rule {rule.name}")
        for rule in chosen
        if rule.targets and not rule.stores
    }
    for key, total in totals:
        name, *labels = key
        yield m.METRICS[name].sample(total, *labels)
        if key in without:
            yield m.DEAD_LETTER_FAILURES_TOTAL.sample(total, *without[key])


def latencies(values: Iterable[tuple[Key, float]]) -> Iterator[Sample]:
    """How long deliveries took, of values in milliseconds."""
    for (name, *labels), value in values:
        if name in (m.DELIVERY_LATENCY_SECONDS.name, m.DELIVERY_LATENCY_P99_SECONDS.name):
            yield m.METRICS[name].sample(value / 1000, *labels)


def faults(grid: Grid, listed: Listed) -> Iterator[Fault]:
    """What is configured so that events are lost, or will be."""
    for bus in grid.buses.values():
        yield from _of_store(grid, bus, bus.store, f"bus {bus.name}")
    for rule in grid.rules.values():
        if not rule.is_enabled:
            if listed.has_traffic(rule):
                yield Fault(rule.bus, rule.name, DISABLED)
            continue
        if rule.targets == ():
            yield Fault(rule.bus, rule.name, NO_TARGET)
        for target in rule.targets or ():
            yield from _of_store(grid, rule, target.store, f"{called(rule, target)} of {rule.bus}")
            yield from (Fault(rule.bus, called(rule, target), what) for what in _of_target(grid, rule, target))
    for archive in grid.archives:
        if archive.state in _BROKEN_ARCHIVES:
            yield Fault(archive.bus, f"archive {archive.name}", archive.state)


def told(found: Iterable[Fault]) -> Iterator[Sample]:
    """Faults as samples, each once; whose they are stands before the reason, where it is not the queue's own."""
    for where, reason in sorted({(one.where, one.reason) for one in found}):
        yield m.CONFIGURATION_FAULT.sample(1.0, where, reason)


def not_kept(grid: Grid) -> Iterator[Sample]:
    """The buses of whose rules one has a target without a dead-letter queue: often meant so, and no fault."""
    for bus in sorted({rule.bus for rule, _ in without_store(grid)}):
        yield m.CONFIGURATION_FAULT.sample(1.0, bus, NO_STORE)


def without_store(grid: Grid) -> Iterator[tuple[Rule, Target]]:
    """Targets without a dead-letter queue; of rules that a service of AWS made nobody can give them one."""
    for rule in grid.known_rules():
        if rule.is_enabled and not rule.owner:
            yield from ((rule, target) for target in rule.targets or () if target.store is None)


def gives_up_early(target: Target) -> bool:
    """Whether the time or the attempts are over before a target that is down for some minutes is back."""
    return target.attempts < FEWEST_ATTEMPTS or target.age < SHORTEST_AGE


def called(rule: Rule, target: Target) -> str:
    """A rule, and its target where it has several."""
    return rule.name if len(rule.targets or ()) < 2 else f"{rule.name}/{target.id}"


def _of_store(grid: Grid, owner: Bus | Rule, store: str | None, whose: str) -> Iterator[Fault]:
    if store is None or store not in grid.queues:
        return
    queue = grid.queues[store]
    if queue is None:
        wrong = [GONE]
    else:
        closed = not admits(queue.policy, SERVICE, SEND, owner.arn)
        wrong = [*[FIFO] * queue.is_fifo, *[NOT_ADMITTED] * closed, *[NO_KEY] * queue.has_key_of_aws]
    yield from (Fault(name_of(store), whose, what) for what in wrong)


def _of_target(grid: Grid, rule: Rule, target: Target) -> Iterator[str]:
    if target.store is None and gives_up_early(target):
        yield EARLY
    if target.arn in grid.queues and is_queue(target.arn):
        queue: Queue | None = grid.queues[target.arn]
        if queue is None:
            yield TARGET_GONE
        elif not target.has_role and not admits(queue.policy, SERVICE, SEND, rule.arn):
            yield TARGET_CLOSED


def is_queue(arn: str) -> bool:
    found = parsed(arn)
    return found is not None and found.service == "sqs"
