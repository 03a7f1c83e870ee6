"""An agent over a made-up target whose alerts come and go, killed again and again at random moments.

`python killed_agent.py CONFIG KILLS SEED`: each life is a fork of this process, so that it costs no start of Python.
The last life lets all alerts end, and goes when nothing waits to be sent.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from collectors import metrics as m
from collectors.base import Finding, Reading, TargetSettings
from monitor import service
from monitor.alerts.engine import Engine
from monitor.alerts.rules import Rule
from monitor.config import Config, load

RULES = [
    Rule.model_validate(
        {"name": f"Over{above}", "metric": "backlog_messages", "by": ("target", "destination"), "above": above,
         "severity": "critical"}
    )
    for above in (2, 4)
]  # fmt: skip
DESTINATIONS = 4
LONGEST_LIFE_SECONDS = 0.5


class Waves:
    """Backlogs that rise and fall with the clock, whoever looks; `calm` ends them."""

    system, Settings = "test", TargetSettings

    def __init__(self, calm: bool) -> None:
        self.calm = calm

    def collect(self, now: float, deadline: float) -> Reading:
        values = [0 if self.calm else int((now * 3 + 1.7 * number) % 6) for number in range(DESTINATIONS)]
        return Reading(samples=[m.BACKLOG_MESSAGES.sample(value, f"d{n}", "g") for n, value in enumerate(values)])

    def restore(self, memory: Mapping[str, bytes]) -> None: ...

    def check(self, deadline: float) -> list[Finding]:
        return []

    def close(self) -> None: ...


def engine(_: object, alerting: Any, *rest: Any) -> Engine:
    """Every alert is a group of its own and told at once, so that each transition is one message."""
    return Engine(RULES, replace(alerting, group_interval=0.0, group_by=("alertname", "destination")), *rest)


def live(config: Config, calm: bool) -> None:
    """One life of the agent, until it is killed; a calm one until all has been told."""
    target = TargetSettings(name="t", kind="test", interval=0.04)
    agent = service.start_agent(config, [(target, Waves(calm))])
    time.sleep(1.0 if calm else 60.0)
    end = time.monotonic() + 30
    while agent.store.outbox_waiting() and time.monotonic() < end:
        time.sleep(0.05)
    agent.stop()


def main() -> None:
    file, kills, seed = sys.argv[1:]
    config, rng = load(Path(file)), random.Random(int(seed))
    service.Engine = engine  # type: ignore[assignment, misc]
    for life in range(int(kills) + 1):
        calm = life == int(kills)
        child = os.fork()
        if not child:
            live(config, calm)
            os._exit(0)
        if not calm:
            time.sleep(rng.uniform(0.02, LONGEST_LIFE_SECONDS))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
