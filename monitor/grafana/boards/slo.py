"""The objective: of a thousand events one may be dead-lettered; how much of that is used up, and by what."""

from collectors import metrics as m
from monitor.grafana.board import SOURCE, VARIABLES, Board
from monitor.grafana.limits import Limit, limit
from monitor.grafana.panels import Panel
from monitor.grafana.queries import Query, came, select

#: The share of events that may be dead-lettered, as in the rules DeadLetterBudgetBurns….
BUDGET = 0.001
#: Of the source that is chosen.
ITS = {"destination": "", "source": "$source"}


def share(window: str, *by: str) -> str:
    """Of the events that came within a window, those that were dead-lettered; by source."""
    known = ("target", "source")
    written = f'label_replace(increase({select(m.MESSAGES_IN_TOTAL)}[{window}]), "source", "$1", "destination", "(.*)")'
    matched = f"sum by ({', '.join(known)}) ({written}) and on ({', '.join(known)}) {came(window, *known, **ITS)}"
    grouped = f" by ({', '.join(known)})" if by else ""
    return f"{came(window, *(known if by else ()), **ITS)} / (sum{grouped} ({matched}) > 0)"


def burn(window: str, *by: str) -> str:
    """How many times faster than allowed the budget is used up."""
    return f"{share(window, *by)} / {BUDGET}"


BOARD = Board(
    "eda-slo",
    "Event-driven systems: objective and budget",
    "99.9 % of the events are handled. What is left of the rest, how fast it goes, and what used it up.",
    "/dead-letters",
    (
        (
            Panel(
                "Budget left, 7 days",
                "What is left of the events that may be dead-lettered. Below 0 the objective is missed: stop what is "
                "new.",
                (Query(f"1 - {burn('7d')}"),),
                "percentunit",
                "stat",
                Limit(0, below=True),
                width=6,
            ),
            Panel(
                "Handled, 7 days",
                "The share of events that were not dead-lettered, where there is a store of dead letters.",
                (Query(f"1 - {share('7d')}"),),
                "percentunit",
                "stat",
                Limit(1 - BUDGET, below=True),
                width=6,
            ),
            Panel(
                "Burn, 1 hour",
                "How many times faster than allowed. At 14.4 a month's budget is gone in two days: act now.",
                (Query(burn("1h")),),
                "none",
                "stat",
                Limit(limit("DeadLetterBudgetBurnsFast").value / BUDGET),
                width=6,
            ),
            Panel(
                "Burn, 6 hours",
                "How many times faster than allowed. At 6 a month's budget is gone in five days: look today.",
                (Query(burn("6h")),),
                "none",
                "stat",
                Limit(limit("DeadLetterBudgetBurnsSlowly").value / BUDGET, "orange"),
                width=6,
            ),
        ),
        (
            Panel(
                "Burn over an hour, by source",
                "Which destination uses up the budget fast. Open it for its handlers.",
                (Query(burn("1h", "source"), "{{source}}"),),
                "none",
                limit=Limit(limit("DeadLetterBudgetBurnsFast").value / BUDGET),
                opens="eda-dead-letters",
            ),
            Panel(
                "Burn over six hours, by source",
                "Which destination uses it up slowly and surely: nobody is woken, and the month is lost all the same.",
                (Query(burn("6h", "source"), "{{source}}"),),
                "none",
                limit=Limit(limit("DeadLetterBudgetBurnsSlowly").value / BUDGET, "orange"),
                opens="eda-dead-letters",
            ),
        ),
        (
            Panel(
                "What used it up, 7 days",
                "Dead letters of the week by source and reason, the most first. Mend these for the most.",
                (
                    Query(
                        f"topk(20, {came('7d', 'target', 'source', 'destination', 'reason', **ITS)})",
                        form="table",
                    ),
                ),
                kind="table",
                limit=Limit(1, "orange"),
                opens="eda-dead-letters",
                columns=(("Dead letters", "short"),),
            ),
        ),
    ),
    (*VARIABLES, SOURCE),
)
