"""Producers: one line counts what they publish, what fails and why, and the dead letters that a service writes itself.

Clients are known by the names of their classes and never imported. Standard library only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from collectors.handlers.producers import confluent, kafka, rabbitmq
from collectors.handlers.producers.tally import Tally

__all__ = ["dead_letter_sent", "watch_producer"]

Producer = TypeVar("Producer")


class Kind(NamedTuple):
    """How a client's producer is made to count: its methods, and what is done with it at first."""

    methods: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]]
    begin: Callable[[Any], None] | None = None


#: (top package, class): the kind. confluent-kafka's module of C calls itself cimpl.
KINDS: dict[tuple[str, str], Kind] = {
    ("kafka", "KafkaProducer"): Kind({"send": kafka.sent}),
    ("cimpl", "Producer"): Kind({"produce": confluent.produced, "produce_batch": confluent.produced_batch}),
    ("confluent_kafka", "AIOProducer"): Kind({"produce": kafka.sent_async}),
    ("aiokafka", "AIOKafkaProducer"): Kind({"send": kafka.sent_async, "send_batch": kafka.sent_batch}),
    ("pika", "BlockingChannel"): Kind({"basic_publish": rabbitmq.published}, rabbitmq.watch_returns),
    ("pika", "Channel"): Kind(
        {"basic_publish": rabbitmq.published_unconfirmed, "confirm_delivery": rabbitmq.confirmed},
        rabbitmq.watch_confirms,
    ),
    ("aio_pika", "Exchange"): Kind({"publish": rabbitmq.published_async}),
}


def watch_producer(
    producer: Producer,
    service: str | None = None,
    dead_letters: Mapping[str, str] | None = None,
    on_delivery: confluent.OnDelivery | None = None,
) -> Producer:
    """Count what the producer publishes from now on; to watch it again changes nothing.

    Returns the producer itself, which otherwise behaves as before; only for a `confluent_kafka.Producer`, whose
    methods cannot be replaced, a proxy with the same interface: publish through what is returned.

    `service` is `$OTEL_SERVICE_NAME` or the program's name unless given. `dead_letters` maps destinations to the
    sources of the dead letters that are published there: these count as dead letters as well. `on_delivery` is for
    confluent-kafka alone, and only where the one of the producer's configuration cannot be found: ValueError then.
    Raises TypeError for anything but the producers of KINDS.
    """
    cls: Any = type(producer)
    if hasattr(cls, "_eda_watched"):
        return producer
    watched: Any = producer
    known = _known(producer)
    tally = Tally(service, _checked(dead_letters))
    if known[0] == "cimpl":
        watched = confluent.told_outcomes(producer, on_delivery)
    watched._eda_tally = tally
    if (begin := KINDS[known].begin) is not None:
        begin(watched)
    if watched is producer:
        watched.__class__ = _watched_class(cls, known)
    return watched  # type: ignore[no-any-return]


def dead_letter_sent(destination: str, source: str = "", reason: str = "", service: str | None = None) -> None:
    """Count one dead letter that the service wrote to the destination, for what came from `source`.

    For producers that are not watched: what is in the `dead_letters` of a watched one counts by itself.
    """
    Tally(service).dead_letter(destination, source, reason)


def _known(producer: object) -> tuple[str, str]:
    """The key of KINDS that the producer's class or one of its bases has."""
    for cls in type(producer).__mro__:
        key = (cls.__module__.partition(".")[0], cls.__qualname__)
        if key in KINDS:
            return key
    names = ", ".join(f"{'confluent_kafka' if package == 'cimpl' else package} {name}" for package, name in KINDS)
    cls = type(producer)
    raise TypeError(f"watch_producer: {cls.__module__}.{cls.__qualname__} is none of the producers it knows: {names}")


def _checked(dead_letters: Mapping[str, str] | None) -> Mapping[str, str]:
    given = {} if dead_letters is None else dead_letters
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for pair in given.items() for name in pair):
        raise TypeError(f"watch_producer: dead_letters maps destinations to their sources, both str, not {given!r}")
    return given


@functools.cache
def _watched_class(cls: Any, known: tuple[str, str]) -> Any:
    """A class that passes for `cls`. An object that becomes one of it keeps its state, and gets no cycle that would
    put off its end."""
    names: dict[str, Any] = {"__slots__": (), "_eda_watched": True}
    names |= {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
    names |= {name: counted(getattr(cls, name)) for name, counted in KINDS[known].methods.items()}
    return type(cls)(cls.__name__, (cls,), names)
