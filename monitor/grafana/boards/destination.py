"""One topic or queue: what comes, what waits, who reads it, and where its dead letters go."""

from collectors import metrics as m
from monitor.grafana.board import Board
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import Query, or_none, quantile, rate, select

WHO = "{{group}} on {{destination}}"

BOARD = Board(
    "eda-destination",
    "Event-driven systems: destination",
    "A topic or queue with its groups, its handlers and its dead letters, on one time axis. Choose it above.",
    "/destinations",
    (
        (
            Panel(
                "Waiting",
                "Unhandled events of all its groups. Rising: its groups are slower than its producers; see below "
                "which.",
                (Query(f"sum({select(m.BACKLOG_MESSAGES)})"),),
                kind="stat",
                width=6,
            ),
            Panel(
                "Oldest unhandled event",
                "How long it has waited. What depends on these events is as late: look at the group that is behind.",
                (Query(f"max({select(m.BACKLOG_AGE_SECONDS)})"),),
                "s",
                "stat",
                limit("BacklogAgeHigh"),
                width=6,
            ),
            Panel(
                "Consumers",
                "Members of its groups. None while events wait: nobody handles them; start the consumers.",
                (Query(f"sum({select(m.CONSUMERS)})"),),
                kind="stat",
                limit=Limit(1, below=True),
                width=6,
            ),
            Panel(
                "Its dead letters",
                "Events of this destination that were given up and wait. Read one for its cause, then redrive them.",
                (Query(or_none(f"sum({select(m.DEAD_LETTERS, destination='', source='$destination')})")),),
                kind="stat",
                limit=Limit(1, "orange"),
                opens="eda-dead-letters",
                width=6,
            ),
        ),
        (
            Panel(
                "In against out",
                "Events written, and handled by each group. A group below what comes in falls behind; handed out above "
                "handled: some are handed out again.",
                (
                    Query(rate(m.MESSAGES_IN_TOTAL, "target", "destination"), "in: {{destination}}"),
                    Query(rate(m.MESSAGES_OUT_TOTAL, "target", "destination", "group"), f"out: {WHO}"),
                    Query(rate(m.DELIVERIES_TOTAL, "target", "destination", "group"), f"handed out: {WHO}"),
                ),
                "ops",
            ),
            Panel(
                "Age of the oldest unhandled event",
                "By group. A line that rises with the clock is a group that handles nothing.",
                (Query(select(m.BACKLOG_AGE_SECONDS), WHO),),
                "s",
                limit=limit("BacklogAgeHigh"),
            ),
        ),
        (
            Panel(
                "Waiting and in flight",
                "Unhandled events, those that were delivered and not acknowledged, and those that nobody gets yet. "
                "All in flight: handlers hold them.",
                (
                    Query(select(m.BACKLOG_MESSAGES), f"waiting: {WHO}"),
                    Query(select(m.IN_FLIGHT_MESSAGES), f"in flight: {WHO}"),
                    Query(select(m.DELAYED_MESSAGES), "delayed: {{destination}}"),
                ),
            ),
            Panel(
                "Partitions that are furthest behind",
                "Backlog of single partitions. One that stands alone: a poison record, or a key that gets too much.",
                (
                    Query(
                        f"topk(10, {select(m.BACKLOG_PARTITION_MESSAGES)})",
                        "{{group}} on {{destination}} {{partition}}",
                        "table",
                    ),
                ),
                kind="table",
                width=12,
                height=8,
                columns=(("Waiting", "short"),),
            ),
        ),
        (
            Panel(
                "Published by services",
                "What services say they wrote here. Less than came in: others write here too.",
                (Query(rate(m.MESSAGES_PUBLISHED_TOTAL, "service", "destination"), "{{service}} to {{destination}}"),),
                "ops",
            ),
            Panel(
                "Failures of publishing",
                "Events that services could not write, by reason; without a retry of the service they are lost.",
                (
                    Query(
                        rate(m.PUBLISH_FAILURES_TOTAL, "service", "destination", "reason"),
                        "{{service}} to {{destination}}: {{reason}}",
                    ),
                ),
                "ops",
                limit=Limit(1e-6),
            ),
        ),
        (
            Panel(
                "Time in its handlers",
                "95th percentile of the calls. A handler that got slow at the time at which the backlog began is its "
                "cause.",
                (
                    Query(
                        quantile(m.HANDLER_DURATION_SECONDS, 0.95, "handler", "destination", "group"),
                        "{{handler}} on {{destination}}",
                    ),
                ),
                "s",
                limit=limit("HandlerSlow"),
                opens="eda-handlers",
            ),
            Panel(
                "Dead letters of it",
                "Events of this destination that were given up, by where they went and why. Any: read one of them.",
                (
                    Query(
                        rate(
                            m.DEAD_LETTERED_MESSAGES_TOTAL,
                            "destination",
                            "source",
                            "reason",
                            destination="",
                            source="$destination",
                        ),
                        "{{source}} to {{destination}} {{reason}}",
                    ),
                ),
                "ops",
                limit=Limit(1e-6),
                opens="eda-dead-letters",
            ),
        ),
    ),
)
