"""Does Event Grid deliver, and what becomes of what it cannot?"""

from collectors import metrics as m
from monitor.grafana.board import Board, variables_with_groups_of
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import Query, coming, or_none, rate, select
from monitor.grafana.shared import (
    dead_letters_of_an_hour,
    delivery_latency,
    failed_by_reason,
    matched_and_delivered,
    refused,
)

BOARD = Board(
    "eda-eventgrid",
    "Event-driven systems: event delivery",
    "Topics and buses of a cloud, such as Azure Event Grid: what is published, what was to be delivered and what was, "
    "and what became of the rest. Such services count by the minute and tell it some minutes later.",
    "/destinations",
    (
        (
            Panel(
                "Lost, last hour",
                "Events that were given up and had nowhere to go. They are gone: give their subscription a dead-letter "
                "destination, or mend the one that it has.",
                (Query(or_none(f"sum(increase({select(m.DEAD_LETTER_FAILURES_TOTAL)}[1h]))")),),
                kind="stat",
                limit=limit("DeadLettersLost"),
                width=6,
            ),
            dead_letters_of_an_hour("a container"),
            Panel(
                "Failed attempts, last hour",
                "Deliveries that a subscription did not accept; most are tried again, later and later. See why below.",
                (Query(or_none(f"sum(increase({select(m.DELIVERY_FAILURES_TOTAL)}[1h]))")),),
                kind="stat",
                limit=Limit(1, "orange"),
                width=6,
            ),
            Panel(
                "Matched nothing, last hour",
                "Events that no subscription wanted. Often meant so; if not, look at the filters.",
                (Query(or_none(f"sum(increase({select(m.UNROUTABLE_MESSAGES_TOTAL, reason='=unmatched')}[1h]))")),),
                kind="stat",
                width=6,
            ),
        ),
        (
            refused(),
            Panel(
                "Matched and delivered",
                "What each subscription was to get, and what it accepted. Apart: it fails or is slow, and events wait "
                "for their next attempt.",
                matched_and_delivered(),
                "ops",
            ),
        ),
        (
            failed_by_reason(
                "Failed attempts by reason",
                "Why deliveries failed. The endpoint is gone, busy or refuses: look at what it is and at its log.",
            ),
            Panel(
                "Dead letters and losses",
                "What was given up, by reason: kept in a container, or lost. Any: read one of them; a loss needs a "
                "dead-letter destination.",
                (
                    Query(
                        coming("destination", "source", "reason", destination="", source="$destination"),
                        "{{source}} to {{destination}}: {{reason}}",
                    ),
                    Query(
                        rate(m.DEAD_LETTER_FAILURES_TOTAL, "destination", "reason"), "lost: {{destination}} {{reason}}"
                    ),
                ),
                "ops",
                limit=Limit(1e-6),
            ),
        ),
        (
            delivery_latency(
                "Time to accept a delivery",
                "On average, of each subscription or rule. Slow ones are handed an event again when their time is "
                "over: make the handler answer first and work then.",
            ),
            Panel(
                "Time to accept an event",
                "On average, of each topic. It is the service that is slow, or the events are large.",
                (Query(select(m.PUBLISH_LATENCY_SECONDS), "{{destination}}"),),
                "s",
            ),
        ),
    ),
    variables_with_groups_of(m.MESSAGES_MATCHED_TOTAL),
)
