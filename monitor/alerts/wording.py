"""What an alert says of itself: the texts of its rule, filled in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import copysign

from collectors.metrics import METRICS
from monitor.alerts.rules import Rule


def filled(template: str, labels: dict[str, str], value: str) -> str:
    """A text of a rule with `{{ label }}` and `{{ value }}` put in."""
    return re.sub(r"\{\{ *(\w+) *\}\}", lambda m: value if m[1] == "value" else labels.get(m[1], ""), template)


def is_count(rule: Rule) -> bool:
    """Whether its value is a number of things: what a counter rose by, or messages more than before."""
    is_of_messages = rule.function == "delta" and METRICS[rule.metric].unit == "messages"
    return rule.divide_by is None and (rule.function == "increase" or is_of_messages)


def shown(rule: Rule, value: float) -> str:
    """The value for people. Things are whole: extrapolation adds to what was counted, so what it added is cut off."""
    if is_count(rule):
        cut = int(round(value, 6))
        return str(cut if cut or not value else round(copysign(1, value)))
    return f"{value:.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.3g}"


def threshold_text(rule: Rule) -> str:
    """Such as "above 300", or "above 5 times the increase of dead_lettered_messages_total, 24 h before"."""
    if rule.function == "absent":
        return ""
    sign, number = rule.compared.replace("_", " "), f"{rule.comparison[1]:g}"
    if rule.than is None:
        return f"{sign} {number}"
    before = "" if rule.than.offset is None else f", {rule.than.offset / 3600:g} h before"
    return f"{sign} {number} times the {rule.than.function.replace('_', ' ')} of {rule.than.metric}{before}"


def texts(rule: Rule, labels: dict[str, str], value: float) -> dict[str, str]:
    """The texts of an alert."""
    said = shown(rule, value)
    templates: Iterable[tuple[str, str]] = (
        ("threshold", threshold_text(rule)),
        ("summary", rule.summary),
        ("description", rule.description),
        ("runbook_url", rule.runbook),
        ("page", rule.opens),
    )
    return {name: filled(text, labels, said) for name, text in templates if text}
