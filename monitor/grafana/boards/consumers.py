"""Groups: whether they keep up, and if not, why."""

from collectors import metrics as m
from monitor.grafana.board import Board
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import RATE, Query, or_none, rate, select
from monitor.grafana.shared import GROUP, WHO, age_by_group, furthest_behind

#: How well the age of a group's backlog is known.
QUALITY = (
    Query(f"max by ({', '.join(GROUP)}) ({select(m.BACKLOG_AGE_QUALITY)})", form="table"),
    "Quality of the age (3 exact, 1 at least)",
    "short",
)
STATES = (
    (0, "unknown", "text"),
    (1, "dead", "red"),
    (2, "empty", "orange"),
    (3, "stable", "green"),
    (4, "assigning", "yellow"),
    (5, "rebalancing", "yellow"),
)

BOARD = Board(
    "eda-consumers",
    "Event-driven systems: consumers",
    "Every group: how far behind it is, whether it moves, who its members are, and what retention will take from it.",
    "/consumers",
    (
        (
            Panel(
                "Furthest behind",
                "Age of the oldest unhandled event of the worst group; the table below names it.",
                (Query(f"max({select(m.BACKLOG_AGE_SECONDS)})"),),
                "s",
                "stat",
                limit("BacklogAgeHigh"),
                width=6,
            ),
            Panel(
                "Groups without consumers that are behind",
                "Events wait and nobody reads them: start the consumers, or delete the group.",
                (
                    Query(
                        f"count({select(m.BACKLOG_MESSAGES)} > 0 and on (target, destination, group)"
                        f" {select(m.CONSUMERS)} == 0) or 0 * count({select(m.BACKLOG_MESSAGES)})"
                    ),
                ),
                kind="stat",
                limit=Limit(1),
                width=6,
            ),
            Panel(
                "Lost to retention",
                "Events that were deleted before their group read them. They cannot be had back from the broker.",
                (Query(or_none(f"sum({select(m.LOST_MESSAGES)})")),),
                kind="stat",
                limit=limit("EventsLost"),
                width=6,
            ),
            Panel(
                "Next to be deleted unread in",
                "Time until retention deletes the oldest unread event of any group. Short: raise the retention first.",
                (Query(f"min({select(m.RETENTION_MARGIN_SECONDS)})"),),
                "s",
                "stat",
                Limit(3600, below=True),
                width=6,
            ),
        ),
        (furthest_behind(50, (QUALITY,)),),
        (
            age_by_group("eda-destination"),
            Panel(
                "Waiting",
                "Unhandled events by group. Falling: it catches up, and this shows how fast.",
                (Query(select(m.BACKLOG_MESSAGES), WHO),),
                opens="eda-destination",
            ),
        ),
        (
            Panel(
                "Handled",
                "Events that each group handled. None while events wait: it is stalled, or has no consumers.",
                (Query(rate(m.MESSAGES_OUT_TOTAL, "target", "destination", "group"), WHO),),
                "ops",
                opens="eda-destination",
            ),
            Panel(
                "Delivered again",
                "Events delivered more than once, or written to retry topics. Many: a handler fails on the same "
                "events.",
                (Query(rate(m.REDELIVERIES_TOTAL, "target", "destination", "group"), WHO),),
                "ops",
            ),
        ),
        (
            Panel(
                "State of the groups",
                "Rebalancing for minutes: members come and go, or their handlers take longer than the poll interval.",
                (Query(select(m.GROUP_STATE), "{{group}}"),),
                "short",
                "state-timeline",
                states=STATES,
            ),
            Panel(
                "Consumers",
                "Members of each group. Fewer than the destination has partitions, and behind: there is room for more.",
                (Query(select(m.CONSUMERS), WHO),),
            ),
        ),
        (
            Panel(
                "Consumer capacity",
                "Share of the time in which a queue's consumers could take a message at once. Below 1 they are slow: "
                "more consumers, a larger prefetch, or a faster handler.",
                (Query(select(m.CONSUMER_CAPACITY), WHO),),
                "percentunit",
                limit=Limit(0.5, "orange", below=True),
                width=8,
            ),
            Panel(
                "Partitions that nobody reads",
                "Partitions with commits of the group, assigned to none of its members. They do not move: restart a "
                "member.",
                (Query(select(m.UNASSIGNED_PARTITIONS), WHO),),
                limit=Limit(1, "orange"),
                width=8,
            ),
            Panel(
                "In flight",
                "Delivered and not acknowledged. A level that stays: handlers that hang, or that never acknowledge.",
                (Query(select(m.IN_FLIGHT_MESSAGES), WHO),),
                width=8,
            ),
        ),
        (
            Panel(
                "Time until unread events are deleted",
                "Falling towards 0: retention will take events that nobody read. Raise it, then make the group faster.",
                (Query(select(m.RETENTION_MARGIN_SECONDS), WHO),),
                "s",
                limit=Limit(3600, below=True),
                width=8,
            ),
            Panel(
                "Lost to retention",
                "Events deleted before their group read them. A step is a loss: note the time, and tell who owns the "
                "group.",
                (Query(select(m.LOST_MESSAGES), WHO),),
                limit=limit("EventsLost"),
                width=8,
            ),
            Panel(
                "Offsets beyond the end",
                "Readings in which a group had committed more than there is: the topic was made anew; reset its "
                "offsets.",
                (
                    Query(
                        f"sum by (target, destination, group) (increase({select(m.OFFSET_CLAMPS_TOTAL)}[{RATE}]))", WHO
                    ),
                ),
                limit=Limit(1, "orange"),
                width=8,
            ),
        ),
    ),
)
