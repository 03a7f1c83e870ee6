"""The rule language: TOML parsed into frozen values, each mistake named with its rule and key. Pure.

`evaluation` judges a rule over samples, `promql` says the same to Prometheus; docs/alerts.md is the reference.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from collectors.base import Duration, Settings, parse_duration
from collectors.handlers.geometry import BOUNDS
from collectors.metrics import METRICS

Function = Literal[
    "last", "increase", "rate", "delta", "min_over_time", "max_over_time", "avg_over_time", "quantile", "age", "absent"
]
#: Functions that look at one value, within the look-back.
INSTANT = frozenset({"last", "age", "absent"})
#: Functions that may look further back than an hour: there the store keeps what stood at the end of each bucket only.
FAR = frozenset({"increase", "rate", "delta", "avg_over_time"})
FAR_SECONDS = 3600.0
COMPARISONS = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
#: The last bound that Prometheus is told: a quantile is never above it there.
LAST_BOUND = BOUNDS[::2][-1]

#: An alert of severity none is no matter of people: it goes to receivers that a route sends it to, and nowhere else.
Severity = Literal["critical", "warning", "info", "none"]

#: Pages of the console that an alert can open.
Page = Literal["destinations", "consumers", "handlers", "dead-letters", "alerts", "targets"]

#: Where the runbooks of the rules that ship are.
RUNBOOKS = "docs/runbooks.md"


class RuleError(Exception):
    """Rules are wrong: one line for each mistake, with rule, key and what was expected."""


class Value(Settings):
    """A function of a metric. Of a histogram the functions see how many events it counted; `quantile` its buckets."""

    metric: str
    function: Function = "last"
    q: Annotated[float, Field(gt=0, le=1)] | None = None
    window: Duration | None = None
    offset: Annotated[Duration, Field(ge=300)] | None = None
    where: Annotated[dict[str, str], Field(default_factory=dict)]
    relabel: Annotated[dict[str, str], Field(default_factory=dict)]

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.metric not in METRICS:
            raise ValueError(f"metric: {self.metric!r} is not in the vocabulary")
        own = {"target", "system", *METRICS[self.metric].labels}
        for key, names in (("where", self.where), ("relabel", self.relabel.values())):
            _must_be_among(own, key, self.metric, names)
        _must_be_patterns(self.where)
        taken = sorted(own & self.relabel.keys())
        if taken:
            raise ValueError(f"relabel: {self.metric} has a label {taken[0]!r} of its own")
        if (self.window is None) != (self.function in INSTANT):
            raise ValueError(f"window: {self.function} takes {'none' if self.function in INSTANT else 'one'}")
        if (self.q is None) != (self.function != "quantile"):
            raise ValueError("q: expected with quantile, and with it alone")
        kind = METRICS[self.metric].kind
        if self.function == "quantile" and kind != "histogram":
            raise ValueError(f"function: quantile is of histograms, and {self.metric} is a {kind}")
        return self

    @model_validator(mode="after")
    def _is_kept_for_so_long(self) -> Self:
        if (self.window or 0) > FAR_SECONDS and self.function not in FAR:
            raise ValueError(f"window: expected at most an hour with {self.function}")
        if self.offset is not None and self.function not in FAR | {"last"}:
            raise ValueError(f"offset: expected with last, {', '.join(sorted(FAR))}; not with {self.function}")
        if self.relabel and self.function in ("quantile", "absent"):
            raise ValueError(f"relabel: not with {self.function}")
        return self

    def must_have(self, key: str, names: Iterable[str]) -> None:
        """Raise ValueError for a name that is no label of the metric."""
        _must_be_among({"target", "system", *METRICS[self.metric].labels, *self.relabel}, key, self.metric, names)

    def labels(self, own: dict[str, str]) -> dict[str, str]:
        """The labels of a series with those that are named anew."""
        return own | {name: own.get(of, "") for name, of in self.relabel.items()}


def _must_be_among(labels: set[str], key: str, metric: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in labels:
            raise ValueError(f"{key}: {metric} has no label {name!r}; it has {', '.join(sorted(labels))}")


def _must_be_patterns(where: dict[str, str]) -> None:
    for name, wanted in where.items():
        operator, text = matcher(wanted)
        if operator in ("=~", "!~"):
            try:
                re.compile(text)
            except re.error as error:
                raise ValueError(f"where.{name}: {text!r} is not a regular expression: {error}") from None


class Comparison(Value):
    """A value, or its ratio to another one, compared with a threshold, or with so many times the value of `than`."""

    divide_by: Value | None = None
    than: Value | None = None
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if sum(getattr(self, key) is not None for key in COMPARISONS) != (self.function != "absent"):
            raise ValueError(f"expected exactly one of {', '.join(COMPARISONS)} (none with absent)")
        if self.function == "quantile" and self.comparison[1] >= LAST_BOUND:
            raise ValueError(f"{self.compared}: expected less than {LAST_BOUND} seconds, the last bound of the buckets")
        if self.divide_by is not None and {"quantile", "absent"} & {self.function, self.divide_by.function}:
            raise ValueError("divide_by: quantile and absent are no sums, and have no ratio")
        if self.than is not None and {"quantile", "absent"} & {self.function, self.than.function}:
            raise ValueError("than: quantile and absent are no sums, and are compared with a number alone")
        return self

    @property
    def others(self) -> tuple[tuple[str, Value], ...]:
        """The further values that are read, with their keys."""
        pairs = (("divide_by", self.divide_by), ("than", self.than))
        return tuple((key, value) for key, value in pairs if value is not None)

    @property
    def compared(self) -> str:
        """The key of the threshold."""
        return next(key for key in COMPARISONS if getattr(self, key) is not None)

    @property
    def comparison(self) -> tuple[str, float]:
        """The operator and the threshold."""
        return COMPARISONS[self.compared], getattr(self, self.compared)


class Condition(Comparison):
    """An entry of `only_if` or `unless`, joined on the labels of `on`, or else on those of its rule's `by`.

    Without `target` among them it is about all targets together.
    """

    on: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class Fired(Settings):
    """An alert of the same labels, of another rule, that fired within a window."""

    rule: str
    window: Duration


class Rule(Comparison):
    """One rule, as design and documentation of the language describe it.

    It holds where its own comparison does and all of `only_if` and none of `unless` do.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    by: tuple[str, ...] = ("target", "system")
    only_if: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    unless_fired: Fired | None = None
    born: str | None = None
    for_: Annotated[float, Field(alias="for", ge=0)] = 0.0
    keep_firing_for: Annotated[float, Field(ge=0)] = 0.0
    severity: Severity = "warning"
    summary: str = ""
    description: str = ""
    runbook: str = ""
    #: The page of the console that its alerts open; by default it follows from the metric and the labels.
    page: Page | None = None

    @model_validator(mode="before")
    @classmethod
    def _durations(cls, raw: object) -> object:
        if not isinstance(raw, dict):
            return raw
        return {
            key: parse_duration(value) if key in ("for", "keep_firing_for") else value for key, value in raw.items()
        }

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        self.must_have("by", self.by)
        if "target" not in self.by:
            raise ValueError("by: expected 'target' among the labels, for targets are judged one by one")
        for key, value in self.others:
            value.must_have(key, self.by)
        for key, others in (("only_if", self.only_if), ("unless", self.unless)):
            for other in others:
                self._can_be_joined(key, other)
        if self.born is not None and (self.function != "increase" or self.born not in METRICS):
            raise ValueError("born: expected a metric of the vocabulary, with the function increase")
        return self

    def _can_be_joined(self, key: str, other: Condition) -> None:
        if "absent" in (other.function, self.function):
            raise ValueError(f"{key}: absent has no labels to be joined on")
        labels = other.on or self.by
        for name in labels:
            if name not in self.by:
                raise ValueError(f"{key}.on: {name!r} is not in by; expected some of {', '.join(self.by)}")
        for value in (other, *(value for _, value in other.others)):
            value.must_have(key, labels)

    @property
    def opens(self) -> str:
        """The page of the console that its alerts open; "" where the labels decide."""
        of_dead_letters = self.metric.startswith("dead_letter") and {"destination", "source"} & set(self.by)
        return self.page or ("dead-letters" if of_dead_letters else "")

    @property
    def looks_far(self) -> bool:
        """Whether any of its values is of another time than the last hour."""
        values = [v for one in (self, *self.only_if, *self.unless) for v in (one, *(other for _, other in one.others))]
        return any(value.offset is not None or (value.window or 0) > FAR_SECONDS for value in values)

    @property
    def looks_elsewhere(self) -> bool:
        """Whether it is about more than the target that is judged."""
        conditions = (*self.only_if, *self.unless)
        return self.function == "absent" or any("target" not in (one.on or self.by) for one in conditions)

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether it is this rule that judges what has these labels; see `parameters`, which divides rules."""
        return True


def parse_rules(text: str, source: str) -> list[Rule]:
    """The rules written in TOML; raises RuleError that lists every mistake."""
    try:
        raw = tomllib.loads(text).get("rules", [])
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{source}: not valid TOML: {error}") from None
    return rules_of(raw, source)


def rules_of(raw: Iterable[object], source: str) -> list[Rule]:
    """The rules of these entries; raises RuleError that lists every mistake."""
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


def default_rules(runbooks: str = RUNBOOKS) -> list[Rule]:
    """The rules that are shipped, with the runbooks at that address."""
    text = files("monitor.alerts").joinpath("defaults.toml").read_text(encoding="utf-8")
    return [
        rule.model_copy(update={"runbook": runbooks + rule.runbook}) if rule.runbook.startswith("#") else rule
        for rule in parse_rules(text, "defaults.toml")
    ]


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
