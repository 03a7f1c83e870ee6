"""Handlers: how many, how failed, how long."""

from functools import partial

from collectors import metrics as m
from monitor.grafana import queries
from monitor.grafana.board import SERVICE, VARIABLES, Board
from monitor.grafana.limits import limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import FAILED, RATE, Query, or_none
from monitor.grafana.shared import publish_failures, published

#: Of the service that is chosen.
ITS = "$service"
select, rate, quantile, share_of = (
    partial(ask, service=ITS) for ask in (queries.select, queries.rate, queries.quantile, queries.share_of)
)
WHO = "{{handler}} on {{destination}}"
ONE = ("service", "handler", "destination", "group")

BOARD = Board(
    "eda-handlers",
    "Event-driven systems: handlers",
    "What handles the events: rate, failures by reason, and how long calls take.",
    "/handlers",
    (
        (
            Panel(
                "Events handled",
                "Events a second of all handlers chosen. None while events wait: a handler hangs, or is not running.",
                (Query(f"sum(rate({select(m.HANDLER_EVENTS_TOTAL)}[{RATE}]))"),),
                "ops",
                "stat",
                width=6,
            ),
            Panel(
                "Share of failures",
                "Of all events, those that failed, were dropped or dead-lettered. The reasons are below.",
                (Query(share_of(FAILED)),),
                "percentunit",
                "stat",
                limit("HandlerFailing"),
                width=6,
            ),
            Panel(
                "95th percentile",
                "What 19 of 20 calls do not exceed. Slow: look at what the handler calls; its backlog will follow.",
                (
                    Query(
                        "histogram_quantile(0.95, sum by (le) (rate("
                        f"{select(m.HANDLER_DURATION_SECONDS, '_bucket')}[{RATE}])))"
                    ),
                ),
                "s",
                "stat",
                limit("HandlerSlow"),
                width=6,
            ),
            Panel(
                "Longest call in progress",
                "How long a call has not come back. Beyond minutes it hangs: take a stack of its process.",
                (Query(or_none(f"max(time() - {select(m.HANDLER_IN_PROGRESS_SINCE)})")),),
                "s",
                "stat",
                limit("HandlerStuck"),
                width=6,
            ),
        ),
        (
            Panel(
                "How long calls took",
                "Calls by their duration. A second band far above the first: some calls wait for something, such as a "
                "lock or a timeout.",
                (
                    Query(
                        f"sum by (le) (increase({select(m.HANDLER_DURATION_SECONDS, '_bucket')}[{RATE}]))",
                        "{{le}}",
                        "heatmap",
                    ),
                ),
                "s",
                "heatmap",
            ),
            Panel(
                "Percentiles of calls",
                "p50, p95 and p99 by handler. p99 alone rising: single events are slow. All rising: what it calls is "
                "slow.",
                tuple(
                    Query(quantile(m.HANDLER_DURATION_SECONDS, q, *ONE), f"p{q * 100:g} {WHO}")
                    for q in (0.5, 0.95, 0.99)
                ),
                "s",
                limit=limit("HandlerSlow"),
                height=9,
            ),
        ),
        (
            Panel(
                "Events by outcome",
                "What became of the events. Retried and failed rising together: what the handler calls is down.",
                (Query(rate(m.HANDLER_EVENTS_TOTAL, *ONE, "outcome"), f"{WHO} {{{{outcome}}}}"),),
                "ops",
            ),
            Panel(
                "Failures by reason",
                "Events whose outcome was not ok, by the class of the error or what the handler said. This is what "
                "to mend.",
                (Query(rate(m.HANDLER_FAILURES_TOTAL, *ONE, "reason"), f"{WHO} {{{{reason}}}}"),),
                "ops",
            ),
        ),
        (
            Panel(
                "Share of failures by handler",
                "Of its events, those that failed, were dropped or dead-lettered.",
                (
                    Query(
                        share_of(FAILED, *ONE),
                        WHO,
                    ),
                ),
                "percentunit",
                limit=limit("HandlerFailing"),
            ),
            Panel(
                "Share of retries by handler",
                "Of its events, those that were sent around again. Retries hide an outage until they are given up.",
                (
                    Query(
                        share_of("retried", *ONE),
                        WHO,
                    ),
                ),
                "percentunit",
                limit=limit("HandlerRetrying"),
            ),
        ),
        (
            Panel(
                "Age of events when handled",
                "95th percentile of how old events were when their handling began: what users wait before anything "
                "happens.",
                (Query(quantile(m.HANDLER_QUEUE_SECONDS, 0.95, *ONE), WHO),),
                "s",
                width=8,
            ),
            Panel(
                "Calls in progress",
                "Calls that have begun and not ended. At the number of workers, and no events handled: all of them "
                "hang.",
                (Query(f"sum by (service, handler, destination) ({select(m.HANDLER_IN_PROGRESS)})", WHO),),
                width=8,
            ),
            Panel(
                "Time since the last success",
                "How long ago a handler last ended well. Rising while events come: it fails on every one, or hangs.",
                (
                    Query(
                        f"time() - max by (service, handler, destination) ({select(m.HANDLER_LAST_SUCCESS)})",
                        WHO,
                    ),
                ),
                "s",
                width=8,
            ),
        ),
        (
            published(8, service=ITS),
            publish_failures(8, service=ITS),
            Panel(
                "Dead letters sent by services",
                "Dead letters that a service wrote itself, by reason. Compare with what the broker says has arrived.",
                (
                    Query(
                        rate(
                            m.DEAD_LETTERS_SENT_TOTAL,
                            "service",
                            "source",
                            "destination",
                            "reason",
                            destination="",
                            source="$destination",
                        ),
                        "{{source}} to {{destination}} {{reason}}",
                    ),
                ),
                "ops",
                width=8,
                opens="eda-dead-letters",
            ),
        ),
    ),
    (*VARIABLES, SERVICE),
)
