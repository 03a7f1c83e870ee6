"""What CloudWatch counts of EventBridge, and the word of the vocabulary for it. Pure.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html. Of a rule of the default bus the dimension
is its name alone, of another bus the bus and the rule. Most of these metrics are sent only when they are not zero.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from collectors import metrics as m
from collectors.aws.cloudwatch import Series, Wanted
from collectors.base import Metric
from collectors.eventbridge.answers import DEFAULT_BUS, Rule, name_of
from collectors.eventbridge.grid import Grid, stores_called
from collectors.sums import Key

NAMESPACE = "AWS/Events"
QUEUES = "AWS/SQS"
#: PutEvents is counted for all buses of the account together, and nothing says by whom it was called.
ALL_BUSES, PUBLISHERS = "all buses", "publishers"
GAVE_UP, THROTTLED, REFUSED = "gave up", "throttled", "refused"
_OLDEST = "ApproximateAgeOfOldestMessage"

Dimensions = tuple[tuple[str, str], ...]


class Figure(NamedTuple):
    """A metric of EventBridge. One that `fails` is asked for more often while it does; of one `stored` only rules with
    a dead-letter queue have something to tell. A statistic other than Sum is a latency in milliseconds."""

    name: str
    metric: Metric
    reason: str = ""
    fails: bool = False
    stored: bool = False
    statistic: str = "Sum"


#: Of each rule, what matters most first: the budget may end before the last.
OF_RULES = (
    Figure("InvocationsFailedToBeSentToDlq", m.DEAD_LETTER_FAILURES_TOTAL, "not taken", fails=True, stored=True),
    Figure("InvocationsSentToDlq", m.DEAD_LETTERED_MESSAGES_TOTAL, fails=True, stored=True),
    Figure("FailedInvocations", m.DELIVERY_FAILURES_TOTAL, GAVE_UP, fails=True),
    Figure("ThrottledRules", m.DELIVERY_FAILURES_TOTAL, THROTTLED, fails=True),
    Figure("TriggeredRules", m.MESSAGES_MATCHED_TOTAL),
    Figure("SuccessfulInvocationAttempts", m.MESSAGES_OUT_TOTAL),
    Figure("RetryInvocationAttempts", m.REDELIVERIES_TOTAL),
    Figure("IngestionToInvocationSuccessLatency", m.DELIVERY_LATENCY_SECONDS, statistic="Average"),
    Figure("IngestionToInvocationSuccessLatency", m.DELIVERY_LATENCY_P99_SECONDS, statistic="p99"),
)
OF_BUSES = (Figure("MatchedEvents", m.MESSAGES_IN_TOTAL),)
OF_ALL = (
    Figure("PutEventsFailedEntriesCount", m.PUBLISH_FAILURES_TOTAL, REFUSED, fails=True),
    Figure("PutEventsApproximateThrottledCount", m.PUBLISH_FAILURES_TOTAL, THROTTLED, fails=True),
    Figure("PutEventsEntriesCount", m.MESSAGES_PUBLISHED_TOTAL),
)


class Listed:
    """The metrics that CloudWatch lists as sent within the last three hours, in its own spelling."""

    def __init__(self, told: Iterable[Mapping[str, Any]] = ()) -> None:
        self._spelled: dict[str, str] = {}
        self._recent: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        for one in told:
            name = str(one["MetricName"])
            self._spelled[name.lower()] = name
            dimensions = frozenset((str(each["Name"]), str(each["Value"])) for each in one["Dimensions"])
            self._recent.add((name.lower(), dimensions))

    def spelled(self, name: str) -> str:
        """As CloudWatch spells it: its documentation has some names in two ways."""
        return self._spelled.get(name.lower(), name)

    def is_recent(self, name: str, dimensions: Dimensions) -> bool:
        return (name.lower(), frozenset(dimensions)) in self._recent

    def has_traffic(self, rule: Rule) -> bool:
        """Whether events came to the rule of late."""
        return any(self.is_recent(name, of_rule(rule)) for name in ("TriggeredRules", "Invocations"))


def of_rule(rule: Rule) -> Dimensions:
    """The dimensions of the metrics of a rule."""
    name = ("RuleName", rule.name)
    return (name,) if rule.bus == DEFAULT_BUS else (("EventBusName", rule.bus), name)


def wanted(grid: Grid, chosen: Collection[Rule], listed: Listed, p99: bool) -> Iterator[Wanted]:
    """What to ask for, of these rules, of all buses and of dead-letter queues that are there; what matters most first.

    What fails, and did so within three hours, is hot.
    """
    asked = [one for one in chosen if one.is_enabled and one.targets is not None]
    for figure in OF_RULES:
        if figure.metric is m.DELIVERY_LATENCY_P99_SECONDS and not p99:
            continue
        for rule in asked:
            if rule.stores or not figure.stored:
                yield _wanted(figure, of_rule(rule), _labels(figure, rule), listed)
    for figure in OF_ALL:
        labels = (PUBLISHERS, ALL_BUSES, figure.reason) if figure.reason else (PUBLISHERS, ALL_BUSES)
        yield _wanted(figure, (), labels, listed)
    for arn in grid.stores():
        if grid.queues.get(arn) is not None:
            name = name_of(arn)
            yield Wanted(age_of(name), Series(QUEUES, _OLDEST, (("QueueName", name),), "Maximum"))
    for figure in OF_BUSES:
        for bus in grid.buses:
            yield _wanted(figure, (("EventBusName", bus),), (bus,), listed)


def age_of(queue: str) -> Key:
    """The key of the age of the oldest dead letter in a queue."""
    return (m.DEAD_LETTER_AGE_SECONDS.name, queue)


def given_up(rule: Rule) -> Key:
    """The key of what a rule gave up for good."""
    return (m.DELIVERY_FAILURES_TOTAL.name, rule.bus, rule.name, GAVE_UP)


def _wanted(figure: Figure, dimensions: Dimensions, labels: tuple[str, ...], listed: Listed) -> Wanted:
    series = Series(NAMESPACE, listed.spelled(figure.name), dimensions, figure.statistic)
    return Wanted((figure.metric.name, *labels), series, figure.fails and listed.is_recent(figure.name, dimensions))


def _labels(figure: Figure, rule: Rule) -> tuple[str, ...]:
    by = f"rule {rule.name}"
    if figure.metric is m.DEAD_LETTERED_MESSAGES_TOTAL:
        return (stores_called(rule), rule.bus, by)
    if figure.metric is m.DEAD_LETTER_FAILURES_TOTAL:
        return (stores_called(rule), f"{figure.reason}: {by} of {rule.bus}")
    return (rule.bus, rule.name, figure.reason) if figure.reason else (rule.bus, rule.name)
