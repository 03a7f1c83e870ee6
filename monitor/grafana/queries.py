"""What panels ask of Prometheus: selectors filled in from the vocabulary and the variables of a dashboard. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from collectors import metrics as m
from collectors.base import Metric, parse_duration
from collectors.metrics import METRICS

PREFIX = "eda_"
#: The range of a rate: at least four scrapes, as Grafana works it out.
RATE = "$__rate_interval"
#: The same as a number.
RATE_SECONDS = "$__rate_interval_ms / 1000"
#: Labels by which every dashboard can be narrowed down; each is a variable of that name.
FILTERS = ("system", "target", "destination", "group")
#: Outcomes of a handler that are no success.
FAILED = "failed|dead_lettered|dropped"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what its series are called. `form` is how Grafana is to take the answer."""

    expr: str
    legend: str = ""
    form: Literal["range", "instant", "table", "heatmap"] = "range"

    @property
    def labels(self) -> tuple[str, ...]:
        """What its series have: what they are summed by, all that the metric has, or nothing where all are one."""
        if outermost := re.search(r"\b(?:sum|max|min|count)(?: by \(([^)]*)\))? ?\(", self.expr):
            return tuple(name for name in (outermost[1] or "").split(", ") if name not in ("", "le"))
        metric = re.search(rf"\b{PREFIX}(\w+?)(_bucket)?\{{", self.expr)
        return ("system", "target", *METRICS[metric[1]].labels) if metric else ()


def select(metric: Metric, suffix: str = "", **matchers: str) -> str:
    """The series of a metric that the variables leave, and that match: `source="$destination"` is `source=~"…"`.

    What handlers tell is read from another target than their broker is, and is not narrowed down by it. A matcher of
    "" takes the filter of that name away; one that begins with `=`, `!` stands as it is.
    """
    labels = ("system", "target", *metric.labels) if "service" not in metric.labels else metric.labels
    filters = {name: f"${name}" for name in FILTERS if name in labels} | matchers
    parts = [f"{name}{_matching(text)}" for name, text in filters.items() if text]
    return f"{PREFIX}{metric.name}{suffix}{{{', '.join(parts)}}}"


def _matching(text: str) -> str:
    for operator in ("!~", "=~", "!=", "="):
        if text.startswith(operator):
            return f'{operator}"{text.removeprefix(operator)}"'
    return f'=~"{text}"'


def rate(metric: Metric, *by: str, suffix: str = "", **matchers: str) -> str:
    """By these labels, how much a counter gains a second."""
    return f"sum by ({', '.join(by)}) (rate({select(metric, suffix, **matchers)}[{RATE}]))"


def increase(metric: Metric, window: str, *by: str, **matchers: str) -> str:
    """By these labels, how much a counter gained within a window."""
    return f"sum by ({', '.join(by)}) (increase({select(metric, **matchers)}[{window}]))"


def came(window: str, *by: str, **matchers: str) -> str:
    """By these labels, the dead letters that came within a window; of a counter that was born in it, all of it.

    As the rule DeadLettersGrowing counts them: the first dead letters bring their counter, and are no rise of it.
    """
    counter = select(m.DEAD_LETTERED_MESSAGES_TOTAL, **matchers)
    seconds = RATE_SECONDS if window == RATE else f"{parse_duration(window):g}"
    young = f"time() - {select(m.DEAD_LETTERS_BORN, **matchers)} < {seconds}"
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (({counter} and ({young})) or increase({counter}[{window}]))"


def coming(*by: str, **matchers: str) -> str:
    """By these labels, how many dead letters come a second; the first ones too."""
    return f"{came(RATE, *by, **matchers)} / ({RATE_SECONDS})"


def count(metric: Metric, condition: str) -> str:
    """How many series are so; unknown, and not 0, where the metric is not known at all."""
    series = select(metric)
    return f"count({series} {condition}) or 0 * count({series})"


def or_none(expr: str) -> str:
    """0 where a target was read and told nothing of it; unknown where none could be read."""
    return f"{expr} or 0 * count({select(m.COLLECTOR_UP)} == 1)"


def share_of(outcome: str, *by: str, **matchers: str) -> str:
    """By these labels, the part of the events of handlers that had such an outcome."""
    these = rate(m.HANDLER_EVENTS_TOTAL, *by, outcome=outcome, **matchers)
    whole = rate(m.HANDLER_EVENTS_TOTAL, *by, **matchers)
    return f"({these} or 0 * {whole}) / {whole}"


def quantile(metric: Metric, q: float, *by: str, **matchers: str) -> str:
    """By these labels, what so large a part of the observations does not exceed."""
    return f"histogram_quantile({q:g}, {rate(metric, 'le', *by, suffix='_bucket', **matchers)})"
