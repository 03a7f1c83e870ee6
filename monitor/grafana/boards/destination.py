"""One topic or queue: what comes, what waits, who reads it, and where its dead letters go."""

from collectors import metrics as m
from monitor.grafana.board import Board
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import Query, coming, or_none, rate, select
from monitor.grafana.shared import WHO, age_by_group, publish_failures, published, slow_handlers

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
            age_by_group(),
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
            published(),
            publish_failures(),
        ),
        (
            slow_handlers("Time in its handlers"),
            Panel(
                "Dead letters of it",
                "Events of this destination that were given up, by where they went and why. Any: read one of them.",
                (
                    Query(
                        coming("destination", "source", "reason", destination="", source="$destination"),
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
