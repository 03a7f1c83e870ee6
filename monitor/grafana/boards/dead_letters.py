"""Dead letters: how many come, how many go, how long they have, and what failed."""

from collectors import metrics as m
from monitor.grafana.board import SOURCE, VARIABLES, Board
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import RATE, Query, came, coming, or_none, rate, select

PAIR = "{{source}} to {{destination}}"
#: Of the source that is chosen.
ITS = {"source": "$source"}
LEFT = select(m.DEAD_LETTER_RETENTION_MARGIN_SECONDS)

BOARD = Board(
    "eda-dead-letters",
    "Event-driven systems: dead letters",
    "Every store of dead letters: in against out, age against retention, and what its source's handlers failed with.",
    "/dead-letters",
    (
        (
            Panel(
                "Came within the hour",
                "Events given up within the last hour. Each is one that nobody handled: read one, mend, redrive.",
                (Query(or_none(came("1h", **ITS))),),
                kind="stat",
                limit=limit("DeadLettersTrickling"),
            ),
            Panel(
                "Waiting",
                "Dead letters in all stores. They do nothing by themselves, and retention deletes them.",
                (Query(f"sum({select(m.DEAD_LETTERS, **ITS)})"),),
                kind="stat",
                limit=Limit(1, "orange"),
            ),
            Panel(
                "Oldest",
                "Age of the oldest dead letter. After a day nobody has looked.",
                (Query(f"max({select(m.DEAD_LETTER_AGE_SECONDS)})"),),
                "s",
                "stat",
                limit("DeadLettersUnread"),
            ),
            Panel(
                "Next to be deleted in",
                "Time until retention deletes the oldest dead letter. Short: move them, or raise the retention.",
                (Query(f"min({select(m.DEAD_LETTER_RETENTION_MARGIN_SECONDS)})"),),
                "s",
                "stat",
                Limit(3600, below=True),
            ),
            Panel(
                "Lost within the hour",
                "Dead letters that could not be kept: they are gone. Mend the path before anything else.",
                (Query(or_none(f"sum(increase({select(m.DEAD_LETTER_FAILURES_TOTAL)}[1h]))")),),
                kind="stat",
                limit=limit("DeadLettersLost"),
            ),
            Panel(
                "Came back within the hour",
                "Dead letters that were sent back and are dead letters again: the handler was not mended.",
                (
                    Query(
                        or_none(f"sum(increase({select(m.REDRIVEN_MESSAGES_TOTAL, outcome='came_back', **ITS)}[1h]))")
                    ),
                ),
                kind="stat",
                limit=limit("DeadLettersComeBack"),
            ),
        ),
        (
            Panel(
                "Stores, the fullest first",
                "One row a store and source. Filling: the handler of the source gives up. Old: nobody looks.",
                (
                    Query(
                        f"topk(50, sum by (target, destination, source) ({select(m.DEAD_LETTERS, **ITS)}))",
                        form="table",
                    ),
                    Query(
                        came("1h", "target", "destination", "source", **ITS),
                        form="table",
                    ),
                    Query(
                        came("1d", "target", "destination", "source", **ITS),
                        form="table",
                    ),
                    Query(
                        f"time() - max by (target, destination, source) ({select(m.DEAD_LETTERS_BORN, **ITS)})",
                        form="table",
                    ),
                ),
                kind="table",
                limit=Limit(1, "orange"),
                opens="eda-destination",
                columns=(
                    ("Dead letters", "short"),
                    ("Last hour", "short"),
                    ("Last day", "short"),
                    ("First seen ago", "s"),
                ),
            ),
        ),
        (
            Panel(
                "In, by reason",
                "Dead letters that came, by why the broker or the handler gave them up. A burst begins with a deploy, "
                "or with something that the handler calls.",
                (
                    Query(
                        coming("destination", "source", "reason", **ITS),
                        f"{PAIR} {{{{reason}}}}",
                    ),
                ),
                "ops",
                limit=limit("DeadLettersGrowing"),
            ),
            Panel(
                "Waiting",
                "Depth of each store. A fall is a redrive, a purge, or retention that has deleted them.",
                (Query(f"sum by (destination, source) ({select(m.DEAD_LETTERS, **ITS)})", PAIR),),
                limit=Limit(1, "orange"),
            ),
        ),
        (
            Panel(
                "Out, by redrives",
                "Dead letters sent back, by outcome. `came_back` are dead letters again: mend the handler first.",
                (
                    Query(
                        rate(m.REDRIVEN_MESSAGES_TOTAL, "destination", "source", "outcome", **ITS),
                        f"{PAIR} {{{{outcome}}}}",
                    ),
                ),
                "ops",
            ),
            Panel(
                "Net change",
                "How a store grew within the last minutes. Below 0 it empties; above, nobody keeps up with it.",
                (Query(f"sum by (destination, source) (delta({select(m.DEAD_LETTERS, **ITS)}[{RATE}]))", PAIR),),
            ),
        ),
        (
            Panel(
                "Age of the oldest",
                "By store. A line that rises with the clock: nobody reads it.",
                (Query(select(m.DEAD_LETTER_AGE_SECONDS), "{{destination}}"),),
                "s",
                limit=limit("DeadLettersUnread"),
            ),
            Panel(
                "Age against retention",
                "The part of its time that the oldest dead letter has left. At 0 it is deleted: move it before.",
                (
                    Query(
                        f"{LEFT} / ({LEFT} + {select(m.DEAD_LETTER_AGE_SECONDS)})",
                        "{{destination}}",
                    ),
                ),
                "percentunit",
                limit=Limit(0.2, below=True),
            ),
        ),
        (
            Panel(
                "What the handlers failed with",
                "Failures of the handlers by reason, at the same time. This is the cause of the dead letters.",
                (
                    Query(
                        rate(m.HANDLER_FAILURES_TOTAL, "handler", "destination", "reason", destination="$source"),
                        "{{handler}} on {{destination}} {{reason}}",
                    ),
                ),
                "ops",
                opens="eda-handlers",
            ),
            Panel(
                "Sent by services, against arrived",
                "What services say they dead-lettered, and what the broker counted. More sent than arrived: some are "
                "lost.",
                (
                    Query(rate(m.DEAD_LETTERS_SENT_TOTAL, "destination", "source", **ITS), f"sent: {PAIR}"),
                    Query(coming("destination", "source", **ITS), f"arrived: {PAIR}"),
                ),
                "ops",
            ),
        ),
        (
            Panel(
                "Lost",
                "Dead letters that could not be kept, by reason. An empty destination is the broker as a whole.",
                (
                    Query(
                        rate(m.DEAD_LETTER_FAILURES_TOTAL, "target", "destination", "reason"),
                        "{{destination}} {{reason}}",
                    ),
                ),
                "ops",
                limit=limit("DeadLettersLost"),
                width=8,
            ),
            Panel(
                "Waiting in their source",
                "Dead letters that no queue has confirmed yet. They fill the source: make the dead-letter queue "
                "reachable.",
                (Query(select(m.DEAD_LETTERS_WAITING, **ITS), "{{source}}"),),
                limit=Limit(1, "orange"),
                width=8,
            ),
            Panel(
                "Ways of dead letters",
                "From each source, where its dead letters go. A source that is missing has no way for them.",
                (Query(f"max by (target, source, destination) ({select(m.DEAD_LETTER_ROUTE, **ITS)})", form="table"),),
                kind="table",
                width=8,
                height=8,
                columns=(("Way", "short"),),
            ),
        ),
    ),
    (*VARIABLES, SOURCE),
)
