"""What is broken now, everywhere."""

from collectors import metrics as m
from monitor.grafana.board import Board
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import FAILED, Query, came, count, or_none, select, share_of
from monitor.grafana.shared import furthest_behind, slow_handlers

BOARD = Board(
    "eda-now",
    "Event-driven systems: now",
    "What is behind, what is dead-lettered, and whether the monitor itself can see.",
    "/",
    (
        (
            Panel(
                "Alerts firing",
                "Alerts of the agent that are firing and not silenced. Any: open the console, or the dashboard of "
                "alerts.",
                (Query(f"sum({select(m.ALERTS_ACTIVE, state='=firing')})"),),
                kind="stat",
                limit=Limit(1),
                opens="eda-alerts",
            ),
            Panel(
                "Dead letters, last 15 minutes",
                "Events given up by their handlers. Any value above 0 is an event nobody handled: read the dead "
                "letter, mend the handler, then redrive.",
                (Query(or_none(came("15m"))),),
                kind="stat",
                limit=limit("DeadLettersGrowing"),
                opens="eda-dead-letters",
            ),
            Panel(
                "Dead letters waiting",
                "Events that lie in dead-letter destinations now. They are deleted when their retention ends: handle "
                "them.",
                (Query(f"sum({select(m.DEAD_LETTERS)})"),),
                kind="stat",
                limit=Limit(1, "orange"),
                opens="eda-dead-letters",
            ),
            Panel(
                "Oldest dead letter",
                "How long the oldest dead letter has lain there. After a day nobody has looked: see who owns its "
                "source.",
                (Query(f"max({select(m.DEAD_LETTER_AGE_SECONDS)})"),),
                "s",
                "stat",
                limit("DeadLettersUnread"),
                opens="eda-dead-letters",
            ),
            Panel(
                "Furthest behind",
                "Age of the oldest unhandled event of the worst group. Look at the groups below, the worst first.",
                (Query(f"max({select(m.BACKLOG_AGE_SECONDS)})"),),
                "s",
                "stat",
                limit("BacklogAgeHigh"),
                opens="eda-consumers",
            ),
            Panel(
                "Targets not readable",
                "Targets whose last collect failed: their figures are unknown, not zero. Run `eda-monitor check`.",
                (Query(count(m.COLLECTOR_UP, "== 0")),),
                kind="stat",
                limit=Limit(1),
                opens="eda-monitor",
            ),
        ),
        (
            furthest_behind(20, width=14),
            Panel(
                "Dead letters, the most first",
                "Stores of dead letters with what lies in them, and what came within the hour. A store that fills is a "
                "handler that gives up: see why on the dashboard of dead letters.",
                (
                    Query(f"topk(20, sum by (target, destination, source) ({select(m.DEAD_LETTERS)}))", form="table"),
                    Query(came("1h", "target", "destination", "source"), form="table"),
                ),
                kind="table",
                limit=Limit(1, "orange"),
                opens="eda-dead-letters",
                width=10,
                columns=(("Dead letters", "short"), ("Last hour", "short")),
            ),
        ),
        (
            Panel(
                "Backlog in seconds",
                "How long the oldest unhandled event of each group has waited. A line that rises with the clock is a "
                "group that has stopped: start its consumers, or look at its handler.",
                (Query(select(m.BACKLOG_AGE_SECONDS), "{{group}} on {{destination}}"),),
                "s",
                limit=limit("BacklogAgeHigh"),
                opens="eda-destination",
            ),
            Panel(
                "Backlog in messages",
                "Unhandled events of each group. A steady rise means that the group is slower than its producers: give "
                "it consumers, or make its handler faster.",
                (Query(select(m.BACKLOG_MESSAGES), "{{group}} on {{destination}}"),),
                opens="eda-destination",
            ),
        ),
        (
            slow_handlers("Handlers, 95th percentile"),
            Panel(
                "Handlers, share of failures",
                "The part of its events that a handler failed, dropped or dead-lettered. The dashboard of handlers "
                "says why.",
                (
                    Query(
                        share_of(FAILED, "handler", "destination"),
                        "{{handler}} on {{destination}}",
                    ),
                ),
                "percentunit",
                limit=limit("HandlerFailing"),
                opens="eda-handlers",
            ),
        ),
    ),
)
