"""Rules: parsed from TOML into frozen values, and evaluated over samples. Pure; times are UTC epoch seconds.

The semantics are Prometheus': a look-back of 5 minutes, windows open on the left, extrapolation of `increase` and
`rate`, counter resets. See https://prometheus.io/docs/prometheus/latest/querying/functions/.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from collectors.base import Duration, Settings, parse_duration
from collectors.metrics import METRICS
from monitor.reader import STALE_SECONDS, Series

Points = Sequence[tuple[float, float]]
#: Reads the samples of a metric in (start, end].
Read = Callable[[str, float, float], Sequence[Series]]

#: The values of the labels of `by`.
Key = tuple[str, ...]
#: When series were born, by all of their labels.
Births = dict[frozenset[tuple[str, str]], float]

Function = Literal[
    "last", "increase", "rate", "delta", "min_over_time", "max_over_time", "avg_over_time", "age", "absent"
]
#: Functions that look at one value, within the look-back.
INSTANT = frozenset({"last", "age", "absent"})
COMPARISONS = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}


class RuleError(Exception):
    """Rules are wrong: one line for each mistake, with rule, key and what was expected."""


class Verdict(NamedTuple):
    """A set of labels for which a rule's condition holds, with the value that made it so."""

    labels: dict[str, str]
    value: float


class Comparison(Settings):
    """A function of a metric, compared with a threshold."""

    metric: str
    function: Function = "last"
    window: Duration | None = None
    where: Annotated[dict[str, str], Field(default_factory=dict)]
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Comparison:
        if self.metric not in METRICS:
            raise ValueError(f"metric: {self.metric!r} is not in the vocabulary")
        self.must_have("where", self.where)
        if sum(getattr(self, key) is not None for key in COMPARISONS) != (self.function != "absent"):
            raise ValueError(f"expected exactly one of {', '.join(COMPARISONS)} (none with absent)")
        if (self.window is None) != (self.function in INSTANT):
            raise ValueError(f"window: {self.function} takes {'none' if self.function in INSTANT else 'one'}")
        return self

    def must_have(self, key: str, names: Iterable[str]) -> None:
        """Raise ValueError for a name that is no label of the metric."""
        labels = {"target", "system", *METRICS[self.metric].labels}
        for name in names:
            if name not in labels:
                raise ValueError(f"{key}: {self.metric} has no label {name!r}; it has {', '.join(sorted(labels))}")

    @property
    def comparison(self) -> tuple[str, float]:
        """The operator and the threshold."""
        key = next(key for key in COMPARISONS if getattr(self, key) is not None)
        return COMPARISONS[key], getattr(self, key)


class Rule(Comparison):
    """One rule, as design and documentation of the language describe it.

    It holds where its own comparison does and all of `only_if` and none of `unless` do, joined on the labels of `by`.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    by: tuple[str, ...] = ("target", "system")
    only_if: tuple[Comparison, ...] = ()
    unless: tuple[Comparison, ...] = ()
    born: str | None = None
    for_: Annotated[float, Field(alias="for", ge=0)] = 0.0
    keep_firing_for: Annotated[float, Field(ge=0)] = 0.0
    severity: Literal["critical", "warning", "info"] = "warning"
    summary: str = ""
    description: str = ""
    runbook: str = ""

    @model_validator(mode="before")
    @classmethod
    def _durations(cls, raw: object) -> object:
        if not isinstance(raw, dict):
            return raw
        return {
            key: parse_duration(value) if key in ("for", "keep_firing_for") else value for key, value in raw.items()
        }

    @model_validator(mode="after")
    def _is_whole(self) -> Rule:
        self.must_have("by", self.by)
        for key, others in (("only_if", self.only_if), ("unless", self.unless)):
            for other in others:
                other.must_have(key, self.by)
                if "absent" in (other.function, self.function):
                    raise ValueError(f"{key}: absent has no labels to be joined on")
        if self.born is not None and (self.function != "increase" or self.born not in METRICS):
            raise ValueError("born: expected a metric of the vocabulary, with the function increase")
        return self


def parse_rules(text: str, source: str) -> list[Rule]:
    """The rules written in TOML; raises RuleError that lists every mistake."""
    try:
        raw = tomllib.loads(text).get("rules", [])
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{source}: not valid TOML: {error}") from None
    rules: list[Rule] = []
    mistakes: list[str] = []
    for index, entry in enumerate(raw):
        name = entry.get("name", f"rules[{index}]") if isinstance(entry, dict) else f"rules[{index}]"
        try:
            rules.append(Rule.model_validate(entry))
        except ValidationError as error:
            mistakes += [f"{source}: rule {name}: {_mistake(detail)}" for detail in error.errors(include_url=False)]
    names = [rule.name for rule in rules]
    mistakes += [f"{source}: rule {name} is given twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if mistakes:
        raise RuleError("\n".join(mistakes))
    return rules


def _mistake(detail: object) -> str:
    location, kind, message = detail["loc"], detail["type"], detail["msg"]  # type: ignore[index]
    path = ".".join(str(step) for step in location)
    if kind == "extra_forbidden":
        return f"{path}: unknown key"
    return (f"{path}: " if path else "") + str(message).removeprefix("Value error, ")


def default_rules() -> list[Rule]:
    """The rules that are shipped."""
    return parse_rules(files("monitor.alerts").joinpath("defaults.toml").read_text(encoding="utf-8"), "defaults.toml")


def evaluate(rule: Rule, read: Read, now: float) -> list[Verdict]:
    """Where the rule's condition holds now."""
    if rule.function == "absent":
        return [] if _series(rule, read, now) else [Verdict({}, 1.0)]
    found = _where_it_holds(rule, rule.by, read, now, _births(rule, read, now))
    for other in rule.only_if:
        held = _where_it_holds(other, rule.by, read, now, {}) if found else {}
        found = {key: value for key, value in found.items() if key in held}
    for other in rule.unless:
        held = _where_it_holds(other, rule.by, read, now, {}) if found else {}
        found = {key: value for key, value in found.items() if key not in held}
    return [Verdict(dict(zip(rule.by, key, strict=True)), value) for key, value in found.items()]


