"""The monitor itself: whether what the other dashboards show can be believed."""

from collectors import metrics as m
from monitor.grafana.board import Board
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import RATE, Query, count, or_none, select

BOARD = Board(
    "eda-monitor",
    "Event-driven systems: the monitor itself",
    "Collectors and store: what could not be read is unknown, and here is why.",
    "/targets",
    (
        (
            Panel(
                "Targets read",
                "Targets whose last collect succeeded.",
                (Query(f"sum({select(m.COLLECTOR_UP)})"),),
                kind="stat",
                width=6,
            ),
            Panel(
                "Targets not readable",
                "Their figures are unknown, not zero. `eda-monitor check` says why and what to do.",
                (Query(count(m.COLLECTOR_UP, "== 0")),),
                kind="stat",
                limit=Limit(1),
                width=6,
            ),
            Panel(
                "Oldest figures",
                "How long ago the target that was read least lately was read. What it shows is as old.",
                (Query(f"max(time() - {select(m.COLLECTOR_LAST_SUCCESS)})"),),
                "s",
                "stat",
                limit("CollectorHangs"),
                width=6,
            ),
            Panel(
                "Writes that failed, last hour",
                "Scrapes that could not be stored. The disk is full, or the file is locked: see the agent's log.",
                (Query(or_none(f"sum(increase({select(m.STORE_ERRORS_TOTAL)}[1h]))")),),
                kind="stat",
                limit=limit("StoreFailing"),
                width=6,
            ),
        ),
        (
            Panel(
                "Whether targets could be read",
                "Not readable: the broker is down, or does not let the agent in.",
                (Query(select(m.COLLECTOR_UP), "{{target}}"),),
                "bool_yes_no",
                "state-timeline",
                limit("CollectorDown"),
                ((0, "not readable", "red"), (1, "read", "green")),
            ),
            Panel(
                "Age of the figures",
                "How long ago each target was read. Beyond its interval, cycles fail or are skipped.",
                (Query(f"time() - {select(m.COLLECTOR_LAST_SUCCESS)}", "{{target}}"),),
                "s",
                limit=limit("CollectorHangs"),
            ),
        ),
        (
            Panel(
                "Duration of a cycle by phase",
                "Near the interval of the target cycles are skipped: give it a longer interval, or read less.",
                (
                    Query(select(m.COLLECTOR_DURATION_SECONDS), "{{target}} {{phase}}"),
                    Query(select(m.COLLECTOR_INTERVAL_SECONDS), "{{target}} interval"),
                ),
                "s",
            ),
            Panel(
                "Part of the interval that a cycle takes",
                "At 1 a cycle takes as long as there is between two.",
                (
                    Query(
                        f"{select(m.COLLECTOR_DURATION_SECONDS, phase='=collect')} / ignoring (phase)"
                        f" {select(m.COLLECTOR_INTERVAL_SECONDS)}",
                        "{{target}}",
                    ),
                ),
                "percentunit",
                limit=limit("CollectorSlow"),
            ),
        ),
        (
            Panel(
                "Failures by kind",
                "Failed collects, and parts of collects that failed while the rest was right. The agent's log names "
                "them.",
                (
                    Query(
                        f"sum by (target, kind) (increase({select(m.COLLECTOR_ERRORS_TOTAL)}[{RATE}]))",
                        "{{target}} {{kind}}",
                    ),
                ),
                limit=Limit(1),
                width=8,
            ),
            Panel(
                "Cycles skipped",
                "Cycles that were due while the one before still ran.",
                (Query(f"sum by (target) (increase({select(m.COLLECTOR_OVERRUNS_TOTAL)}[{RATE}]))", "{{target}}"),),
                limit=Limit(1, "orange"),
                width=8,
            ),
            Panel(
                "Left out by reason",
                "Things that the last reading left out. Budget: raise it for the target. Others: the agent's log.",
                (Query(select(m.COLLECTOR_SKIPPED), "{{target}} {{reason}}"),),
                width=8,
            ),
        ),
        (
            Panel(
                "Requests to targets",
                "What the agent costs the brokers. A jump: a target has grown, or the interval is too short.",
                (Query(f"sum by (target) (rate({select(m.COLLECTOR_REQUESTS_TOTAL)}[{RATE}]))", "{{target}}"),),
                "reqps",
                width=8,
            ),
            Panel(
                "Size of the store",
                "The file, and its write-ahead log. A log that only grows: something reads the store without end.",
                (
                    Query(select(m.STORE_BYTES), "{{target}} store"),
                    Query(select(m.STORE_WAL_BYTES), "{{target}} write-ahead log"),
                ),
                "bytes",
                width=8,
            ),
            Panel(
                "Writes that failed",
                "Scrapes that could not be stored: the disk is full, or the file is locked.",
                (Query(f"sum by (target) (increase({select(m.STORE_ERRORS_TOTAL)}[{RATE}]))", "{{target}}"),),
                limit=Limit(1),
                width=8,
            ),
        ),
    ),
)
