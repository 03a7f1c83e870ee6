"""Is the broker the cause?"""

from collectors import metrics as m
from monitor.grafana.board import Board
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import Query, count, or_none, rate, select

BOARD = Board(
    "eda-broker",
    "Event-driven systems: brokers",
    "The health of each broker: its nodes, what goes through it, and how its configuration loses messages.",
    "/targets",
    (
        (
            Panel(
                "Nodes down",
                "Nodes that do not run. Queues and partitions on them are unknown or not served: start the node.",
                (Query(count(m.NODE_UP, "== 0")),),
                kind="stat",
                limit=Limit(1),
                width=6,
            ),
            Panel(
                "Nodes with an alarm",
                "Nodes out of memory or disk, or apart from the others. Publishers are blocked: free what is short.",
                (Query(count(m.NODE_ALARM, "> 0")),),
                kind="stat",
                limit=Limit(1),
                width=6,
            ),
            Panel(
                "Faults of configuration",
                "Destinations whose configuration loses messages, or will. The table below names them and the reason.",
                (Query(or_none(f"count({select(m.CONFIGURATION_FAULT)} > 0)")),),
                kind="stat",
                limit=Limit(1, "orange"),
                width=6,
            ),
            Panel(
                "Unroutable, last hour",
                "Messages that no destination wanted. Without a binding for them they are gone: mend the routing.",
                (Query(or_none(f"sum(increase({select(m.UNROUTABLE_MESSAGES_TOTAL)}[1h]))")),),
                kind="stat",
                limit=limit("MessagesUnroutable"),
                width=6,
            ),
        ),
        (
            Panel(
                "Nodes",
                "Whether each node runs. Down: start it, and look at what its disk and memory were before.",
                (Query(select(m.NODE_UP), "{{target}} {{node}}"),),
                "bool_yes_no",
                "state-timeline",
                limit("NodeDown"),
                ((0, "down", "red"), (1, "up", "green")),
            ),
            Panel(
                "Alarms",
                "Alarms of each node, by reason. While one stands, the broker takes no messages.",
                (Query(select(m.NODE_ALARM), "{{node}} {{reason}}"),),
                "bool_yes_no",
                "state-timeline",
                limit("NodeAlarm"),
                ((0, "none", "green"), (1, "alarm", "red")),
            ),
        ),
        (
            Panel(
                "Events in",
                "Events written to each destination. Silence where there was always traffic: a producer has stopped.",
                (Query(rate(m.MESSAGES_IN_TOTAL, "target", "destination"), "{{destination}}"),),
                "ops",
                opens="eda-destination",
            ),
            Panel(
                "Events handled",
                "Events handled by each group. Below what comes in the backlog grows: see the consumers.",
                (Query(rate(m.MESSAGES_OUT_TOTAL, "target", "destination", "group"), "{{group}} on {{destination}}"),),
                "ops",
                opens="eda-destination",
            ),
        ),
        (
            Panel(
                "Unroutable messages",
                "What nobody wanted, by reason. Dropped ones are lost: bind a queue, or an alternate exchange.",
                (
                    Query(
                        rate(m.UNROUTABLE_MESSAGES_TOTAL, "target", "destination", "reason"),
                        "{{destination}} {{reason}}",
                    ),
                ),
                "ops",
                limit=limit("MessagesUnroutable"),
            ),
            Panel(
                "Deaths in the broker",
                "Messages that died, by reason and by what became of them. `disabled` had nowhere to go and are lost: "
                "give their queues a dead-letter exchange.",
                (Query(rate(m.DEATHS_TOTAL, "target", "reason", "strategy"), "{{reason}} {{strategy}}"),),
                "ops",
            ),
        ),
        (
            Panel(
                "Faults of configuration by destination",
                "What loses messages, or will, and why. The runbook of DeadLetterPathBroken says how to mend each.",
                (Query(f"{select(m.CONFIGURATION_FAULT)} > 0", form="table"),),
                kind="table",
                limit=limit("DeadLetterPathBroken"),
                opens="eda-destination",
                columns=(("Fault", "short"),),
            ),
        ),
    ),
)
