"""The rules of a configuration: those that ship and its own, with their parameters set for all or for some. Pure.

A rule with overrides is divided: one variant for each override, for what it matches and no override before it does, and
one for the rest. All keep the name of the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from monitor.alerts.rules import COMPARISONS, RUNBOOKS, Rule, RuleError, default_rules, matches, rules_of
from monitor.alerts.settings import OverrideSettings, ParameterSettings, RuleSettings

#: Which labels are matched, by name, as in `where`.
Match = dict[str, str]


class Variant(Rule):
    """A rule for those of its alerts whose labels match, but for the exceptions."""

    match: Match
    exceptions: tuple[Match, ...]

    def covers(self, labels: Mapping[str, str]) -> bool:
        return _fits(self.match, labels) and not any(_fits(other, labels) for other in self.exceptions)

    def narrowed(self, match: Match) -> Rule:
        """The value that is judged, of what matches alone."""
        return self.model_copy(update={"where": _both(self.where, match)})


def configured(
    own: Sequence[Mapping[str, Any]], settings: Mapping[str, RuleSettings], source: str, runbooks: str = RUNBOOKS
) -> list[Rule]:
    """The rules that are judged; raises RuleError that lists every mistake."""
    rules = [*default_rules(runbooks), *rules_of(own, source)]
    names = [rule.name for rule in rules]
    mistakes = [
        f"{source}: rule {name} is given twice: a rule that ships has this name; set it in [alerting.rules.{name}]"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    mistakes += [
        f"{source}: alerting.rules.{name}: there is no such rule; expected one of {', '.join(sorted(names))}"
        for name in settings
        if name not in names
    ]
    judged: list[Rule] = []
    for rule in rules:
        try:
            judged += _divided(rule, settings.get(rule.name, RuleSettings()))
        except _ParameterError as mistake:
            mistakes.append(f"{source}: alerting.rules.{rule.name}.{mistake}")
    mistakes += _unknown_fired(rules, source)
    if mistakes:
        raise RuleError("\n".join(mistakes))
    return judged


class _ParameterError(ValueError):
    """Key and what was expected."""


def _divided(rule: Rule, settings: RuleSettings) -> list[Rule]:
    """The rule as it is set, an override first, or nothing of it."""
    whole, parts, before = _set(rule, settings, ""), list[Rule](), list[Match]()
    for index, override in enumerate(settings.override):
        key = f"override[{index}]."
        _must_be_labels(rule, override, key)
        part = _set(whole, override, key)
        if _enabled(override, settings):
            parts.append(_variant(part, override.match, before))
        before.append(override.match)
    if settings.enabled is not False:
        parts.append(_variant(whole, {}, before) if before else whole)
    return parts


def _enabled(override: OverrideSettings, settings: RuleSettings) -> bool:
    return settings.enabled is not False if override.enabled is None else override.enabled


def _variant(rule: Rule, match: Match, exceptions: Iterable[Match]) -> Variant:
    fields = {name: getattr(rule, name) for name in Rule.model_fields}
    return Variant.model_construct(
        **fields | {"where": _both(rule.where, match)}, match=match, exceptions=tuple(exceptions)
    )


def _both(where: Match, match: Match) -> Match:
    return {**where, **match}


def _set(rule: Rule, settings: ParameterSettings, key: str) -> Rule:
    """The rule with these parameters."""
    given = settings.model_dump(include={*COMPARISONS, "for_", "keep_firing_for", "severity"}, exclude_none=True)
    for name in given.keys() & COMPARISONS.keys():
        if rule.function == "absent" or name != rule.compared:
            expected = "no threshold" if rule.function == "absent" else f"{rule.compared!r}, with which it compares"
            raise _ParameterError(f"{key}{name}: expected {expected}")
    try:
        return Rule.model_validate(
            _as_written(rule) | {"for" if name == "for_" else name: v for name, v in given.items()}
        )
    except ValidationError as error:
        raise _ParameterError(key + str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None


def _as_written(rule: Rule) -> dict[str, Any]:
    return {(field.alias or name): getattr(rule, name) for name, field in Rule.model_fields.items()}


def _must_be_labels(rule: Rule, override: OverrideSettings, key: str) -> None:
    for name in override.match:
        if name not in rule.by or name in rule.relabel:
            labels = ", ".join(label for label in rule.by if label not in rule.relabel)
            raise _ParameterError(f"{key}match.{name}: its alerts have no such label; expected some of {labels}")
        if name in rule.where:
            raise _ParameterError(f"{key}match.{name}: the rule itself selects by this label; expected another one")


def _fits(match: Match, labels: Mapping[str, str]) -> bool:
    return all(matches(labels.get(name, ""), wanted) for name, wanted in match.items())


def _unknown_fired(rules: Sequence[Rule], source: str) -> list[str]:
    names = {rule.name for rule in rules}
    return [
        f"{source}: rule {rule.name}: unless_fired.rule: there is no rule {rule.unless_fired.rule!r}"
        for rule in rules
        if rule.unless_fired is not None and rule.unless_fired.rule not in names
    ]
