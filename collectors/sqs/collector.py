"""Reads SQS and SNS of an account: fetched at once, then judged by pure functions. It never receives a message."""

from __future__ import annotations

import time
from collections.abc import Mapping

from collectors.aws.account import Account
from collectors.aws.cloudwatch import CloudWatch, Value
from collectors.aws.cycle import Cycle
from collectors.aws.errors import AwsError
from collectors.base import CollectError, Finding, Reading, Skipped
from collectors.sqs import judge
from collectors.sqs.check import findings
from collectors.sqs.estate import Estate
from collectors.sqs.fetch import Fetcher
from collectors.sqs.graph import Graph, drawn
from collectors.sqs.history import History
from collectors.sqs.logs import DeliveryLogs
from collectors.sqs.settings import SqsSettings
from collectors.sqs.wants import removed_key, wanted
from collectors.sums import Key


class SqsCollector:
    """One account and region. Its connections are kept between cycles."""

    system = "aws_sqs"
    Settings = SqsSettings

    def __init__(self, settings: SqsSettings) -> None:
        self.settings = settings
        self._declared = {one.destination: one.source for one in settings.dead_letters}
        self._cloudwatch = CloudWatch(settings)
        self._history = History()
        self._logs = DeliveryLogs()
        self._fetcher = Fetcher(settings)
        self._graph = Graph()
        self._account: Account | None = None
        self._tasks_read_at: dict[str, float] = {}

    def restore(self, memory: Mapping[str, bytes]) -> None:
        self._history.restore(memory)
        self._cloudwatch.restore(memory)
        self._logs.restore(memory)

    def collect(self, now: float, deadline: float) -> Reading:
        if self._account is None:
            self._account = Account(self.settings)
        cycle = Cycle(self._account, Reading(), deadline)
        try:
            self._read(cycle, now)
        except AwsError as error:
            raise CollectError(f"cannot read {self._account.where}: {error}") from None
        self._must_have_read(cycle)
        cycle.end()
        for remembering in (self._history, self._cloudwatch, self._logs):
            cycle.reading.memory |= remembering.take_changes()
        return cycle.reading

    def check(self, deadline: float) -> list[Finding]:
        """Whether the account answers, what of it can be read, which action is missing for the rest, what it costs."""
        try:
            reading = self.collect(time.time(), deadline)
        except CollectError as error:
            return [Finding(False, str(error), "are region, profile and role_arn those that are meant?")]
        assert self._account is not None  # a collect that returned has connected
        estate, actions = self._fetcher.estate, self._account.actions
        an_hour = self._cloudwatch.asked_an_hour(wanted(estate, self._graph))
        return list(findings(self.settings, reading, estate, self._graph, an_hour, actions))

    def close(self) -> None:
        if self._account is not None:
            self._account.close()
            self._account = None

    def _read(self, cycle: Cycle, now: float) -> None:
        estate = self._fetcher.fetch(cycle)
        if self._fetcher.is_new:
            with cycle.phase("dead-letter queues"):
                self._fetcher.read_sources(cycle, drawn(estate, self._declared).stores)
            self._graph = drawn(estate, self._declared)
        graph = self._graph
        if self.settings.move_tasks:
            with cycle.phase("tasks"):
                self._fetcher.read_tasks(cycle, self._with_tasks(estate, graph, now))
        with cycle.phase("CloudWatch"):
            self._cloudwatch.read(cycle, wanted(estate, graph), now)
        if self.settings.delivery_logs:
            with cycle.phase("logs"), cycle.part("logs of deliveries"):
                self._read_logs(cycle, estate, now)
        self._note(estate, graph, now)
        self._judge(cycle.reading, estate, graph, now)

    def _read_logs(self, cycle: Cycle, estate: Estate, now: float) -> None:
        if self._fetcher.is_new:
            self._logs.find(cycle, estate)
        self._logs.read(cycle, now)

    def _with_tasks(self, estate: Estate, graph: Graph, now: float) -> list[str]:
        """Queues whose tasks are asked for: at once where a task runs or fewer dead letters lie, else now and then."""
        chosen = []
        for name in graph.stores.keys() & estate.depths.keys():
            moves, arrivals = self._history.moves.get(name), self._history.arrivals.get(name)
            is_moving = moves is not None and moves.running
            has_fallen = arrivals is not None and estate.depths[name].all < arrivals.depth
            is_due = now - self._tasks_read_at.get(name, 0.0) >= self.settings.quiet_metrics_interval
            if is_moving or has_fallen or is_due:
                self._tasks_read_at[name] = now
                chosen.append(name)
        return sorted(chosen)

    def _note(self, estate: Estate, graph: Graph, now: float) -> None:
        totals = dict(self._cloudwatch.totals(now))
        for name in graph.stores.keys() & estate.depths.keys():
            self._history.note_depth(name, estate.depths[name].all, totals.get(removed_key(name)), now)
        for name, tasks in estate.tasks.items():
            self._history.note_tasks(name, tasks)
        self._history.keep(estate.queues.keys(), now)

    def _judge(self, reading: Reading, estate: Estate, graph: Graph, now: float) -> None:
        def value(key: Key) -> Value | None:
            return self._cloudwatch.value(key, now)

        reading.samples += judge.counters(self._cloudwatch.totals(now))
        reading.samples += judge.queues(estate, graph, value)
        reading.samples += judge.dead_letters(estate, graph, self._history, value)
        reading.samples += judge.subscriptions(estate)
        reading.samples += self._logs.samples(now)
        reading.skipped += judge.unknown(estate, value)
        for name in sorted(self._declared.keys() - estate.queues.keys()):
            reading.skipped.append(Skipped(f"dead-letter queue {name}", "absent, or denied"))

    def _must_have_read(self, cycle: Cycle) -> None:
        """Where nothing was read and something failed, the target as a whole could not be read."""
        if cycle.reading.errors and not self._fetcher.estate.depths and not self._fetcher.estate.topics:
            first = cycle.reading.errors[0]
            raise CollectError(f"cannot read {cycle.account.where}: {first.part}: {first.message}")
