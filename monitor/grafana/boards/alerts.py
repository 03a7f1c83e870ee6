"""Alerts: what fires, what was told, and to whom it could not be told."""

from collectors import metrics as m
from monitor.grafana.board import Board
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import RATE, Query, or_none, select

#: What Prometheus writes of alerts of the targets that are chosen, but for those of dead man's switches.
ALERTS = (
    'sum by (alertstate, severity, alertname, target, destination, group) (ALERTS{severity!="none", target=~"$target"})'
)

BOARD = Board(
    "eda-alerts",
    "Event-driven systems: alerts",
    "The agent's alerts, its rules, and the way of its notifications.",
    "/alerts",
    (
        (
            Panel(
                "Firing",
                "Alerts that fire. The console's page of alerts says which, since when, and what to do.",
                (Query(f"sum({select(m.ALERTS_ACTIVE, state='=firing')})"),),
                kind="stat",
                limit=Limit(1),
                width=6,
            ),
            Panel(
                "Suppressed",
                "Alerts that nobody is told of: silenced, inhibited or in maintenance. Forgotten silences hide "
                "outages.",
                (Query(f"sum({select(m.ALERTS_ACTIVE, state='=suppressed')})"),),
                kind="stat",
                width=6,
            ),
            Panel(
                "Notifications waiting",
                "Messages that no receiver has taken yet. For minutes: the receiver is down, or its address is wrong.",
                (Query(f"sum({select(m.NOTIFICATIONS_WAITING)})"),),
                kind="stat",
                limit=limit("NotificationsWaiting"),
                width=6,
            ),
            Panel(
                "Rules failing, last hour",
                "Judgements that failed. Their alerts stay as they were: what they watch is unknown. See the agent's "
                "log.",
                (Query(or_none(f"sum(increase({select(m.RULE_FAILURES_TOTAL)}[1h]))")),),
                kind="stat",
                limit=limit("RuleFailing"),
                width=6,
            ),
        ),
        (
            Panel(
                "Alerts by state",
                "Pending ones have not lasted long enough to be told; suppressed are some of the others.",
                (Query(f"sum by (state) ({select(m.ALERTS_ACTIVE)})", "{{state}}"),),
            ),
            Panel(
                "Rules judged",
                "How long ago the rules were last judged over each target. Rising: the agent hangs, and no alert can "
                "fire.",
                (Query(f"time() - {select(m.RULES_JUDGED_AT)}", "{{target}}"),),
                "s",
                limit=Limit(120),
            ),
        ),
        (
            Panel(
                "Firing and pending, as this Prometheus judges",
                "The alerts of our rules where this Prometheus evaluates them; empty where only the agent does. The "
                "console's page of alerts says what to do.",
                (Query(ALERTS, form="table"),),
                kind="table",
                columns=(("Alerts", "short"),),
            ),
        ),
        (
            Panel(
                "Notifications by receiver",
                "Messages that each receiver took. None while alerts fire: see whether they are routed to it.",
                (Query(f"sum by (receiver) (increase({select(m.NOTIFICATIONS_SENT_TOTAL)}[{RATE}]))", "{{receiver}}"),),
            ),
            Panel(
                "Notifications given up",
                "Refused, too old, or too many. People were not told: `eda-monitor alerts test` says what comes back.",
                (
                    Query(
                        f"sum by (receiver) (increase({select(m.NOTIFICATIONS_FAILED_TOTAL)}[{RATE}]))", "{{receiver}}"
                    ),
                ),
                limit=Limit(1),
            ),
        ),
        (
            Panel(
                "From decision to receiver",
                "How long the last message waited until its receiver took it. Beyond a minute: retries, or a slow "
                "receiver.",
                (Query(select(m.NOTIFICATIONS_DELAY_SECONDS), "{{receiver}}"),),
                "s",
                limit=Limit(60, "orange"),
            ),
            Panel(
                "Failures by rule",
                "Rules whose judgement failed. A rule of your own: try it by `eda-monitor alerts backtest`.",
                (Query(f"sum by (rule) (increase({select(m.RULE_FAILURES_TOTAL)}[{RATE}]))", "{{rule}}"),),
                limit=Limit(1),
            ),
        ),
    ),
)
