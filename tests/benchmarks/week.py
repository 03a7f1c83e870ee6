"""A store of 10,000 series and seven days, as the benchmarks of the console read it.

`python week.py STORE` goes on reading its targets, as an agent does.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench_rules import Traffic

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.alerts.engine import Engine
from monitor.alerts.routing import Alerting, Receiver
from monitor.alerts.rules import default_rules
from monitor.store.reader import ITSELF
from monitor.store.writer import Store

TARGETS, SERIES, DAY = 10, 10_000, 86400.0
#: Up to so many seconds ago it was read every so many: the last two hours as an agent does, before that less often,
#: for what is older is read from the rollups.
PACE = ((7 * DAY, 1800.0), (2 * DAY, 600.0), (7200.0, 15.0))
#: The last so many readings are judged by the default rules, so that there are alerts.
JUDGED = 4


def fill(path: Path, now: float) -> None:
    """The same store each time, but for when it ends."""
    engine, targets, times = _engine(), _targets(), list(_times(now))
    with closing(Store(path)) as store:
        for number, at in enumerate(times):
            for scrape in _scrapes(targets, at, number):
                if number < len(times) - JUDGED:
                    store.record(scrape)
                else:
                    _judged(store, engine, scrape)
        while store.maintain(now):
            pass


def follow(path: Path) -> None:
    """Go on reading the targets of a store that is filled, as an agent does, until the process is ended."""
    engine, targets, number = _engine(), _targets(), 0
    with closing(Store(path)) as store:
        while True:
            began, number = time.time(), number + 1
            for scrape in _scrapes(targets, began, number):
                _judged(store, engine, scrape)
            time.sleep(max(began + PACE[-1][1] - time.time(), 0))


def _engine() -> Engine:
    return Engine(default_rules(), Alerting((Receiver("ops"),)), "http://console")


def _targets() -> list[Traffic]:
    rng = random.Random(7)
    return [Traffic(f"target-{n}", SERIES // TARGETS, rng) for n in range(TARGETS)]


def _scrapes(targets: list[Traffic], at: float, number: int) -> Iterator[Scrape]:
    """What the agent tells of itself, and what it reads."""
    yield Scrape(ITSELF, ITSELF, at, 0.01, Reading([m.STORE_BYTES.sample(1e8 + number)]))
    for target in targets:
        yield target.moved(at)


def _judged(store: Store, engine: Engine, scrape: Scrape) -> None:
    store.record(scrape, lambda tx: engine.judge(tx, scrape.started_at, scrape.target))


def _times(now: float) -> Iterator[float]:
    for (ago, every), (until, _) in zip(PACE, (*PACE[1:], (0.0, 0.0)), strict=True):
        while ago > until:
            yield now - ago
            ago -= every
    yield now


if __name__ == "__main__":
    follow(Path(sys.argv[1]))
