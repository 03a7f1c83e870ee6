"""Which metrics of Azure Monitor are read of each type of resource, and what they are in the vocabulary. Pure.

Source: the generated pages "Supported metrics for Microsoft.EventGrid/…", of July 2026. Names have changed over time
(`SuccessfulAcknowlegedEvents` was one), so a figure has all its names; the definitions of the metrics say which holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from collectors import metrics as m
from collectors.base import Metric
from collectors.eventgrid.grid import PROVIDER, Kind

TOPIC, ERROR = "Topic", ("ErrorType", "Error")
#: Who subscribes: to a topic, or to a domain as a whole.
SUBSCRIPTION = ("EventSubscriptionName", "DomainEventSubscriptionName")
#: Why: of dead letters, of dropped events, and of failures.
REASONS = ("DeadLetterReason", "DropReason", *ERROR)


class Figure(NamedTuple):
    """A metric of Azure Monitor, by its names, the one in use first. `dimensions` split it into series.

    `reason` stands before the reasons that Azure tells, or instead of them. `pulled` says of which subscriptions it is
    to be heard: those whose events are pulled, those to which they are pushed, or (None) all.
    """

    names: tuple[str, ...]
    metric: Metric
    dimensions: tuple[str, ...] = ()
    reason: str = ""
    pulled: bool | None = None


def _basic(topic: tuple[str, ...], subscription: tuple[str, ...]) -> tuple[Figure, ...]:
    delivered = (*topic, *subscription)
    return (
        Figure(("PublishSuccessCount",), m.MESSAGES_IN_TOTAL, topic),
        Figure(("PublishFailCount",), m.PUBLISH_FAILURES_TOTAL, (*topic, *ERROR)),
        Figure(("PublishSuccessLatencyInMs",), m.PUBLISH_LATENCY_SECONDS),
        Figure(("MatchedEventCount",), m.MESSAGES_MATCHED_TOTAL, delivered),
        Figure(("DeliverySuccessCount",), m.MESSAGES_OUT_TOTAL, delivered),
        Figure(("DestinationProcessingDurationInMs",), m.DELIVERY_LATENCY_SECONDS, delivered),
        Figure(("DeliveryAttemptFailCount",), m.DELIVERY_FAILURES_TOTAL, (*delivered, *ERROR)),
        Figure(("DeadLetteredCount",), m.DEAD_LETTERED_MESSAGES_TOTAL, (*delivered, "DeadLetterReason")),
        Figure(("DroppedEventCount",), m.DEAD_LETTER_FAILURES_TOTAL, (*delivered, "DropReason")),
    )


_UNMATCHED = Figure(("UnmatchedEventCount",), m.UNROUTABLE_MESSAGES_TOTAL, reason="unmatched")
_OF_TOPICS = (*_basic((), SUBSCRIPTION[:1]), _UNMATCHED)
_PULLED = (TOPIC, SUBSCRIPTION[0])

FIGURES: Mapping[Kind, tuple[Figure, ...]] = {
    "topics": _OF_TOPICS,
    "systemTopics": _OF_TOPICS,
    "partnerTopics": _OF_TOPICS,
    "domains": _basic((TOPIC,), SUBSCRIPTION),
    "namespaces": (
        Figure(("SuccessfulPublishedEvents",), m.MESSAGES_IN_TOTAL, (TOPIC,)),
        Figure(("FailedPublishedEvents",), m.PUBLISH_FAILURES_TOTAL, (TOPIC, *ERROR)),
        Figure(("PublishLatencyInMilliseconds",), m.PUBLISH_LATENCY_SECONDS, (TOPIC,)),
        Figure(("UnmatchedEventCount", "UnMatchedEvents"), m.UNROUTABLE_MESSAGES_TOTAL, (TOPIC,), "unmatched"),
        Figure(("MatchedEventCount", "MatchedEvents"), m.MESSAGES_MATCHED_TOTAL, _PULLED),
        Figure(("SuccessfulReceivedEvents",), m.MESSAGES_OUT_TOTAL, _PULLED, pulled=False),
        Figure(
            ("SuccessfulAcknowledgedEvents", "SuccessfulAcknowlegedEvents"), m.MESSAGES_OUT_TOTAL, _PULLED, pulled=True
        ),
        Figure(("SuccessfulReleasedEvents",), m.REDELIVERIES_TOTAL, _PULLED, pulled=True),
        Figure(("FailedReceivedEvents",), m.DELIVERY_FAILURES_TOTAL, (*_PULLED, *ERROR)),
        Figure(("FailedAcknowledgedEvents",), m.DELIVERY_FAILURES_TOTAL, (*_PULLED, *ERROR), "acknowledge", True),
        Figure(
            ("DeadLetteredCount", "DeadLetteredEvents", "SuccessfulDeadLetteredEvents"),
            m.DEAD_LETTERED_MESSAGES_TOTAL,
            (*_PULLED, "DeadLetterReason"),
        ),
        Figure(("DroppedEventCount", "DroppedEvents"), m.DEAD_LETTER_FAILURES_TOTAL, (*_PULLED, "DropReason")),
    ),
}


class Query(NamedTuple):
    """What is asked for at once: metrics of one type of resource that are split by the same dimensions."""

    kind: Kind
    dimensions: tuple[str, ...]
    #: By the name under which it is asked for.
    figures: Mapping[str, Figure]

    @property
    def namespace(self) -> str:
        return f"{PROVIDER}/{self.kind}"

    @property
    def filter(self) -> str | None:
        """All series, each by its own; None where there is one."""
        return " and ".join(f"{name} eq '*'" for name in self.dimensions) or None

    @property
    def aggregations(self) -> list[str]:
        kinds = {figure.metric.kind for figure in self.figures.values()}
        return [name for kind, name in (("counter", "Total"), ("gauge", "Average")) if kind in kinds]


def queries(kind: Kind, defined: Collection[str] | None) -> tuple[list[Query], list[str]]:
    """What to ask of a type of resource, and the figures that it does not have: of those that Azure has defined.

    Where the definitions are not known, figures go by the first of their names.
    """
    asked: dict[tuple[str, ...], dict[str, Figure]] = {}
    missing = []
    for figure in FIGURES[kind]:
        name = next((name for name in figure.names if defined is None or name in defined), None)
        if name is None:
            missing.append(figure.names[0])
        else:
            asked.setdefault(figure.dimensions, {})[name] = figure
    return [Query(kind, dimensions, figures) for dimensions, figures in asked.items()], missing
