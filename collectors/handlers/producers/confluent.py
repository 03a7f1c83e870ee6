"""confluent-kafka: librdkafka tells each record's outcome to `on_delivery`, and nowhere else.

Its own `Producer` is a class of C whose methods cannot be replaced: a proxy with the same interface stands for it.
"""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable
from typing import Any

from collectors.handlers.producers.kafka import topic_of

OnDelivery = Callable[[Any, Any], Any]

#: The place of `callback` (in SerializingProducer: `on_delivery`) among the arguments of produce().
_CALLBACK = 4


def produced(produce: Callable[..., Any]) -> Callable[..., Any]:
    """Of a `confluent_kafka.Producer`, and of what is made of it."""

    @functools.wraps(produce)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        topic = topic_of(args, kwargs)
        if len(args) > _CALLBACK:
            args = (*args[:_CALLBACK], _told(self, topic, args[_CALLBACK]), *args[_CALLBACK + 1 :])
        else:
            name = "callback" if "callback" in kwargs else "on_delivery"
            kwargs[name] = _told(self, topic, kwargs.get(name))
        try:
            return produce(self, *args, **kwargs)
        except BaseException as error:  # the callback is not called then
            self._eda_tally.failed(topic, error)
            raise

    return counted


def produced_batch(produce_batch: Callable[..., Any]) -> Callable[..., Any]:
    """Of a `confluent_kafka.Producer`: a message may have a callback of its own."""

    @functools.wraps(produce_batch)
    def counted(self: Any, topic: str, messages: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            return produce_batch(self, topic, messages, *args, **kwargs)
        theirs = args[1] if len(args) > 1 else kwargs.get("callback") or kwargs.get("on_delivery")
        copies = [
            {**message, "callback": _told(self, topic, message.get("callback") or theirs)} for message in messages
        ]
        for copy in copies:
            copy.pop("_error", None)
        try:
            taken = produce_batch(self, topic, copies, *args, **kwargs)
        except BaseException as error:
            self._eda_tally.failed(topic, error, len(copies))
            raise
        for message, copy in zip(messages, copies, strict=True):
            if "_error" in copy:  # what the client writes into a message that it did not take
                message["_error"] = copy["_error"]
                self._eda_tally.failed(topic, copy["_error"])
        return taken

    return counted


def _told(producer: Any, topic: str, theirs: OnDelivery | None) -> OnDelivery:
    """A callback that counts, and then calls theirs."""
    tally = producer._eda_tally
    theirs = producer._eda_on_delivery if theirs is None else theirs

    def on_delivery(error: Any, message: Any) -> Any:
        if error is None:
            tally.published(topic)
        else:
            tally.failed(topic, error)
        return None if theirs is None else theirs(error, message)

    return on_delivery


class Proxy:
    """Stands for a `confluent_kafka.Producer`: passes everything on to it, and says that it is of its class."""

    __slots__ = ("__weakref__", "_eda_on_delivery", "_eda_tally", "_producer")
    _eda_watched = True

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    @produced
    def produce(self, *args: Any, **kwargs: Any) -> Any:
        return self._producer.produce(*args, **kwargs)

    @produced_batch
    def produce_batch(self, *args: Any, **kwargs: Any) -> Any:
        return self._producer.produce_batch(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def __len__(self) -> int:
        return len(self._producer)

    def __bool__(self) -> bool:
        return bool(self._producer)

    def __enter__(self) -> Proxy:
        self._producer.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._producer.__exit__(*error)

    def __dir__(self) -> list[str]:
        return dir(self._producer)

    def __repr__(self) -> str:
        return repr(self._producer)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._producer)


def told_outcomes(producer: Any, on_delivery: OnDelivery | None) -> Any:
    """The producer, or where it is of C the proxy for it, with the `on_delivery` that is to be called where a message
    has none. Raises TypeError where the producer's class would not pass ours on."""
    if not _takes_on_delivery(producer):
        cls = type(producer)
        raise TypeError(f"watch_producer: produce() of {cls.__module__}.{cls.__qualname__} takes no on_delivery")
    watched: Any = producer if hasattr(producer, "__dict__") else Proxy(producer)
    watched._eda_on_delivery = on_delivery or _configured(producer)
    return watched


def _configured(producer: Any) -> OnDelivery | None:
    """The `on_delivery` of the producer's configuration, which a callback given to produce() displaces.

    The client has no way to ask for it. But the garbage collector is told of it before all other callbacks, and no
    other of them takes two arguments. Raises ValueError where a callback would take one as well as two.
    """
    told = (one for one in gc.get_referents(producer) if callable(one) and not isinstance(one, type))
    callback: Any = next(told, None)
    if callback is None or not _takes(callback, 2):
        return None
    if _takes(callback, 1):
        raise ValueError(
            f"watch_producer: {callback!r} may be the producer's on_delivery or another of its callbacks, "
            "for it takes one argument as well as two; pass the producer's as on_delivery=…"
        )
    return callback  # type: ignore[no-any-return]


def _takes_on_delivery(producer: Any) -> bool:
    """Whether produce() of the producer's class still has that argument."""
    try:
        parameters = inspect.signature(producer.produce).parameters.values()
    except ValueError:  # of C
        return True
    return any(one.name == "on_delivery" or one.kind is one.VAR_KEYWORD for one in parameters)


def _takes(callback: Any, arguments: int) -> bool:
    try:
        inspect.signature(callback).bind(*[None] * arguments)
    except TypeError:
        return False
    except ValueError:  # it does not say what it takes
        return True
    return True
