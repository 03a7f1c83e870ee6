"""Judging a rule over samples, with Prometheus' semantics: where its condition holds now. Pure.

A look-back of 5 minutes, windows open on the left, extrapolation, counter resets. Times are UTC epoch seconds.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from monitor.alerts.functions import apply, bucket_rates, rising
from monitor.alerts.rules import FAR_SECONDS, Comparison, Condition, Rule, Value, matcher, matches
from monitor.percentiles import Increase, merged, percentile
from monitor.store.reader import STALE_SECONDS, Series

#: The values of the labels that are summed by.
Key = tuple[str, ...]
#: When series were born, by all of their labels.
Births = dict[frozenset[tuple[str, str]], float]


class Verdict(NamedTuple):
    """A set of labels for which a rule's condition holds, with the value that made it so."""

    labels: dict[str, str]
    value: float


class Readings(Protocol):
    """What rules read: of the target that is judged, or of all of them with `everywhere`."""

    def latest(self, metric: str, now: float, everywhere: bool = False) -> Sequence[Series]:
        """The present value of each series that has not ended, unless it is older than the look-back."""

    def window(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Series]:
        """Samples in (start, end]; the value of a histogram is how many events it counted."""

    def past(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Series]:
        """Samples in (start, end] far back or over long, thinned: the last of each bucket of the store."""

    def fired(self, rule: str, start: float, end: float) -> Sequence[dict[str, str]]:
        """The labels of the alerts of a rule that fired at some time in (start, end]."""

    def increases(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Increase]:
        """What was added to histograms by the readings in (start, end]."""

    def standing(self, metric: str, at: float, everywhere: bool = False) -> Sequence[Increase]:
        """What histograms had counted in all at a time, as far as it is known."""


def evaluate(rule: Rule, readings: Readings, now: float) -> list[Verdict]:
    """Where the rule's condition holds now."""
    look = _Look(readings, now)
    if rule.function == "absent":
        return [] if look._replace(everywhere=True).series(rule) else [Verdict(_wanted(rule), 1.0)]
    found = _where_it_holds(rule, rule.by, look, _births(rule, look))
    for condition, wanted in [*((one, True) for one in rule.only_if), *((one, False) for one in rule.unless)]:
        if found:
            found = _joined(found, rule.by, condition, look, wanted)
    if found and rule.unless_fired is not None:
        told = readings.fired(rule.unless_fired.rule, now - rule.unless_fired.window, now)
        found = {key: found[key] for key in found.keys() - {_key(labels, rule.by) for labels in told}}
    verdicts = (Verdict(dict(zip(rule.by, key, strict=True)), value) for key, value in found.items())
    return [verdict for verdict in verdicts if rule.covers(verdict.labels)]


def _wanted(rule: Rule) -> dict[str, str]:
    """The labels that a missing series would have, as far as they are known: those that `where` fixes."""
    pairs = {name: matcher(wanted) for name, wanted in rule.where.items()}
    return {name: text for name, (operator, text) in pairs.items() if operator == "="}


class _Look(NamedTuple):
    """A look at the readings as they stand at a time."""

    readings: Readings
    now: float
    everywhere: bool = False

    def series(self, value: Value) -> list[Series]:
        start, end = self.span(value)
        if value.offset is not None or (value.window or 0) > FAR_SECONDS:
            read = self.readings.past(value.metric, start, end, self.everywhere)
        elif value.window is None:
            read = self.readings.latest(value.metric, end, self.everywhere)
        else:
            read = self.readings.window(value.metric, start, end, self.everywhere)
        return [series for series in read if selected(value, series.labels)] if value.where else list(read)

    def span(self, value: Value) -> tuple[float, float]:
        """Beginning and end of what a value looks at."""
        end = self.now - (value.offset or 0)
        return end - (value.window or STALE_SECONDS), end


def selected(value: Value, labels: dict[str, str]) -> bool:
    return all(matches(labels.get(name, ""), wanted) for name, wanted in value.where.items())


