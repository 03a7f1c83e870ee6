"""Do the services of AWS deliver, and what becomes of what they cannot?"""

from collectors import metrics as m
from monitor.grafana.board import Board, variables_with_groups_of
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import Query, or_none, rate, select
from monitor.grafana.shared import (
    GROUP,
    WHO,
    dead_letters_of_an_hour,
    delivery_latency,
    failed_by_reason,
    matched_and_delivered,
    refused,
)

THROTTLED = "=throttled"

BOARD = Board(
    "eda-aws",
    "Event-driven systems: AWS",
    "Queues, topics and buses of an account: what AWS could not deliver or keep, throttled or filtered, and how "
    "long deliveries take. CloudWatch tells it some minutes later.",
    "/destinations",
    (
        (
            Panel(
                "Lost, last hour",
                "Dead letters that their queue did not take, and what was given up without one. They are gone: mend "
                "the queue's policy, or give the target a queue.",
                (Query(or_none(f"sum(increase({select(m.DEAD_LETTER_FAILURES_TOTAL, destination='')}[1h]))")),),
                kind="stat",
                limit=limit("DeadLettersLost"),
                width=6,
            ),
            dead_letters_of_an_hour("a queue"),
            Panel(
                "Throttled, last hour",
                "Deliveries that a limit of AWS held up. They come late: see which rule below, and raise its limit.",
                (Query(or_none(f"sum(increase({select(m.DELIVERY_FAILURES_TOTAL, reason=THROTTLED)}[1h]))")),),
                kind="stat",
                limit=limit("DeliveriesThrottled"),
                width=6,
            ),
            Panel(
                "Faults of configuration",
                "Ways of dead letters that are broken: gone, closed, or none. Which and why is below.",
                (Query(or_none(f"count({select(m.CONFIGURATION_FAULT)} > 0)")),),
                kind="stat",
                limit=limit("DeadLetterPathBroken"),
                width=6,
            ),
        ),
        (
            failed_by_reason(
                "Failed by reason",
                "Deliveries that failed, were given up or throttled. See whether the target is there, busy or closed.",
            ),
            Panel(
                "Dead letters that were not kept",
                "By queue and reason. Any is an event lost: let the service into the queue's policy and key.",
                (
                    Query(
                        rate(m.DEAD_LETTER_FAILURES_TOTAL, "target", "destination", "reason", destination=""),
                        "{{destination}}: {{reason}}",
                    ),
                ),
                "ops",
                limit=Limit(1e-6),
            ),
        ),
        (
            Panel(
                "Matched, delivered and tried again",
                "What each rule was to deliver, what its targets accepted, and attempts after the first. Apart: "
                "targets are slow or down.",
                (
                    *matched_and_delivered(),
                    Query(rate(m.REDELIVERIES_TOTAL, *GROUP), f"again: {WHO}"),
                ),
                "ops",
            ),
            delivery_latency(
                "From the bus to the target",
                "On average, and of the slowest one in a hundred, with all retries. Rises: a target is slow or down.",
            ),
        ),
        (
            refused(),
            Panel(
                "Filtered out",
                "Messages that no subscription wanted, by reason. Often meant so; if not, look at the filters.",
                (
                    Query(
                        rate(m.UNROUTABLE_MESSAGES_TOTAL, "target", "destination", "reason"),
                        "{{destination}}: {{reason}}",
                    ),
                ),
                "ops",
            ),
        ),
        (
            Panel(
                "Subscriptions by state",
                "Those whose dead letters are kept, those that lose them, and those that wait to be confirmed. Lost "
                "ones are gone after the last try: give them a dead-letter queue.",
                (
                    Query(
                        f"sum by (destination, state) ({select(m.SUBSCRIPTIONS)})",
                        "{{destination}}: {{state}}",
                    ),
                ),
            ),
            Panel(
                "Redrives that run",
                "Tasks of the service that send dead letters back. One that runs while dead letters come: mend the "
                "handler first.",
                (Query(f"sum by (destination) ({select(m.REDRIVES_RUNNING, destination='')})", "{{destination}}"),),
                opens="eda-dead-letters",
            ),
        ),
        (
            Panel(
                "What loses messages, or will",
                "By queue, topic or bus, and why. `eda-monitor check` says how to mend each.",
                (Query(f"{select(m.CONFIGURATION_FAULT)} > 0", form="table"),),
                kind="table",
                limit=limit("DeadLetterPathBroken"),
                opens="eda-destination",
                columns=(("Fault", "short"),),
            ),
        ),
    ),
    variables_with_groups_of(m.DELIVERY_FAILURES_TOTAL),
)
