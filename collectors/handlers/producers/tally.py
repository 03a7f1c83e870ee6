"""What a watched producer counts, and under which labels. Nothing that goes wrong here reaches the producer.

Reasons are bounded by the recorder, destinations here: those that come when there are too many are `other`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from collectors.handlers.recorder.naming import default_service
from collectors.handlers.recorder.process import count

PUBLISHED = "eda_messages_published_total"
FAILURES = "eda_publish_failures_total"
DEAD_LETTERS = "eda_dead_letters_sent_total"

OTHER = "other"

#: Queues that RabbitMQ names for one client and its replies: one label for all of them.
_SERVER_NAMED = ("amq.gen-", "amq.rabbitmq.reply-to.")
#: They end a program, and say nothing of the message.
_ENDINGS = (KeyboardInterrupt, SystemExit, GeneratorExit)


class Destinations:
    """Labels of destinations: so many different ones, and whatever comes after them is `other`.

    A process that publishes to more has something else than a destination in that place.
    """

    def __init__(self, limit: int = 500) -> None:
        self.limit = limit
        self._labels: dict[str, str] = {}

    def label(self, name: str) -> str:
        return self._labels.get(name) or self._new_label(name)

    def _new_label(self, name: str) -> str:
        name = next((prefix[:-1] for prefix in _SERVER_NAMED if name.startswith(prefix)), name)
        if len(self._labels) >= self.limit:
            return self._labels.get(name, OTHER)
        return self._labels.setdefault(name, name)


destinations = Destinations()


class Tally:
    """The counts of one producer."""

    def __init__(self, service: str | None = None, dead_letters: Mapping[str, str] | None = None) -> None:
        self._service = service or default_service()
        self._dead_letters = dict(dead_letters or {})
        self._outcomes: dict[str, tuple[Callable[[Any], None], Callable[[Any], None]]] = {}

    def outcomes(self, destination: str) -> tuple[Callable[[Any], None], Callable[[Any], None]]:
        """What to call when the broker took a message, and what when it failed, with the error."""
        known = self._outcomes.get(destination)
        if known is None:
            known = (lambda _: self.published(destination), lambda error: self.failed(destination, error))
            if len(self._outcomes) < destinations.limit:
                self._outcomes[destination] = known
        return known

    def published(self, destination: str, messages: int = 1) -> None:
        """The broker took them."""
        try:
            label = destinations.label(destination)
            count(PUBLISHED, (self._service, label), messages)
            if destination in self._dead_letters:
                count(DEAD_LETTERS, (self._service, label, self._dead_letters[destination], ""), messages)
        except Exception:
            return

    def failed(self, destination: str, error: object, messages: int = 1) -> None:
        """They failed for good; `error` is what the client raised or told, or the reason itself."""
        if isinstance(error, _ENDINGS):
            return
        try:
            count(FAILURES, (self._service, destinations.label(destination), reason_of(error)), messages)
        except Exception:
            return

    def await_outcome(self, future: Any, destination: str, messages: int = 1) -> None:
        """Count by what will have become of a future of asyncio."""

        def count_outcome(future: Any) -> None:
            with contextlib.suppress(Exception):
                # exception() would mark the error as looked at, and asyncio would no longer warn where nobody does
                error = "CancelledError" if future.cancelled() else future._exception
                if error is None:
                    self.published(destination, messages)
                else:
                    self.failed(destination, error, messages)

        with contextlib.suppress(Exception):
            future.add_done_callback(count_outcome)

    def dead_letter(self, destination: str, source: str, reason: str) -> None:
        """The service says itself that it wrote one."""
        with contextlib.suppress(Exception):
            count(DEAD_LETTERS, (self._service, destinations.label(destination), source, reason))


def reason_of(error: object) -> str:
    """The broker's own name for what went wrong, where the client knows it; else the class of the error."""
    if isinstance(error, str):
        return error
    first = error.args[0] if isinstance(error, BaseException) and error.args else None
    for told in (error, first):  # confluent-kafka: a KafkaError, or the KafkaException around it
        if callable(name := getattr(told, "name", None)):
            return str(name())
    return type(error).__name__
