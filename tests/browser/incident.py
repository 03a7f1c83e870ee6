"""An incident that is judged as the agent judges, and told by its own threads to receivers of every kind.

The handler of `orders` gets slow and fails; half an hour ago all was well. Its events are tried again, and at last they
become dead letters.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from collectors import metrics as m
from collectors.base import Histogram, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.alerts.delivery import deliverer_of
from monitor.alerts.engine import Engine
from monitor.alerts.notifiers import notifier_class
from monitor.alerts.rules import default_rules
from monitor.alerts.settings import AlertingSettings, alerting_of
from monitor.store.writer import Store

CONSOLE, GRAFANA = "https://eda.example.org", "https://grafana.example.org"
#: Seconds ago: the first reading, the first failure of the handler, the last reading without dead letters; and between.
FIRST, FAILS, DEAD, STEP = 2250, 330, 30, 30
HANDLER = ("order-service", "handle_order", "orders", "billing")
#: Durations of a call, in seconds, when all is well and when it is not.
WELL, SLOW = 0.08, 2.0


@contextmanager
def incident(folder: Path, receivers: Sequence[dict[str, Any]]) -> Iterator[None]:
    """The incident up to now; its messages are on their way while this is open."""
    settings = AlertingSettings.model_validate({})
    kinds = [notifier_class(one["kind"]).Settings.model_validate(one) for one in receivers]
    engine = Engine(default_rules(f"{CONSOLE}/runbooks"), alerting_of(settings, kinds, (), (), GRAFANA), CONSOLE)
    with closing(Store(folder / "eda-monitor.db")) as store:
        now = time.time()
        for ago in range(FIRST, -1, -STEP):
            for scrape in _scrapes(now, ago):
                store.record(scrape, lambda tx, one=scrape: engine.judge(tx, one.started_at, one.target))  # type: ignore[misc]
        deliverer = deliverer_of(store, kinds, settings, lambda: True, STEP, CONSOLE)
        deliverer.start()
        try:
            yield
        finally:
            deliverer.stop(time.monotonic() + 5)


def _scrapes(now: float, ago: float) -> Iterator[Scrape]:
    """What the two targets tell so many seconds ago."""
    failing = max(0.0, FAILS - ago)
    well = FIRST - ago - failing
    broker = Reading(samples=list(_flow(well, failing, dead=max(0.0, DEAD - ago))))
    yield Scrape("kafka", "kafka", now - ago, 0.1, broker)
    yield Scrape("handlers", "handlers", now - ago + 0.001, 0.1, _handler(well, failing))


def _flow(well: float, failing: float, dead: float) -> Iterator[Sample]:
    """After so many seconds in which three events a second came, and so many with twelve."""
    into, out = 3 * well + 12 * failing, 3 * well + 0.4 * failing
    yield m.MESSAGES_IN_TOTAL.sample(into, "orders")
    yield m.MESSAGES_OUT_TOTAL.sample(out, "orders", "billing")
    yield m.BACKLOG_MESSAGES.sample(into - out, "orders", "billing")
    yield m.CONSUMERS.sample(2, "orders", "billing")
    yield m.DEAD_LETTERS.sample(int(dead / 10), "orders.dlq", "orders")
    yield m.DEAD_LETTERED_MESSAGES_TOTAL.sample(int(dead / 10), "orders.dlq", "orders", "")


def _handler(well: float, failing: float) -> Reading:
    counts = [0] * (len(BOUNDS) + 1)
    for seconds, calls in ((WELL, 3 * well), (SLOW, 0.4 * failing)):
        counts[next(at for at, bound in enumerate(BOUNDS) if seconds <= bound)] += int(calls)
    events = [
        m.HANDLER_EVENTS_TOTAL.sample(int(0.995 * 3 * well + 0.24 * failing), *HANDLER, "ok"),
        m.HANDLER_EVENTS_TOTAL.sample(int(0.005 * 3 * well + 0.16 * failing), *HANDLER, "failed"),
    ]
    histogram = Histogram(m.HANDLER_DURATION_SECONDS, (*HANDLER, "ok"), BOUNDS, tuple(counts), 1.0)
    return Reading(samples=events, histograms=[histogram])
