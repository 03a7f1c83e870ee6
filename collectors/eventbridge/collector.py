"""Reads EventBridge: topology by its own lists, figures by CloudWatch, depths by SQS. It puts and takes no event."""

from __future__ import annotations

import time
from collections.abc import Mapping

from collectors.aws.account import Account
from collectors.aws.cloudwatch import CloudWatch, Wanted
from collectors.aws.cycle import Cycle
from collectors.aws.errors import AwsError
from collectors.base import CollectError, Finding, Reading, Skipped
from collectors.eventbridge import figures, judge
from collectors.eventbridge.check import findings
from collectors.eventbridge.settings import EventBridgeSettings
from collectors.eventbridge.topology import Topology

NEWER = "a bus of EventBridge v2, which is not read yet"


class EventBridgeCollector:
    """The buses and rules of an account in a region."""

    system = "aws_eventbridge"
    Settings = EventBridgeSettings

    def __init__(self, settings: EventBridgeSettings) -> None:
        self.settings = settings
        self._topology = Topology(settings)
        self._cloudwatch = CloudWatch(settings)
        self._account: Account | None = None
        self._wanted: list[Wanted] = []

    def restore(self, memory: Mapping[str, bytes]) -> None:
        self._cloudwatch.restore(memory)

    def collect(self, now: float, deadline: float) -> Reading:
        account = self._connected()
        cycle = Cycle(account, Reading(), deadline)
        try:
            with cycle.phase("topology"):
                self._topology.read(cycle, now)
        except AwsError as error:
            raise CollectError(f"cannot read {account.where}: {error}") from None
        self._judge(cycle, now)
        cycle.end()
        return cycle.reading

    def check(self, deadline: float) -> list[Finding]:
        """Whether the account answers, what may be read, what is configured so that events are lost, and the cost."""
        try:
            reading = self.collect(time.time(), deadline)
        except CollectError as error:
            return [
                Finding(
                    False,
                    str(error),
                    "are region, profile and role_arn those that are meant? docs/eventbridge.md has the policy",
                )
            ]
        grid, listed = self._topology.grid, self._topology.listed
        wanted = [(one, self._cloudwatch.interval(one)) for one in self._wanted]
        return list(findings(self._connected().where, self.settings, grid, listed, wanted, reading))

    def close(self) -> None:
        if self._account is not None:
            self._account.close()
            self._account = None

    def _connected(self) -> Account:
        if self._account is None:
            self._account = Account(self.settings)
        return self._account

    def _judge(self, cycle: Cycle, now: float) -> None:
        grid, reading = self._topology.grid, cycle.reading
        chosen, over = judge.within_budget(grid, self.settings.rule_budget)
        reading.skipped += over
        reading.skipped += (Skipped(f"bus {name}", NEWER) for name in grid.newer)
        if self._topology.is_begun:  # else counters of rules that are not known yet would be forgotten
            self._wanted = list(figures.wanted(grid, chosen, self._topology.listed, self.settings.latency_p99))
            with cycle.phase("metrics"):
                self._cloudwatch.read(cycle, self._wanted, now)
            reading.memory = self._cloudwatch.take_changes()
        reading.samples += judge.topology(grid, chosen)
        values = [(key, found.value) for key, *_ in self._wanted if (found := self._cloudwatch.value(key, now))]
        reading.samples += judge.depths(grid, dict(values))
        reading.samples += judge.counters(chosen, self._cloudwatch.totals(now))
        reading.samples += judge.latencies(values)
        reading.samples += judge.told(judge.faults(grid, self._topology.listed))
        reading.samples += judge.not_kept(grid)