def _joined(
    found: dict[Key, float], by: tuple[str, ...], condition: Condition, look: _Look, wanted: bool
) -> dict[Key, float]:
    """Those of `found` for whose labels the condition holds, or does not."""
    on = condition.on or by
    held = _where_it_holds(condition, on, look._replace(everywhere="target" not in on), {})
    places = [by.index(name) for name in on]
    return {key: value for key, value in found.items() if (tuple(key[at] for at in places) in held) == wanted}


def _where_it_holds(one: Comparison, by: tuple[str, ...], look: _Look, born: Births) -> dict[Key, float]:
    """The values by labels for which the comparison is true."""
    values = _quantiles(one, by, look) if one.function == "quantile" else _sums(one, by, look, born)
    if one.divide_by is not None and values:
        parts = _sums(one.divide_by, by, look, {})
        values = {key: value / parts[key] for key, value in values.items() if parts.get(key)}
    sign, threshold = one.comparison
    holds = _OPERATORS[sign]
    if one.than is None or not values:
        return {key: value for key, value in values.items() if holds(value, threshold)}
    others = _sums(one.than, by, look, {})
    return {key: value for key, value in values.items() if key in others and holds(value, threshold * others[key])}


_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


def _sums(one: Value, by: tuple[str, ...], look: _Look, born: Births) -> dict[Key, float]:
    grouped: dict[Key, float] = defaultdict(float)
    for series in look.series(one):
        value = _born_value(one, series, born, look.now)
        if value is None:
            value = apply(one.function, series.points, *look.span(one))
        if value is not None:
            grouped[_key(one.labels(series.labels), by)] += value
    return dict(grouped)


def _quantiles(one: Value, by: tuple[str, ...], look: _Look) -> dict[Key, float]:
    """The quantile of all events of a group; past the last bound it is that bound, as in Prometheus."""
    grouped: dict[Key, list[Increase]] = defaultdict(list)
    for rates in _rates(one, look):
        grouped[_key(rates.labels, by)].append(rates)
    found = {}
    for key, parts in grouped.items():
        whole = merged(parts)
        reached = percentile(whole.bounds, rising(whole.bounds, whole.counts), one.q or 0)
        if reached is not None:
            found[key] = reached.seconds
    return found


def _rates(one: Value, look: _Look) -> list[Increase]:
    """What fell into the buckets of each series a second, as Prometheus' `rate` sees every bucket alone.

    It counts from the first reading within the window on; which one that is depends on when the series began.
    """
    series = [s for s in look.series(one) if len(s.points) > 1]
    start, found = look.now - (one.window or 0), []
    for first in sorted({s.points[0][0] for s in series}):
        grown = _by_labels(look.readings.increases(one.metric, first, look.now, look.everywhere))
        stood = _by_labels(look.readings.standing(one.metric, first, look.everywhere))
        for s in series:
            labels = frozenset(s.labels.items())
            if s.points[0][0] == first and labels in grown:
                found.append(bucket_rates(grown[labels], stood.get(labels), s.points, start, look.now))
    return found


def _by_labels(increases: Sequence[Increase]) -> dict[frozenset[tuple[str, str]], Increase]:
    return {frozenset(one.labels.items()): one for one in increases}


def _key(labels: dict[str, str], by: tuple[str, ...]) -> Key:
    return tuple([labels.get(name, "") for name in by])


def _births(rule: Rule, look: _Look) -> Births:
    if rule.born is None:
        return {}
    return {frozenset(one.labels.items()): one.points[-1][1] for one in look.readings.latest(rule.born, look.now)}


def _born_value(one: Value, series: Series, born: Births, now: float) -> float | None:
    """What a counter that was born within the window counts: all of it, from 0."""
    at = born.get(frozenset(series.labels.items())) if born else None
    if at is None or one.window is None:
        return None
    recent = now - at < one.window
    fresh = series.points and now - series.points[-1][0] < STALE_SECONDS
    return series.points[-1][1] if recent and fresh else None
