"""Rules rendered for Prometheus: the same condition as `rules.evaluate`, as an expression. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from collectors.metrics import METRICS
from monitor.alerts.links import console_template, dashboard_template
from monitor.alerts.parameters import Variant
from monitor.alerts.rules import Comparison, Condition, Rule, Value, matcher
from monitor.alerts.wording import is_count

PREFIX = "eda_"


def to_promql(rule: Rule) -> str:
    """The condition of a rule."""
    if rule.function == "absent":
        return f"absent({_selector(rule)})"
    parts = [_compared(rule, rule.by, _born(rule))]
    parts += (f"and {_joined(other, rule.by)}" for other in rule.only_if)
    parts += (f"unless {_joined(other, rule.by)}" for other in rule.unless)
    if rule.unless_fired is not None:
        alerts = f'ALERTS{{alertname={_quoted(rule.unless_fired.rule)}, alertstate="firing"}}'
        window = duration_of(rule.unless_fired.window)
        parts.append(f"unless max by ({', '.join(rule.by)}) (max_over_time({alerts}[{window}]))")
    if isinstance(rule, Variant):
        parts += (
            f"unless {_summed(rule.narrowed(other), rule.by, _born(rule.narrowed(other)))}" for other in rule.exceptions
        )
    return " ".join(parts)


def _joined(one: Condition, by: tuple[str, ...]) -> str:
    on = f"on ({', '.join(one.on)}) " if one.on else ""
    return on + _compared(one, one.on or by)


def _compared(one: Comparison, by: tuple[str, ...], born: str = "") -> str:
    operator, threshold = one.comparison
    value = _summed(one, by, born)
    if one.divide_by is not None:
        value += f" / ({_summed(one.divide_by, by)} != 0)"
    if one.than is not None:
        return f"{value} {operator} {_number(threshold)} * {_summed(one.than, by)}"
    return f"{value} {operator} {_number(threshold)}"


def _summed(one: Value, by: tuple[str, ...], born: str = "") -> str:
    if one.function == "quantile":
        rate = f"rate({_selector(one, '_bucket')}[{duration_of(one.window or 0)}])"
        return f"histogram_quantile({_number(one.q or 0)}, sum by (le, {', '.join(by)}) ({rate}))"
    return f"sum by ({', '.join(by)}) ({born}{_relabelled(one)})"


def _relabelled(one: Value) -> str:
    value = _value(one)
    for name, of in one.relabel.items():
        value = f'label_replace({value}, {_quoted(name)}, "$1", {_quoted(of)}, "(.*)")'
    return value


def to_prometheus_yaml(rules: Iterable[Rule], console_url: str = "", grafana_url: str = "") -> str:
    """A rule file of Prometheus (2.42 or newer, for `keep_firing_for`); alerts link to console and Grafana if known."""
    lines = ["groups:", "  - name: eda-monitor", "    rules:"]
    for rule in rules:
        lines += [f"      - alert: {rule.name}", f"        expr: {_quoted(to_promql(rule))}"]
        if rule.for_:
            lines.append(f"        for: {duration_of(rule.for_)}")
        if rule.keep_firing_for:
            lines.append(f"        keep_firing_for: {duration_of(rule.keep_firing_for)}")
        lines += ["        labels:", f"          severity: {rule.severity}", "        annotations:"]
        annotations = annotations_of(rule) | links_of(rule, console_url, grafana_url)
        lines += [f"          {name}: {_quoted(text)}" for name, text in annotations.items()]
    return "\n".join(lines) + "\n"


def annotations_of(rule: Rule, value: str = "$value") -> dict[str, str]:
    """The texts of a rule in Prometheus' template language, in which its value is called so."""
    texts = (("summary", rule.summary), ("description", rule.description), ("runbook_url", rule.runbook))
    shown = f'reReplaceAll "[.].*" "" (printf "%.6f" {value})' if is_count(rule) else f'printf "%.3g" {value}'
    return {name: _template(text, f"{{{{ {shown} }}}}") for name, text in texts if text}


def links_of(rule: Rule, console_url: str, grafana_url: str) -> dict[str, str]:
    """The links of its alerts, in Prometheus' template language; of those addresses that are known."""
    links = {
        "console_url": console_template(console_url, rule.opens, rule.by),
        "dashboard_url": dashboard_template(grafana_url, rule.opens, rule.by),
    }
    return {name: url for name, url in links.items() if url}


def _value(one: Value) -> str:
    past = "" if one.offset is None else f" offset {duration_of(one.offset)}"
    if one.function == "last":
        return _selector(one) + past
    if one.function == "age":
        return f"time() - {_selector(one)}"
    return f"{one.function}({_selector(one)}[{duration_of(one.window or 0)}]{past})"


def _born(rule: Rule) -> str:
    """What a counter that was born within the window counts: all of it, before what else it rose by."""
    if rule.born is None:
        return ""
    young = f"time() - {PREFIX}{rule.born} < {_number(rule.window or 0)}"
    return f"({_selector(rule)} and ({young})) or "


def _selector(one: Value, suffix: str = "_count") -> str:
    """The series of a metric; those of a histogram have a suffix."""
    parts = [
        f"{name}{operator}{_quoted(text)}" for name, (operator, text) in ((n, matcher(w)) for n, w in one.where.items())
    ]
    name = PREFIX + one.metric + (suffix if METRICS[one.metric].kind == "histogram" else "")
    return name + ("{" + ", ".join(parts) + "}" if parts else "")


def _template(text: str, value: str) -> str:
    """Our `{{ label }}` in Prometheus' template language."""

    def translated(match: re.Match[str]) -> str:
        return value if match[1] == "value" else "{{ $labels." + match[1] + " }}"

    return re.sub(r"\{\{ *(\w+) *\}\}", translated, text)


def duration_of(seconds: float) -> str:
    """Prometheus takes whole numbers of a unit."""
    if seconds % 1:
        return f"{round(seconds * 1000)}ms"
    return f"{seconds:.0f}s" if seconds % 60 else f"{seconds / 60:.0f}m"


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _quoted(text: str) -> str:
    """A JSON string is a YAML and a PromQL string too."""
    return json.dumps(text, ensure_ascii=False)
