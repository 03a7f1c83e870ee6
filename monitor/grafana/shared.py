"""Panels that stand on several boards: the same question, the same answer. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collectors import metrics as m
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import Query, came, or_none, quantile, rate, select

WHO = "{{group}} on {{destination}}"
GROUP = ("target", "destination", "group")


def age_by_group(opens: str = "") -> Panel:
    return Panel(
        "Age of the oldest unhandled event",
        "By group. A line that rises with the clock is a group that handles nothing: start its consumers, or look at "
        "its handler.",
        (Query(select(m.BACKLOG_AGE_SECONDS), WHO),),
        "s",
        limit=limit("BacklogAgeHigh"),
        opens=opens,
    )


def furthest_behind(most: int, more: Sequence[tuple[Query, str, str]] = (), width: int = 0) -> Panel:
    """A row a group, the `most` that are furthest behind; `more` are further columns, with their names and units."""
    return Panel(
        "Groups, the furthest behind first",
        "One row a group. Waiting without consumers: start them. Handled less than comes in: see its handlers.",
        (
            Query(f"topk({most}, max by ({', '.join(GROUP)}) ({select(m.BACKLOG_AGE_SECONDS)}))", form="table"),
            Query(f"sum by ({', '.join(GROUP)}) ({select(m.BACKLOG_MESSAGES)})", form="table"),
            Query(f"sum by ({', '.join(GROUP)}) ({select(m.CONSUMERS)})", form="table"),
            Query(rate(m.MESSAGES_OUT_TOTAL, *GROUP), form="table"),
            *(query for query, _, _ in more),
        ),
        kind="table",
        limit=limit("BacklogAgeHigh"),
        opens="eda-destination",
        width=width,
        columns=(
            ("Age", "s"),
            ("Waiting", "short"),
            ("Consumers", "short"),
            ("Handled", "ops"),
            *((name, unit) for _, name, unit in more),
        ),
    )


def slow_handlers(title: str) -> Panel:
    return Panel(
        title,
        "95th percentile: what 19 of 20 calls do not exceed. A handler that got slow at the time at which the backlog "
        "began is its cause: see what it calls.",
        (
            Query(
                quantile(m.HANDLER_DURATION_SECONDS, 0.95, "handler", "destination", "group"),
                "{{handler}} on {{destination}}",
            ),
        ),
        "s",
        limit=limit("HandlerSlow"),
        opens="eda-handlers",
    )


def published(width: int = 0, **matchers: str) -> Panel:
    return Panel(
        "Published by services",
        "What services say they wrote and the broker took. Silence where there was traffic: a producer stopped. Less "
        "than came in: others write here too.",
        (
            Query(
                rate(m.MESSAGES_PUBLISHED_TOTAL, "service", "destination", **matchers), "{{service}} to {{destination}}"
            ),
        ),
        "ops",
        width=width,
    )


def publish_failures(width: int = 0, **matchers: str) -> Panel:
    return Panel(
        "Failures of publishing",
        "Events that services could not write, by reason. Without a retry of the service they are lost.",
        (
            Query(
                rate(m.PUBLISH_FAILURES_TOTAL, "service", "destination", "reason", **matchers),
                "{{service}} to {{destination}}: {{reason}}",
            ),
        ),
        "ops",
        limit=Limit(1e-6),
        width=width,
    )


def dead_letters_of_an_hour(where: str) -> Panel:
    """Of sources that dead-letter into another destination, which is `where` for people."""
    return Panel(
        "Dead letters, last hour",
        f"Given up and kept in {where}. Read one for its cause, mend the handler, then send them back.",
        (Query(or_none(came("1h", destination="", source="$destination"))),),
        kind="stat",
        limit=limit("DeadLettersGrowing"),
        opens="eda-dead-letters",
        width=6,
    )


def refused() -> Panel:
    """Of clouds, which tell of all publishers together."""
    return Panel(
        "Published and refused",
        "What came, and what was refused or throttled, by reason. Refused ones are lost unless their publisher keeps "
        "them.",
        (
            Query(rate(m.MESSAGES_IN_TOTAL, "target", "destination"), "{{destination}}"),
            Query(
                rate(m.PUBLISH_FAILURES_TOTAL, "destination", "reason", service="=publishers"),
                "refused: {{destination}} {{reason}}",
            ),
        ),
        "ops",
    )


def matched_and_delivered() -> tuple[Query, Query]:
    """What each rule or subscription was to deliver, and what was accepted."""
    return (
        Query(rate(m.MESSAGES_MATCHED_TOTAL, *GROUP), f"matched: {WHO}"),
        Query(rate(m.MESSAGES_OUT_TOTAL, *GROUP), f"delivered: {WHO}"),
    )


def failed_by_reason(title: str, description: str) -> Panel:
    return Panel(
        title,
        description,
        (Query(rate(m.DELIVERY_FAILURES_TOTAL, *GROUP, "reason"), f"{WHO}: {{{{reason}}}}"),),
        "ops",
        limit=Limit(1e-6, "orange"),
    )


def delivery_latency(title: str, description: str) -> Panel:
    return Panel(
        title,
        description,
        (
            Query(select(m.DELIVERY_LATENCY_SECONDS), WHO),
            Query(select(m.DELIVERY_LATENCY_P99_SECONDS), f"slowest 1 %: {WHO}"),
        ),
        "s",
    )
