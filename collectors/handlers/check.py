"""What `check` says of handlers: which dialect every instance speaks, and what to change. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from collectors import metrics as m
from collectors.base import Finding, PartError, Reading, Skipped
from collectors.handlers.dialects.words import Translated
from collectors.handlers.points import Point
from collectors.handlers.settings import HandlersSettings

#: Names of metrics that are shown of a page which is not understood.
_NAMED = 8
#: What client libraries expose of themselves.
_ITSELF = ("python_", "process_", "go_", "promhttp_", "scrape_", "target_info", "nodejs_", "jvm_", "otel_")


class Seen(NamedTuple):
    """An instance that was read."""

    where: str
    dialects: tuple[str, ...]
    handlers: int
    skipped: tuple[Skipped, ...]
    #: Metrics that it exposes: of the mapped ones all, of a page that is not understood the first.
    names: frozenset[str]

    @classmethod
    def of(cls, where: str, told: Translated, points: Collection[Point]) -> Seen:
        handlers = {(*count.labels[:4],) for count in told.counts if "handler" in count.metric.labels}
        names = frozenset(point.name for point in points)
        return cls(where, tuple(told.dialects), len(handlers), tuple(told.skipped), names)


def findings(settings: HandlersSettings, reading: Reading, seen: Collection[Seen]) -> list[Finding]:
    return [
        *(_instance(one) for one in seen),
        *_listening(settings, reading, seen),
        *_unmapped(settings, seen),
        *_nameless(reading),
        *_left_out(reading.skipped, {one.where for one in seen}),
        *(Finding(False, f"{one.part}: {one.message}", _hint(one)) for one in reading.errors),
    ]


def _instance(one: Seen) -> Finding:
    if one.dialects:
        return Finding(True, f"{one.where} speaks {', '.join(one.dialects)}: {one.handlers} handlers")
    names = sorted(name for name in one.names if not name.startswith(_ITSELF) and not name.endswith("_created"))
    hint = "no handler ran yet, or it is not instrumented: see docs/handlers.md"
    if names:
        hint = f"map what it exposes in [[targets.mapping]]: {', '.join(names[:_NAMED])}"
    return Finding(False, f"{one.where} exposes no metrics of handlers that are known", hint)


def _listening(settings: HandlersSettings, reading: Reading, seen: Iterable[Seen]) -> Iterator[Finding]:
    if settings.otlp_listen and not any(error.part == "otlp_listen" for error in reading.errors):
        pushed = sum(one.where.startswith("OTLP") for one in seen)
        yield Finding(True, f"listens for OTLP on {settings.otlp_listen}: {pushed} instances pushed")


def _unmapped(settings: HandlersSettings, seen: Collection[Seen]) -> Iterator[Finding]:
    for mapping in settings.mapping:
        if seen and not any(mapping.name in one.names for one in seen):
            hint = "is it the name as it is exposed, a histogram's without _bucket?"
            yield Finding(False, f"mapping: no instance exposes {mapping.name}", hint)


def _nameless(reading: Reading) -> Iterator[Finding]:
    """Handlers that cannot be joined to what the brokers say."""
    events = [sample.labels for sample in reading.samples if sample.metric is m.HANDLER_EVENTS_TOTAL]
    for at, key, hint in (
        (0, "service", "set service, or the label service in the file of targets"),
        (2, "destination", "set destination, or name it by handler in [targets.destinations]"),
        (3, "group", "set group, or name it by destination in [targets.groups]"),
    ):
        without = sorted({labels[1] for labels in events if not labels[at]})
        if without:
            yield Finding(True, f"the {key} of {', '.join(without[:_NAMED])} is not known", hint)


def _left_out(skipped: Iterable[Skipped], instances: Collection[str]) -> Iterator[Finding]:
    return (Finding(True, f"left out: {one.what}: {one.reason}") for one in skipped if one.what not in instances)


def _hint(error: PartError) -> str:
    if error.part.startswith("file_sd"):
        return "its last good list stands, if there was one; paths are relative to where the agent was started"
    if error.part.startswith("dns"):
        return "is the name right, and does it lead to an address here? its last good list stands, if there was one"
    if error.part == "otlp_listen":
        return "is the address one of this machine, and its port free?"
    return "does the instance run, and is it the address of its metrics?"
