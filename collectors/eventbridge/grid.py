"""What is known of buses, rules, their targets and the queues these lead to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from collectors.eventbridge.answers import Archive, Bus, Queue, Replay, Rule, RuleKey, name_of


@dataclass(slots=True)
class Grid:
    """`queues` holds what was read of a queue by its ARN, None where it is not there; what is not known is absent."""

    buses: dict[str, Bus] = field(default_factory=dict)
    rules: dict[RuleKey, Rule] = field(default_factory=dict)
    queues: dict[str, Queue | None] = field(default_factory=dict)
    archives: list[Archive] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    #: Names of buses of EventBridge's second version.
    newer: list[str] = field(default_factory=list)

    def stores(self) -> dict[str, set[str]]:
        """The dead-letter queues by ARN, and the buses whose events they get."""
        found: dict[str, set[str]] = {}
        for rule in self.rules.values():
            for arn in rule.stores:
                found.setdefault(arn, set()).add(rule.bus)
        for bus in self.buses.values():
            if bus.store is not None:
                found.setdefault(bus.store, set()).add(bus.name)
        return found

    def known_rules(self) -> Iterator[Rule]:
        """Rules whose targets are known."""
        return (rule for rule in self.rules.values() if rule.targets is not None)


def stores_called(rule: Rule) -> str:
    """The dead-letter queues of a rule by name: CloudWatch does not tell which of several got a dead letter."""
    return " or ".join(name_of(arn) for arn in rule.stores)
