"""Reads a RabbitMQ broker: fetched in pages, then judged by pure functions. It never takes a message from a queue."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from collectors.base import CollectError, Finding, Reading, Skipped
from collectors.rabbitmq import judge
from collectors.rabbitmq.api import Api, ApiError
from collectors.rabbitmq.broker import Broker, Key, destination, key_of
from collectors.rabbitmq.check import findings
from collectors.rabbitmq.fetch import Fetcher
from collectors.rabbitmq.graph import Graph, drawn
from collectors.rabbitmq.history import History
from collectors.rabbitmq.said import Said
from collectors.rabbitmq.settings import RabbitSettings


class RabbitCollector:
    """One broker or cluster. Its connections are kept between cycles."""

    system = "rabbitmq"
    Settings = RabbitSettings

    def __init__(self, settings: RabbitSettings) -> None:
        self.settings = settings
        self._declared: dict[Key, Key | None] = {
            key_of(one.destination): key_of(one.source) if one.source else None for one in settings.dead_letters
        }
        self._history = History()
        self._graph = Graph()
        self._said = Said()
        self._fetcher: Fetcher | None = None

    def restore(self, memory: Mapping[str, bytes]) -> None:
        self._history.restore(memory)

    def collect(self, now: float, deadline: float) -> Reading:
        reading = Reading()
        try:
            fetcher = self._connected()
            before = fetcher.api.requests
            broker = fetcher.fetch(reading, self._graph.stores, deadline)
        except ApiError as error:
            raise CollectError(f"cannot read {self.settings.url}: {self._explained(error)}") from None
        reading.requests = fetcher.api.requests - before
        reading.skipped += (Skipped(f"virtual host {vhost}", "denied") for vhost in sorted(fetcher.topology.denied))
        self._judge(broker, now, reading)
        reading.memory = self._history.take_changes()
        return reading

    def check(self, deadline: float) -> list[Finding]:
        """Whether the broker answers, what of it can be read, and which tag or permission is missing for the rest."""
        try:
            reading = self.collect(time.time(), deadline)
            assert self._fetcher is not None  # a collect that returned has connected
            who = self._fetcher.api.get("/whoami", deadline)
        except (CollectError, ApiError) as error:
            return [
                Finding(False, str(error), "is it the address of the management API, and do user and password fit?")
            ]
        tags = who["tags"].split(",") if isinstance(who["tags"], str) else who["tags"]  # a string before 3.9
        return findings(self.settings, reading, tags, self._fetcher.topology.denied)

    def close(self) -> None:
        if self._fetcher is not None:
            self._fetcher.api.close()
            self._fetcher = None

    def _connected(self) -> Fetcher:
        if self._fetcher is None:
            try:
                api = Api(self.settings.url, self.settings.login, self.settings.tls())
            except OSError as error:
                raise ApiError(f"its certificates cannot be used: {error}") from None
            self._fetcher = Fetcher(api, self.settings)
        return self._fetcher

    def _explained(self, error: ApiError) -> str:
        if error.refused:
            return f"user {self.settings.username} is refused: wrong name or password, or no tag that lets it in"
        if error.status == 404:
            return f"{error}: is this the management API? its port is 15672 by default"
        return str(error)

    def _judge(self, broker: Broker, now: float, reading: Reading) -> None:
        history = self._history
        history.note_consumers(broker)
        history.note_counters(broker)
        graph = self._graph = drawn(broker, history.worked, self._is_retry, self._declared, self._graph)
        history.note_stores(broker, graph, now)
        samples = reading.samples
        samples += judge.health(broker)
        chosen, over = judge.within_budget(
            broker, graph, self.settings.queue_budget, self.settings.temporary_queue_budget
        )
        reading.skipped += over
        self._said.say(chosen, graph.stores, graph.fed, now, reading)
        samples += judge.streams(broker)
        samples += judge.dead_letters(broker, graph, history, now)
        samples += judge.counters(history)
        for key in self._declared:
            if key not in broker.queues:
                reading.skipped.append(Skipped(f"dead-letter queue {destination(key)}", "absent, or denied"))

    def _is_retry(self, key: Key) -> bool:
        return any(re.fullmatch(pattern, destination(key), re.S) for pattern in self.settings.retry_queues)
