"""A monitor in small: a store, an engine and receivers, with a clock of its own, that can be killed at any step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from collectors import metrics as m
from collectors.base import Reading, Sample, Scrape
from monitor.alerts.engine import Engine
from monitor.alerts.messages import Notification, from_json
from monitor.alerts.routing import Alerting, Receiver
from monitor.alerts.rules import Rule, parse_rules
from monitor.store.reader import AlertState
from monitor.store.writer import Store, Tx

NOW = 1_700_000_000.0
INTERVAL = 15.0

DOWN = """
[[rules]]
name = "CollectorDown"
metric = "collector_up"
below = 1
severity = "critical"
"""
#: Fires at once where messages wait.
WAITING = """
[[rules]]
name = "Waiting"
metric = "backlog_messages"
by = ["target", "system", "destination"]
above = 0
severity = "critical"
summary = "{{ value }} wait in {{ destination }}"
"""
#: Fires after half a minute of waiting, and holds for a minute.
SLOW = """
[[rules]]
name = "Slow"
metric = "backlog_age_seconds"
by = ["target", "system", "destination"]
above = 0
for = "30s"
keep_firing_for = "60s"
"""


class Killed(BaseException):
    """The process ends here, without any of its `except` and `finally`."""


class Mortal:
    """A transaction that is killed at its so many-th call."""

    def __init__(self, tx: Tx, calls: int) -> None:
        self._tx, self._left = tx, calls

    def __getattr__(self, name: str) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Killed
        return getattr(self._tx, name)


class Monitor:
    """What was sent is kept by receiver, as (key, when it was decided, notification), in order."""

    def __init__(
        self,
        path: Path,
        rules: str = WAITING,
        alerting: Alerting | None = None,
        targets: Mapping[str, float] | None = None,
    ) -> None:
        self.path, self.rules = path, parse_rules(rules, "test")
        self.alerting = alerting or Alerting((Receiver("ops"),))
        self.targets = dict(targets or {"a": INTERVAL})
        self.now, self.world = NOW, dict[tuple[str, str], float]()
        self.inbox: dict[str, list[tuple[str, float, Notification]]] = defaultdict(list)
        self.start()

    def start(self) -> None:
        self.store = Store(self.path)
        self.engine = Engine(self.rules, self.alerting, "http://console", self.targets)
        self.store.change(lambda tx: self.engine.begin(tx, self.now))

    def restart(self, seconds: float = 0.0, rules: list[Rule] | None = None) -> None:
        self.store.close()
        self.rules, self.now = self.rules if rules is None else rules, self.now + seconds
        self.start()

    def close(self) -> None:
        self.store.close()

    def set(self, destination: str, messages: float | None, target: str = "a") -> None:
        """So many messages wait there from now on; None: the destination is gone."""
        if messages is None:
            self.world.pop((target, destination), None)
        else:
            self.world[target, destination] = messages

    def scrape(self, target: str = "a", error: str | None = None, calls: int = 10**9) -> None:
        samples: list[Sample] = []
        for (whose, destination), value in self.world.items() if error is None else ():
            if whose == target:
                samples.append(m.BACKLOG_MESSAGES.sample(value, destination, "g"))
                samples.append(m.BACKLOG_AGE_SECONDS.sample(value, destination, "g"))
        scrape = Scrape(target, "kafka", self.now, 0.1, Reading(samples=samples), error)
        self._mortal(calls, lambda tx: self.engine.judge(tx, self.now, target), lambda f: self.store.record(scrape, f))

    def tick(self, calls: int = 10**9) -> None:
        self._mortal(calls, lambda tx: self.engine.tick(tx, self.now), self.store.change)

    def _mortal(self, calls: int, decide: Callable[[Tx], None], write: Callable[[Callable[[Tx], None]], None]) -> None:
        write(lambda tx: decide(Mortal(tx, calls)))  # type: ignore[arg-type]

    def deliver(self, dies: str = "") -> None:
        for row in self.store.outbox_due(self.now):
            if dies == "before it was sent":
                raise Killed
            self.inbox[row.receiver].append((row.key, row.created_at, from_json(row.payload)))
            if dies == "before it was noted":
                raise Killed
            self.store.outbox_done(row.id, self.now)

    def cycle(self, seconds: float = INTERVAL, *targets: str, error: str | None = None) -> None:
        """Time passes, then these targets are read, and what is due is sent."""
        self.now += seconds
        for target in targets or tuple(self.targets):
            self.scrape(target, error)
        self.tick()
        self.deliver()

    def told(self, receiver: str = "ops") -> list[str]:
        """What was sent, as "rule destination: status" of each alert, a line each message, each key once."""
        once = {key: notification for key, _, notification in self.inbox[receiver]}
        return [
            ", ".join(f"{a.labels['alertname']} {a.labels.get('destination', '')}: {a.status}" for a in one.alerts)
            for one in once.values()
        ]

    def states(self) -> dict[str, str]:
        """The states of alerts by rule and destination."""
        return {f"{s.rule} {s.labels.get('destination', '')}".strip(): s.state for s in self.alerts()}

    def alerts(self) -> list[AlertState]:
        reader = self.store.reader()
        try:
            return reader.alerts()
        finally:
            reader.close()

    def suppressed(self) -> dict[str, str]:
        """Why, by fingerprint."""
        reader = self.store.reader()
        try:
            return reader.suppressed()
        finally:
            reader.close()
