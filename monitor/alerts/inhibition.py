"""Inhibition: a firing alert that makes others superfluous. Pure.

1. A target that cannot be read suppresses the target's other alerts, but for those about the monitor itself.
2. A critical alert suppresses warnings of the same target and destination, and of the same group where both name one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from monitor.alerts.rules import Rule
from monitor.reader import AlertState

#: The rule that tells that a target cannot be read.
BLIND = "CollectorDown"
#: Metrics in which the monitor tells of itself begin so.
_OWN = ("collector_", "store_", "notifications_", "rule_", "rules_", "alerts_")


def about_monitor(rules: Iterable[Rule]) -> frozenset[str]:
    """The names of the rules that are about the monitor and not about what it watches."""
    return frozenset(rule.name for rule in rules if rule.metric.startswith(_OWN))


def inhibitor(alert: AlertState, firing: Iterable[AlertState], own: Collection[str]) -> AlertState | None:
    """The firing alert that suppresses this one; `own` are the rules about the monitor."""
    return next((other for other in firing if _blinds(other, alert, own) or _outranks(other, alert)), None)


def _blinds(other: AlertState, alert: AlertState, own: Collection[str]) -> bool:
    return other.rule == BLIND and alert.rule not in own and _same(other, alert, "target")


def _outranks(other: AlertState, alert: AlertState) -> bool:
    if (other.labels.get("severity"), alert.labels.get("severity")) != ("critical", "warning"):
        return False
    groups = {one.labels.get("group", "") for one in (other, alert)} - {""}
    return _same(other, alert, "target") and _same(other, alert, "destination") and len(groups) < 2


def _same(one: AlertState, two: AlertState, label: str) -> bool:
    """Both have the label, with the same value."""
    return one.labels.get(label, "") == two.labels.get(label, "") != ""
