"""Inhibition: a firing alert that makes others superfluous. Pure.

1. A target that cannot be read suppresses the target's other alerts, but for those about the monitor itself.
2. A critical alert suppresses warnings of the same target and destination, and of the same group where both name one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from monitor.alerts.rules import Rule
from monitor.store.reader import AlertState

#: Alerts that may suppress others, by target and destination; with no destination, all of the target's.
Inhibitors = dict[tuple[str, str], list[AlertState]]
#: The rule that tells that a target cannot be read.
BLIND = "CollectorDown"
#: Metrics in which the monitor tells of itself begin so.
_OWN = ("collector_", "store_", "notifications_", "rule_", "rules_", "alerts_")


def about_monitor(rules: Iterable[Rule]) -> frozenset[str]:
    """The names of the rules that are about the monitor and not about what it watches."""
    return frozenset(rule.name for rule in rules if rule.metric.startswith(_OWN))


def inhibitors(firing: Iterable[AlertState]) -> Inhibitors:
    """What may suppress others, by target, and by target and destination."""
    found: Inhibitors = defaultdict(list)
    for state in firing:
        target, destination = state.labels.get("target", ""), state.labels.get("destination", "")
        if state.rule == BLIND and target:
            found[target, ""].append(state)
        elif state.labels.get("severity") == "critical" and target and destination:
            found[target, destination].append(state)
    return found


def inhibitor(alert: AlertState, others: Inhibitors, own: Collection[str]) -> AlertState | None:
    """The firing alert that suppresses this one; `own` are the rules about the monitor."""
    target, destination = alert.labels.get("target", ""), alert.labels.get("destination", "")
    if alert.rule not in own and (target, "") in others:
        return others[target, ""][0]
    if alert.labels.get("severity") != "warning" or not destination:
        return None
    return next((other for other in others.get((target, destination), ()) if _is_of_one_group(other, alert)), None)


def _is_of_one_group(one: AlertState, two: AlertState) -> bool:
    """Where both name a group, it is the same one."""
    return len({state.labels.get("group", "") for state in (one, two)} - {""}) < 2
