"""When a value is bad: the thresholds of the rules, as Grafana's steps of colour. Pure."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from monitor.alerts.rules import default_rules

#: Grafana's steps include their value; what is bad above a value is so from a little more on.
ABOVE = 1e-6
COLORS = {"critical": "red", "warning": "orange", "info": "yellow"}


class Limit(NamedTuple):
    """Bad from `value` on; if `below`, under it."""

    value: float
    color: str = "red"
    below: bool = False

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Grafana's steps: a colour from a value on; None is the least of all."""
        if self.below:
            return [{"color": self.color, "value": None}, {"color": "green", "value": self.value}]
        return [{"color": "green", "value": None}, {"color": self.color, "value": self.value}]


@cache
def limit(rule: str) -> Limit:
    """The threshold of a default rule of that name; raises KeyError where there is none."""
    found = {one.name: one for one in default_rules()}[rule]
    operator, threshold = found.comparison
    color = COLORS[found.severity]
    if operator in ("<", "<="):
        return Limit(threshold + (ABOVE if operator == "<=" else 0), color, below=True)
    return Limit(threshold + (ABOVE if operator == ">" else 0), color)
