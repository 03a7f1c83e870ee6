"""What `check` says of a broker: what can be read, and which tag or permission is missing for the rest. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from collectors import metrics as m
from collectors.base import Finding, Reading
from collectors.rabbitmq.settings import RabbitSettings

_HINTS = {
    "exchange missing": "declare the exchange, or correct dead-letter-exchange: until then dead letters are lost",
    "nothing bound": "bind a queue to it that gets the dead letters: until then they are lost",
    "at-least-once without reject-publish": "set overflow to reject-publish, else it is at-most-once",
    "cycle": "dead letters come back to where they died; give one queue on the way a message TTL, or an end",
    "full": "it drops its oldest dead letter for every new one; redrive or delete, or raise max-length",
}


def findings(
    settings: RabbitSettings, reading: Reading, tags: Collection[str], denied: Collection[str]
) -> list[Finding]:
    """From a reading, the tags of the user, and the virtual hosts that it may not read."""
    return [
        Finding(True, f"{settings.url} answers"),
        *_tags(settings, tags),
        *_read(reading),
        *(_denied(settings, vhost) for vhost in sorted(denied)),
        *_faults(reading),
        *(Finding(True, f"{one.what} is left out: {one.reason}") for one in reading.skipped if one.reason != "denied"),
        *(Finding(False, f"{one.part}: {one.message}", _hint(one.part)) for one in reading.errors),
    ]


def _tags(settings: RabbitSettings, tags: Collection[str]) -> Iterator[Finding]:
    if "administrator" in tags:
        yield Finding(True, f"user {settings.username} is an administrator: the tag monitoring would be enough")
    elif "monitoring" not in tags:
        hint = f"rabbitmqctl set_user_tags {settings.username} monitoring"
        yield Finding(False, f"user {settings.username} has not the tag monitoring: nodes and alarms are unknown", hint)


def _read(reading: Reading) -> Iterator[Finding]:
    stores = sorted({sample.labels[0] for sample in reading.samples if sample.metric is m.DEAD_LETTERS})
    queues = {sample.labels[0] for sample in reading.samples if sample.metric is m.BACKLOG_MESSAGES} | set(stores)
    if queues:
        yield Finding(True, f"{len(queues)} queues, of them for dead letters: {', '.join(stores) or 'none'}")
    else:
        hint = "if there should be some, the user needs a permission in their virtual host, be it an empty one"
        yield Finding(False, "no queue is visible that the filters admit", hint)


def _denied(settings: RabbitSettings, vhost: str) -> Finding:
    hint = f"rabbitmqctl set_permissions -p '{vhost}' {settings.username} '^$' '^$' '^$'"
    return Finding(False, f"virtual host {vhost} may not be read", hint)


def _faults(reading: Reading) -> Iterator[Finding]:
    for sample in reading.samples:
        if sample.metric is m.CONFIGURATION_FAULT:
            name, reason = sample.labels
            yield Finding(True, f"dead letters of {name}: {reason}", _HINTS.get(reason, ""))


def _hint(part: str) -> str:
    if part.startswith("plugin"):
        return "is rabbitmq_prometheus on, and can its port be reached? else name the addresses in prometheus_urls"
    return ""
