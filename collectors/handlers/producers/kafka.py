"""kafka-python and aiokafka: both give a future for every record, and it tells what became of it.

What kafka-python's `metrics()` knows besides are rates of the last half minute, which cannot be counted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def sent(send: Callable[..., Any]) -> Callable[..., Any]:
    """Of a `kafka.KafkaProducer`."""

    @functools.wraps(send)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        topic, tally = topic_of(args, kwargs), self._eda_tally
        try:
            future = send(self, *args, **kwargs)
        except BaseException as error:
            tally.failed(topic, error)
            raise
        try:
            taken, failed = tally.outcomes(topic)
            future.add_callback(taken)
            future.add_errback(failed)
        except Exception:  # a class of their own that returns something else
            return future
        return future

    return counted


def sent_async(send: Callable[..., Any]) -> Callable[..., Any]:
    """Of an `aiokafka.AIOKafkaProducer`, whose `send_and_wait` goes by way of `send`; and any like it."""

    @functools.wraps(send)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        topic = topic_of(args, kwargs)
        try:
            future = await send(self, *args, **kwargs)
        except BaseException as error:
            self._eda_tally.failed(topic, error)
            raise
        self._eda_tally.await_outcome(future, topic)
        return future

    return counted


def sent_batch(send_batch: Callable[..., Any]) -> Callable[..., Any]:
    """Of an `aiokafka.AIOKafkaProducer`."""

    @functools.wraps(send_batch)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        # what send() may put into the batch later has futures of its own
        topic, records = topic_of(args[1:], kwargs), _records(args[0] if args else kwargs.get("batch"))
        try:
            future = await send_batch(self, *args, **kwargs)
        except BaseException as error:
            self._eda_tally.failed(topic, error, records)
            raise
        self._eda_tally.await_outcome(future, topic, records)
        return future

    return counted


def topic_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return str(args[0] if args else kwargs.get("topic", ""))


def _records(batch: Any) -> int:
    try:
        return int(batch.record_count())
    except Exception:
        return 0