def _where_it_holds(one: Comparison, by: tuple[str, ...], read: Read, now: float, born: Births) -> dict[Key, float]:
    """The sums by labels for which the comparison is true."""
    grouped: dict[Key, float] = defaultdict(float)
    for series in _series(one, read, now):
        value = _born_value(one, series, born, now)
        if value is None:
            value = apply(one.function, series.points, now - (one.window or STALE_SECONDS), now)
        if value is not None:
            grouped[tuple(series.labels.get(name, "") for name in by)] += value
    return {key: value for key, value in grouped.items() if holds(one, value)}


def _series(one: Comparison, read: Read, now: float) -> list[Series]:
    span = one.window or STALE_SECONDS
    return [series for series in read(one.metric, now - span, now) if _selected(one, series.labels)]


def holds(one: Comparison, value: float) -> bool:
    operator, threshold = one.comparison
    return {
        ">": value > threshold,
        ">=": value >= threshold,
        "<": value < threshold,
        "<=": value <= threshold,
    }[operator]


def apply(function: Function, points: Points, start: float, end: float) -> float | None:
    """One value of the points in (start, end], or None where Prometheus would give none."""
    values = [value for _, value in points]
    if not values:
        return None
    match function:
        case "last":
            return values[-1]
        case "age":
            return end - values[-1]
        case "min_over_time":
            return min(values)
        case "max_over_time":
            return max(values)
        case "avg_over_time":
            return sum(values) / len(values)
        case "increase":
            return extrapolated(points, start, end, counter=True)
        case "delta":
            return extrapolated(points, start, end, counter=False)
        case "rate":
            increase = extrapolated(points, start, end, counter=True)
            return None if increase is None else increase / (end - start)
    raise ValueError(f"{function} gives no value of points")


def extrapolated(points: Points, start: float, end: float, *, counter: bool) -> float | None:
    """The change over a window, extrapolated to its ends as Prometheus' `extrapolatedRate` does."""
    if len(points) < 2:
        return None
    (first_at, first), (last_at, last) = points[0], points[-1]
    change = last - first
    if counter:
        change += sum(before for (_, before), (_, after) in pairwise(points) if after < before)
    sampled = last_at - first_at
    average = sampled / (len(points) - 1)
    to_start = first_at - start if first_at - start < average * 1.1 else average / 2
    to_end = end - last_at if end - last_at < average * 1.1 else average / 2
    if counter and change > 0 and first >= 0:
        to_start = min(to_start, sampled * (first / change))
    return change * (sampled + to_start + to_end) / sampled


def _selected(one: Comparison, labels: dict[str, str]) -> bool:
    return all(matches(labels.get(name, ""), wanted) for name, wanted in one.where.items())


def matches(value: str, wanted: str) -> bool:
    """`wanted` is a value, or a value behind one of the operators != =~ !~ (regular expressions match in full)."""
    operator, text = matcher(wanted)
    if operator in ("=", "!="):
        return (value == text) == (operator == "=")
    return (re.fullmatch(text, value, re.S) is not None) == (operator == "=~")


def matcher(wanted: str) -> tuple[str, str]:
    for operator in ("!=", "=~", "!~", "="):
        if wanted.startswith(operator):
            return operator, wanted[len(operator) :]
    return "=", wanted


def _births(rule: Rule, read: Read, now: float) -> Births:
    if rule.born is None:
        return {}
    return {
        frozenset(one.labels.items()): one.points[-1][1]
        for one in read(rule.born, now - STALE_SECONDS, now)
        if one.points
    }


def _born_value(one: Comparison, series: Series, born: Births, now: float) -> float | None:
    """What a counter that was born within the window counts: all of it, from 0."""
    at = born.get(frozenset(series.labels.items()))
    recent = at is not None and one.window is not None and now - at < one.window
    fresh = series.points and now - series.points[-1][0] < STALE_SECONDS
    return series.points[-1][1] if recent and fresh else None


def filled(template: str, labels: dict[str, str], value: float) -> str:
    """A text of a rule with `{{ label }}` and `{{ value }}` put in."""
    shown = f"{value:.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.3g}"
    return re.sub(r"\{\{ *(\w+) *\}\}", lambda m: shown if m[1] == "value" else labels.get(m[1], ""), template)


def texts(rule: Rule, labels: dict[str, str], value: float) -> dict[str, str]:
    """The texts of an alert."""
    templates: Iterable[tuple[str, str]] = (
        ("summary", rule.summary),
        ("description", rule.description),
        ("runbook_url", rule.runbook),
    )
    return {name: filled(text, labels, value) for name, text in templates if text}
