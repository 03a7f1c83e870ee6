"""The connections to a Kafka cluster: questions go out together, and each comes back with its own answer or error.

Built on the connection manager of kafka-python, whose admin client stops at the first group or partition that is
refused. It runs in the thread that asks; between two calls nothing is sent.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kafka import errors
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

#: Metadata is asked for by the collector, once a cycle; kafka-python need not do so as well.
NEVER_MS = 7 * 86_400_000

#: Pause before a question is repeated whose connection was lost.
RECONNECT_SECONDS = 0.2


class Question(NamedTuple):
    """A request, and the id of the broker that can answer it; None for any."""

    request: Any
    broker: int | None = None


class UnreachableError(Exception):
    """No bootstrap server could be used; the message says of each why."""


class Client:
    """A cluster's connections, one a broker. `requests` counts what was sent to ask and to stay connected."""

    def __init__(self, config: Mapping[str, Any], timeout: float) -> None:
        config = {
            **config,
            "request_timeout_ms": int(timeout * 1000),
            "metadata_max_age_ms": NEVER_MS,
            "receive_message_max_bytes": 100_000_000,
            "max_in_flight_requests_per_connection": 1000,
        }
        self._net = NetworkSelector(**config)
        self._manager = KafkaConnectionManager(self._net, **config)
        self._silent: set[int] = set()
        self.requests = 0

    def connect(self, deadline: float) -> None:
        """Find the brokers; raises UnreachableError."""
        self._net.run(self._reach, deadline)
        try:
            self._manager.bootstrap(_left_ms(deadline))
        except errors.KafkaError as error:
            raise UnreachableError(said(error)) from None

    @property
    def brokers(self) -> dict[int, str]:
        """Addresses by id."""
        return {broker.node_id: f"{broker.host}:{broker.port}" for broker in self._manager.cluster.brokers()}

    @property
    def silent(self) -> set[int]:
        """Brokers that let the time of a question pass since `begin`."""
        return self._silent

    def begin(self) -> None:
        """Start a cycle: silent brokers are given another chance."""
        self._silent = set()

    def learn(self, metadata: Any) -> None:
        """Take over brokers and their addresses from a metadata response."""
        self._manager.cluster.update_metadata(metadata)

    def version(self, request: type[Any]) -> int:
        """The newest version of a request that both sides speak; -1 when the cluster does not know it."""
        try:
            return int(self._manager.broker_version_data.api_version(request))
        except errors.IncompatibleBrokerVersion:
            return -1

    def ask(self, questions: Sequence[Question], deadline: float) -> list[Any]:
        """An answer or a KafkaError for each question, in order; not later than `deadline` (monotonic)."""
        answers: list[Any] = self._net.run(self._gather, list(questions), deadline) if questions else []
        return answers

    def close(self) -> None:
        self._manager.close()
        self._net.close()

    async def _reach(self, deadline: float) -> None:
        """Connect to the first bootstrap server that lets us; says of each why it does not."""
        problems = []
        for broker in self._manager.cluster.bootstrap_brokers():
            try:
                connection = self._manager.get_connection(broker.node_id, pop_on_close=False)
                await self._manager.wait_for(connection.init_future, _left_ms(deadline))
                return
            except (errors.KafkaError, OSError) as error:
                problems.append(f"{broker.host}:{broker.port}: {said(error)}")
        raise UnreachableError("; ".join(problems))

    async def _gather(self, questions: list[Question], deadline: float) -> list[Any]:
        answers = await self._once(questions, deadline)
        lost = [at for at, answer in enumerate(answers) if isinstance(answer, errors.KafkaConnectionError)]
        if lost and time.monotonic() + RECONNECT_SECONDS < deadline:
            await self._net.sleep(RECONNECT_SECONDS)
            for at, answer in zip(lost, await self._once([questions[at] for at in lost], deadline), strict=True):
                answers[at] = answer
        return answers

    async def _once(self, questions: Iterable[Question], deadline: float) -> list[Any]:
        sent = [(question.broker, self._send(question, deadline)) for question in questions]
        return [await self._settled(broker, future, deadline) for broker, future in sent]

    def _send(self, question: Question, deadline: float) -> Any:
        broker = self._anyone() if question.broker is None else question.broker
        if broker in self._silent:
            return errors.KafkaTimeoutError("it did not answer in time")
        self.requests += 1
        try:
            return self._manager.send(question.request, broker, _left_ms(deadline))
        except errors.KafkaError as error:
            return error

    async def _settled(self, broker: int | None, sent: Any, deadline: float) -> Any:
        if isinstance(sent, errors.KafkaError):
            return sent
        try:
            return await self._manager.wait_for(sent, _left_ms(deadline))
        except errors.KafkaTimeoutError:
            if broker is not None:
                self._silent.add(broker)
            return errors.KafkaTimeoutError("it did not answer in time")
        except errors.KafkaError as error:
            return error

    def _anyone(self) -> int | None:
        """A broker that is not known to be silent, connected ones first."""
        able = [broker for broker in self.brokers if broker not in self._silent]
        connected = {connection.node_id for connection in self._manager.least_used_connections()}
        return min(able, key=lambda broker: (broker not in connected, broker), default=None)


def said(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).splitlines() or [""]
    system = re.search(r"\b(\d+) E[A-Z]+$", lines[0])
    if system is not None:
        return os.strerror(int(system[1]))
    if lines[0].endswith("socket disconnected"):
        return "the broker hung up; are security_protocol, user and password right?"
    name = type(error).__name__
    return lines[0] if lines[0].startswith(name) else f"{name}{': ' * bool(lines[0])}{lines[0]}"


def _left_ms(deadline: float) -> int:
    return max(1, int((deadline - time.monotonic()) * 1000))
