"""What `check` says of an account: what can be read, what is wrong in it, and what reading costs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from collectors import metrics as m
from collectors.aws import cost
from collectors.base import Finding, Reading
from collectors.sqs.estate import Estate
from collectors.sqs.graph import (
    GONE,
    KEY_CLOSED,
    NO_DEAD_LETTER_QUEUE,
    NOT_ADMITTED,
    ONE_RECEIVE,
    SHORT_RETENTION,
    Graph,
)
from collectors.sqs.settings import SqsSettings

_HINTS = {
    NO_DEAD_LETTER_QUEUE: "what fails again and again goes when its retention ends; give it one, if that matters",
    GONE: "the redrive policy names a queue that is not there: create it, or correct the policy",
    SHORT_RETENTION: "a dead letter keeps its first time: give its queue a longer MessageRetentionPeriod",
    ONE_RECEIVE: "one failure of a consumer, or a slow one, is enough to die: raise maxReceiveCount to 3 or more",
    NOT_ADMITTED: "allow sqs:SendMessage to sns.amazonaws.com where aws:SourceArn is the topic",
    KEY_CLOSED: "use SSE-SQS, or a key of your own whose policy lets sns.amazonaws.com use it",
}
#: The policy that lets the agent read all that it reads.
_POLICY = "attach the policy of docs/aws.md to the agent's user or role"


def findings(
    settings: SqsSettings,
    reading: Reading,
    estate: Estate,
    graph: Graph,
    metrics_an_hour: float,
    actions: Collection[str],
) -> Iterator[Finding]:
    """From a reading, what it was made of, and how many metrics of CloudWatch are asked for in an hour."""
    yield Finding(True, f"AWS answers; used: {', '.join(sorted(actions))}")
    yield from _read(estate, graph)
    for sample in reading.samples:
        if sample.metric is m.CONFIGURATION_FAULT:
            name, reason = sample.labels
            yield Finding(True, f"{name}: {reason}", _HINTS.get(reason, ""))
    yield from cost.findings(costs(settings, estate, graph, metrics_an_hour))
    for one in reading.skipped:
        yield Finding(True, f"{one.what} is left out: {one.reason}")
    for error in reading.errors:
        yield Finding(False, f"{error.part}: {error.message}", _POLICY if "not allowed" in error.message else "")


def costs(settings: SqsSettings, estate: Estate, graph: Graph, metrics_an_hour: float) -> Iterator[cost.Part]:
    """What is paid for, of what is read again and again."""
    depths = cost.an_hour(len(estate.queues), settings.interval)
    yield cost.Part("GetQueueAttributes", depths, cost.PER_SQS_REQUEST)
    tasks = cost.an_hour(len(graph.stores), settings.interval) if settings.move_tasks else 0.0
    yield cost.Part("ListMessageMoveTasks, at most", tasks, cost.PER_SQS_REQUEST)
    yield cost.Part("metrics of CloudWatch", metrics_an_hour, cost.PER_METRIC)


def _read(estate: Estate, graph: Graph) -> Iterator[Finding]:
    stores = ", ".join(sorted(graph.stores)) or "none"
    if estate.queues or estate.topics:
        yield Finding(True, f"{len(estate.queues)} queues, of them for dead letters: {stores}")
        yield Finding(True, f"{len(estate.topics)} topics with {len(estate.subscriptions)} subscriptions")
    else:
        yield Finding(False, "no queue and no topic is there that the filters admit", "is it the right region?")
