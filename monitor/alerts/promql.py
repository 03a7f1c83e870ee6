"""Rules rendered for Prometheus: the same condition as `rules.evaluate`, as an expression. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from monitor.alerts.rules import Rule, matcher

PREFIX = "eda_"


def to_promql(rule: Rule) -> str:
    """The condition of a rule."""
    selector = f"{PREFIX}{rule.metric}{_matchers(rule)}"
    if rule.function == "absent":
        return f"absent({selector})"
    operator, threshold = rule.comparison
    return f"sum by ({', '.join(rule.by)}) ({_value(rule, selector)}) {operator} {threshold:g}"


def to_prometheus_yaml(rules: Iterable[Rule]) -> str:
    """A rule file of Prometheus (2.42 or newer, for `keep_firing_for`)."""
    lines = ["groups:", "  - name: eda-monitor", "    rules:"]
    for rule in rules:
        lines += [f"      - alert: {rule.name}", f"        expr: {_quoted(to_promql(rule))}"]
        if rule.for_:
            lines.append(f"        for: {_duration(rule.for_)}")
        if rule.keep_firing_for:
            lines.append(f"        keep_firing_for: {_duration(rule.keep_firing_for)}")
        lines += ["        labels:", f"          severity: {rule.severity}", "        annotations:"]
        texts = (("summary", rule.summary), ("description", rule.description), ("runbook_url", rule.runbook))
        lines += [f"          {name}: {_quoted(_template(text))}" for name, text in texts if text]
    return "\n".join(lines) + "\n"


def _value(rule: Rule, selector: str) -> str:
    if rule.function == "last":
        return selector
    if rule.function == "age":
        return f"time() - {selector}"
    value = f"{rule.function}({selector}[{_duration(rule.window or 0)}])"
    if rule.born is None:
        return value
    young = f"time() - {PREFIX}{rule.born} < {rule.window:g}"
    return f"({selector} and ({young})) or {value}"


def _matchers(rule: Rule) -> str:
    parts = [f"{name}{operator}{_quoted(text)}" for name, (operator, text) in _where(rule)]
    return "{" + ", ".join(parts) + "}" if parts else ""


def _where(rule: Rule) -> list[tuple[str, tuple[str, str]]]:
    return [(name, matcher(wanted)) for name, wanted in rule.where.items()]


def _template(text: str) -> str:
    """Our `{{ label }}` in Prometheus' template language."""

    def translated(match: re.Match[str]) -> str:
        return '{{ printf "%.3g" $value }}' if match[1] == "value" else "{{ $labels." + match[1] + " }}"

    return re.sub(r"\{\{ *(\w+) *\}\}", translated, text)


def _duration(seconds: float) -> str:
    return f"{seconds:g}s" if seconds % 60 else f"{seconds / 60:g}m"


def _quoted(text: str) -> str:
    """A JSON string is a YAML and a PromQL string too."""
    return json.dumps(text, ensure_ascii=False)
