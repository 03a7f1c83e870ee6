"""What the answers of EventBridge and SQS say, in types. Pure.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/Welcome.html and
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from collectors.aws.arn import parsed

DEFAULT_BUS = "default"
#: How often and how long (seconds) a target is tried that says nothing of it.
ATTEMPTS, AGE = 185, 86_400
#: Of a key that AWS manages nobody can change the policy, so it lets no other service of AWS use it.
_KEY_OF_AWS = "alias/aws/sqs"

RuleKey = tuple[str, str]


class Bus(NamedTuple):
    """`store` is the ARN of the queue for events that the bus itself cannot handle, such as for want of a key."""

    name: str
    arn: str
    store: str | None = None


class Target(NamedTuple):
    """`store` is the ARN of its dead-letter queue; `age` is in seconds. With a role its own policy does not matter."""

    id: str
    arn: str
    store: str | None = None
    attempts: int = ATTEMPTS
    age: int = AGE
    has_role: bool = False


class Rule(NamedTuple):
    """`owner` is the service of AWS that made it, if one did. `targets` is None until they were read."""

    bus: str
    name: str
    arn: str
    is_enabled: bool = True
    owner: str = ""
    targets: tuple[Target, ...] | None = None

    @property
    def key(self) -> RuleKey:
        return self.bus, self.name

    @property
    def stores(self) -> tuple[str, ...]:
        """The ARNs of the dead-letter queues of its targets."""
        return tuple(sorted({target.store for target in self.targets or () if target.store is not None}))


class Queue(NamedTuple):
    """Counts are about right, as SQS says; `retention` is in seconds."""

    arn: str
    visible: int
    in_flight: int
    delayed: int
    retention: int
    policy: str | None
    key: str | None

    @property
    def depth(self) -> int:
        return self.visible + self.in_flight + self.delayed

    @property
    def is_fifo(self) -> bool:
        return self.arn.endswith(".fifo")

    @property
    def has_key_of_aws(self) -> bool:
        return self.key is not None and self.key.endswith(_KEY_OF_AWS)


class Archive(NamedTuple):
    """Events of a bus that are kept for `days` days, 0 for ever."""

    name: str
    bus: str
    state: str
    days: int
    why: str


class Replay(NamedTuple):
    name: str
    archive: str
    state: str
    why: str


def bus(told: Mapping[str, Any], described: Mapping[str, Any] | None = None) -> Bus:
    """Of ListEventBuses, and of DescribeEventBus where it was asked."""
    return Bus(str(told["Name"]), str(told["Arn"]), _store(described or {}))


def rule(told: Mapping[str, Any]) -> Rule:
    """Of ListRules, which does not tell targets."""
    return Rule(
        str(told.get("EventBusName") or DEFAULT_BUS),
        str(told["Name"]),
        str(told["Arn"]),
        told.get("State", "ENABLED") != "DISABLED",
        str(told.get("ManagedBy") or ""),
    )


def target(told: Mapping[str, Any]) -> Target:
    """Of ListTargetsByRule."""
    policy = told.get("RetryPolicy") or {}
    return Target(
        str(told["Id"]),
        str(told["Arn"]),
        _store(told),
        int(policy.get("MaximumRetryAttempts", ATTEMPTS)),
        int(policy.get("MaximumEventAgeInSeconds", AGE)),
        bool(told.get("RoleArn")),
    )


def queue(attributes: Mapping[str, str]) -> Queue:
    """Of GetQueueAttributes with all attributes."""
    return Queue(
        attributes["QueueArn"],
        int(attributes["ApproximateNumberOfMessages"]),
        int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        int(attributes["ApproximateNumberOfMessagesDelayed"]),
        int(attributes["MessageRetentionPeriod"]),
        attributes.get("Policy"),
        attributes.get("KmsMasterKeyId"),
    )


def archive(told: Mapping[str, Any]) -> Archive:
    """Of ListArchives."""
    return Archive(
        str(told["ArchiveName"]),
        name_of(str(told["EventSourceArn"])),
        str(told["State"]),
        int(told.get("RetentionDays") or 0),
        str(told.get("StateReason") or ""),
    )


def replay(told: Mapping[str, Any]) -> Replay:
    """Of ListReplays."""
    archive, why = name_of(str(told["EventSourceArn"])), str(told.get("StateReason") or "")
    return Replay(str(told["ReplayName"]), archive, str(told["State"]), why)


def name_of(arn: str) -> str:
    """The last word of an ARN, or what is no ARN as it is. The name of a bus may have slashes."""
    found = parsed(arn)
    if found is None:
        return arn
    return found.resource.partition("/")[2] if found.resource.startswith("event-bus/") else found.name


def _store(told: Mapping[str, Any]) -> str | None:
    return (told.get("DeadLetterConfig") or {}).get("Arn") or None
