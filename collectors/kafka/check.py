"""What `check` says of a cluster: what can be read, and the exact right that is missing for the rest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collectors import metrics as m
from collectors.base import Finding, Reading
from collectors.kafka.settings import KafkaSettings

#: Codes of `AclOperation`.
READ, DESCRIBE, DESCRIBE_CONFIGS = 3, 8, 10

_WHY = {
    READ: ("Read", "the ages of the longest backlogs are not exact"),
    DESCRIBE_CONFIGS: ("DescribeConfigs", "it is not known when retention deletes unread messages"),
}
_SHOWN = 5

#: Codes of the operations allowed, by topic; None where that is not told.
Rights = Mapping[str, set[int] | None]


def findings(settings: KafkaSettings, reading: Reading, rights: Rights, user: str) -> list[Finding]:
    """From a reading, and from what may be done with every topic in it."""
    return [
        Finding(True, f"{', '.join(settings.bootstrap_servers)} answers"),
        *_read(settings, reading, rights, user),
        *_rights(settings, rights, user),
        *(Finding(True, f"{one.what} is left out: {one.reason}") for one in reading.skipped),
        *(Finding(False, f"{one.part}: {one.message}", _hint(one.message)) for one in reading.errors),
    ]


def _read(settings: KafkaSettings, reading: Reading, rights: Rights, user: str) -> Iterator[Finding]:
    groups = {sample.labels[0] for sample in reading.samples if sample.metric is m.GROUP_STATE}
    dead = sorted({sample.labels[0] for sample in reading.samples if sample.metric is m.DEAD_LETTERS})
    if rights:
        yield Finding(True, f"{len(rights)} topics, of them for dead letters: {', '.join(dead) or 'none'}")
    else:
        hint = f"if there should be some: {_acl(settings, user, 'Describe', '--topic')}"
        yield Finding(False, "no topic is visible that the filter admits", hint)
    if groups:
        yield Finding(True, f"{len(groups)} groups")
    else:
        hint = f"if there should be some: {_acl(settings, user, 'Describe', '--group')}"
        yield Finding(False, "no group is visible that the filter admits", hint)


def _rights(settings: KafkaSettings, rights: Rights, user: str) -> Iterator[Finding]:
    for code, (operation, why) in _WHY.items():
        without = sorted(topic for topic, allowed in rights.items() if allowed is not None and code not in allowed)
        if without:
            names = ", ".join(without[:_SHOWN]) + (f" and {len(without) - _SHOWN} more" if without[_SHOWN:] else "")
            what = f"{operation} is not granted on {names}: {why}"
            yield Finding(True, what, _acl(settings, user, operation, "--topic"))


def _acl(settings: KafkaSettings, user: str, operation: str, resource: str) -> str:
    server = settings.bootstrap_servers[0]
    return (
        f"kafka-acls.sh --bootstrap-server {server} --add --allow-principal '{user}'"
        f" --operation {operation} {resource} '*'"
    )


def _hint(message: str) -> str:
    if "AuthorizationFailed" in message:
        return "grant Describe on it"
    return "does the broker run, and can its advertised address be reached from here?"
