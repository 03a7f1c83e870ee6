"""Does Event Grid deliver, and what becomes of what it cannot?"""

from collectors import metrics as m
from monitor.grafana.board import VARIABLES, Board, Variable
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import PREFIX, Query, came, coming, or_none, rate, select

WHO = "{{group}} on {{destination}}"
#: Its subscriptions have no backlog; they are those that were to get something.
GROUP = Variable("group", "Group", PREFIX + m.MESSAGES_MATCHED_TOTAL.name, ("destination",))

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
            Panel(
                "Dead letters, last hour",
                "Events that were given up and kept. Read one for its cause, mend the handler, then send them back.",
                (Query(or_none(came("1h", destination="", source="$destination"))),),
                kind="stat",
                limit=limit("DeadLettersGrowing"),
                opens="eda-dead-letters",
                width=6,
            ),
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
            Panel(
                "Published and refused",
                "Events that were taken, and those that were not, by reason. Refused ones are lost unless their "
                "publisher keeps them.",
                (
                    Query(rate(m.MESSAGES_IN_TOTAL, "target", "destination"), "{{destination}}"),
                    Query(
                        rate(m.PUBLISH_FAILURES_TOTAL, "destination", "reason", service="=publishers"),
                        "refused: {{destination}} {{reason}}",
                    ),
                ),
                "ops",
            ),
            Panel(
                "Matched and delivered",
                "What each subscription was to get, and what it accepted. Apart: it fails or is slow, and events wait "
                "for their next attempt.",
                (
                    Query(rate(m.MESSAGES_MATCHED_TOTAL, "target", "destination", "group"), f"matched: {WHO}"),
                    Query(rate(m.MESSAGES_OUT_TOTAL, "target", "destination", "group"), f"delivered: {WHO}"),
                ),
                "ops",
            ),
        ),
        (
            Panel(
                "Failed attempts by reason",
                "Why deliveries failed. The endpoint is gone, busy or refuses: look at what it is and at its log.",
                (
                    Query(
                        rate(m.DELIVERY_FAILURES_TOTAL, "target", "destination", "group", "reason"),
                        f"{WHO}: {{{{reason}}}}",
                    ),
                ),
                "ops",
                limit=Limit(1e-6, "orange"),
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
            Panel(
                "Time to accept a delivery",
                "On average, of each subscription or rule. Slow ones are handed an event again when their time is "
                "over: make the handler answer first and work then.",
                (
                    Query(select(m.DELIVERY_LATENCY_SECONDS), WHO),
                    Query(select(m.DELIVERY_LATENCY_P99_SECONDS), f"slowest 1 %: {WHO}"),
                ),
                "s",
            ),
            Panel(
                "Time to accept an event",
                "On average, of each topic. It is the service that is slow, or the events are large.",
                (Query(select(m.PUBLISH_LATENCY_SECONDS), "{{destination}}"),),
                "s",
            ),
        ),
    ),
    (*(one for one in VARIABLES if one.name != "group"), GROUP),
)
