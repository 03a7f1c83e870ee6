"""pika's channels and aio-pika's exchanges. With publisher confirms the broker says what it took; without them a
message counts as published once it is written, and one that comes back counts as failed besides.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from collectors.handlers.producers.tally import Tally

#: What the broker says of a message that no queue takes, in Basic.Return.
NO_ROUTE = "NO_ROUTE"
#: Basic.Nack bears no name: a full queue with the overflow `reject-publish`, or a fault of the broker.
NACK = "NACK"

_REASONS = {"UnroutableError": NO_ROUTE, "PublishError": NO_ROUTE, "NackError": NACK, "DeliveryError": NACK}


def published(basic_publish: Callable[..., Any]) -> Callable[..., Any]:
    """Of a pika `BlockingChannel`, which waits for the confirm where there are such."""

    @functools.wraps(basic_publish)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        destination = _destination(*_address(args, kwargs))
        try:
            answer = basic_publish(self, *args, **kwargs)
        except BaseException as error:
            self._eda_tally.failed(destination, _reason(error))
            raise
        self._eda_tally.published(destination)
        return answer

    return counted


def watch_returns(channel: Any) -> None:
    """Of a pika `BlockingChannel`.

    Its own callback for returns would wait for process_data_events(), which a mere publisher never calls, and keep
    every body until then.
    """

    def on_return(_channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        if not getattr(channel, "_delivery_confirmation", False):  # else basic_publish() raises
            channel._eda_tally.failed(_destination(method.exchange, method.routing_key), method.reply_text)

    channel._impl.add_on_return_callback(on_return)


def published_unconfirmed(basic_publish: Callable[..., Any]) -> Callable[..., Any]:
    """Of a pika `Channel`, which is told of confirms later."""

    @functools.wraps(basic_publish)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        address = _address(args, kwargs)
        try:
            answer = basic_publish(self, *args, **kwargs)
        except BaseException as error:
            self._eda_tally.failed(_destination(*address), _reason(error))
            raise
        self._eda_confirms.sent(*address, bool(args[4] if len(args) > 4 else kwargs.get("mandatory")))
        return answer

    return counted


def confirmed(confirm_delivery: Callable[..., Any]) -> Callable[..., Any]:
    """Of a pika `Channel`."""

    @functools.wraps(confirm_delivery)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = confirm_delivery(self, *args, **kwargs)
        self._eda_confirms.enabled = True
        return answer

    return counted


def watch_confirms(channel: Any) -> None:
    """Of a pika `Channel`."""
    enabled = bool(channel.callbacks.pending(channel.channel_number, "Basic.Ack"))
    channel._eda_confirms = confirms = Confirms(channel._eda_tally, enabled)
    channel.add_callback(confirms.on_answer, ["Basic.Ack", "Basic.Nack"], False)
    channel.add_on_return_callback(confirms.on_return)
    channel.add_on_close_callback(confirms.on_close)


def published_async(publish: Callable[..., Any]) -> Callable[..., Any]:
    """Of an aio-pika exchange."""

    @functools.wraps(publish)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        destination = _destination(self.name, _address(args, kwargs)[1])
        try:
            answer = await publish(self, *args, **kwargs)
        except BaseException as error:
            self._eda_tally.failed(destination, _reason(error))
            raise
        if hasattr(answer, "delivery"):  # the message itself, where a return does not raise
            self._eda_tally.failed(destination, NO_ROUTE)
        else:
            self._eda_tally.published(destination)
        return answer

    return counted


class _Sent(NamedTuple):
    exchange: str
    routing_key: str
    mandatory: bool


class Confirms:
    """The messages that the broker has not confirmed, by delivery tag: the n-th since confirms were enabled.

    A returned message bears no tag, but comes before its Ack; so of those alike the first one answered is it.
    """

    def __init__(self, tally: Tally, enabled: bool) -> None:
        self.enabled = enabled
        self._tally = tally
        self._last_tag = 0
        self._open: dict[int, _Sent] = {}
        self._returned: Counter[_Sent] = Counter()

    def sent(self, exchange: str, routing_key: str, mandatory: bool) -> None:
        if not self.enabled:
            self._tally.published(_destination(exchange, routing_key))
            return
        self._last_tag += 1
        self._open[self._last_tag] = _Sent(exchange, routing_key, mandatory)

    def on_answer(self, frame: Any) -> None:
        """Basic.Ack or Basic.Nack; with `multiple` it answers all up to its tag."""
        with contextlib.suppress(Exception):
            method = frame.method
            tags = [method.delivery_tag]
            if method.multiple:
                tags = list(itertools.takewhile(lambda tag: tag <= method.delivery_tag, self._open))
            for tag in tags:
                if (message := self._open.pop(tag, None)) is not None:
                    self._judge(message, method.NAME == "Basic.Ack")

    def on_return(self, _channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        with contextlib.suppress(Exception):
            if self.enabled:
                self._returned[_Sent(method.exchange, method.routing_key, True)] += 1
            else:
                self._tally.failed(_destination(method.exchange, method.routing_key), method.reply_text)

    def on_close(self, _channel: Any, reason: BaseException) -> None:
        """What was not confirmed may be lost."""
        with contextlib.suppress(Exception):
            for message in self._open.values():
                self._tally.failed(_destination(message.exchange, message.routing_key), _reason(reason))
            self._open.clear()

    def _judge(self, message: _Sent, taken: bool) -> None:
        destination = _destination(message.exchange, message.routing_key)
        if message in self._returned:
            self._returned -= Counter([message])  # and those of which none is left are dropped
            self._tally.failed(destination, NO_ROUTE)
        elif taken:
            self._tally.published(destination)
        else:
            self._tally.failed(destination, NACK)


def _address(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, str]:
    exchange = args[0] if args else kwargs.get("exchange", "")
    routing_key = args[1] if len(args) > 1 else kwargs.get("routing_key", "")
    return str(exchange), str(routing_key)


def _destination(exchange: str, routing_key: str) -> str:
    """The exchange; of the default exchange the routing key, which is the queue."""
    return exchange or routing_key


def _reason(error: BaseException) -> BaseException | str:
    """The broker's word, such as NOT_FOUND, of what it says in full; where it said nothing, the error."""
    if (reason := _REASONS.get(type(error).__name__)) is not None:
        return reason
    for text in error.args:
        word, dash, _ = text.partition(" - ") if isinstance(text, str) else ("", "", "")
        if dash and word.isupper() and word.replace("_", "").isalpha():
            return word
    return error
