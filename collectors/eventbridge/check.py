"""What `check` says of an account's buses: what can be read, what loses events, and what reading costs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collectors.aws import cost
from collectors.aws.cloudwatch import Wanted
from collectors.base import Finding, Reading
from collectors.eventbridge import judge
from collectors.eventbridge.figures import Listed
from collectors.eventbridge.grid import Grid
from collectors.eventbridge.settings import EventBridgeSettings

_NAMED = 20
_HINTS = {
    judge.GONE: "create the queue, or correct DeadLetterConfig: until then what is given up is lost",
    judge.FIFO: "EventBridge writes to standard queues only: give the target one",
    judge.NOT_ADMITTED: "let events.amazonaws.com do sqs:SendMessage in the queue's policy, for the ARN of the rule",
    judge.NO_KEY: "encrypt it with SQS's own keys, or with a key whose policy admits events.amazonaws.com",
    judge.EARLY: "give the target a dead-letter queue, or leave its retry policy as it is: 185 attempts in 24 hours",
    judge.DISABLED: "enable the rule, or delete it",
    judge.NO_TARGET: "give the rule a target, or delete it",
    judge.TARGET_GONE: "create the queue, or remove the target",
    judge.TARGET_CLOSED: "let events.amazonaws.com do sqs:SendMessage in the queue's policy, for the ARN of the rule",
}


def findings(
    where: str,
    settings: EventBridgeSettings,
    grid: Grid,
    listed: Listed,
    wanted: Sequence[tuple[Wanted, float]],
    reading: Reading,
) -> Iterator[Finding]:
    """From a reading and what it was made of. `where` is how the account is called, `wanted` metrics with the seconds
    between two askings."""
    yield Finding(True, f"{where} answers: {len(grid.buses)} buses, {len(grid.rules)} rules")
    if not grid.buses:
        yield Finding(False, "no bus is there that the filters admit", "the default bus is called default")
    for one in judge.faults(grid, listed):
        yield Finding(True, f"{one.where}: {one.whose}: {one.what}", _HINTS.get(one.what, ""))
    yield from _without_store(grid)
    for archive in grid.archives:
        kept = f"{archive.days} days" if archive.days else "without end"
        yield Finding(True, f"events of {archive.bus} are kept {kept} in the archive {archive.name}: {archive.state}")
    for replay in grid.replays:
        if replay.state == "FAILED":
            yield Finding(True, f"replay {replay.name} of {replay.archive} failed: {replay.why or 'no reason is told'}")
    yield from (Finding(True, f"{one.what} is left out: {one.reason}") for one in reading.skipped)
    yield from (Finding(False, f"{one.part}: {one.message}", _hint(one.message)) for one in reading.errors)
    yield from cost.findings(_parts(settings, grid, wanted))


def _without_store(grid: Grid) -> Iterator[Finding]:
    found = [f"{judge.called(rule, target)} of {rule.bus}" for rule, target in judge.without_store(grid)]
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        yield Finding(
            True,
            f"{len(found)} targets have no dead-letter queue: {', '.join(found[:_NAMED])}{more}",
            "what they give up is lost, and told as eda_dead_letter_failures_total where no target of the rule has one",
        )


def _parts(settings: EventBridgeSettings, grid: Grid, wanted: Sequence[tuple[Wanted, float]]) -> Iterator[cost.Part]:
    metrics = min(sum(cost.an_hour(1, every) for _, every in wanted), settings.metrics_budget)
    yield cost.Part("metrics of CloudWatch", metrics, cost.PER_METRIC)
    depths = cost.an_hour(len(grid.stores()), settings.interval)
    yield cost.Part("depths of dead-letter queues by SQS", depths, cost.PER_SQS_REQUEST)
    lists = cost.an_hour(1 + len(wanted) // 500, settings.topology_interval) if settings.metrics_budget else 0.0
    yield cost.Part("lists of CloudWatch's metrics", lists, cost.PER_CLOUDWATCH_REQUEST)


def _hint(message: str) -> str:
    return "docs/eventbridge.md has the policy whole" if message.startswith("not allowed") else ""
