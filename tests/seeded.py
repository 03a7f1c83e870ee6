"""A store with an incident of an hour, for looking at: one fault of every kind, and groups that are well.

`python tests/seeded.py FILE [--follow]` fills a store up to now; with `--follow` it is kept up to date.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

from collectors import metrics as m
from collectors.base import Histogram, PartError, Reading, Sample, Scrape, Skipped
from collectors.handlers.geometry import BOUNDS
from monitor.alerts.engine import Engine
from monitor.alerts.routing import Alerting, Receiver
from monitor.alerts.rules import default_rules
from monitor.store.reader import ITSELF
from monitor.store.writer import Store

#: Seconds: how long the store tells of, how far its readings are apart, and how long ago all began to go wrong.
LENGTH, STEP, BROKEN = 3900, 30, 1500
#: Events a second that a destination gets when all is well.
RATE = 10.0
HOSTILE = "<b>*x*</b> :red[y] $1$ [a](http://b) " + "long" * 40 + "‮abc אבג"


def seed(path: Path, now: float | None = None, until: float = 0.0, hostile: bool = False) -> None:
    """The incident up to so many seconds before now."""
    moment, engine = now or time.time(), Engine(default_rules(), Alerting((Receiver("ops"),)), "http://console")
    with closing(Store(path)) as store:
        ago = float(LENGTH)
        while ago >= until:
            record(store, engine, moment - ago, LENGTH - ago, hostile)
            ago -= STEP
        while store.maintain(moment):
            pass


def record(store: Store, engine: Engine, at: float, seconds: float, hostile: bool = False) -> None:
    """What all targets tell, so many seconds after the beginning."""
    gone = max(0.0, seconds - (LENGTH - BROKEN))
    for target, system, reading in (
        ("shop", "kafka", _shop(seconds, gone, hostile)),
        ("mail", "rabbitmq", _mail(seconds, gone)),
        ("services", "handlers", _services(seconds, gone)),
        (ITSELF, ITSELF, _itself(seconds)),
    ):
        scrape = Scrape(target, system, round(at, 3), 0.12, reading)
        store.record(scrape, lambda tx, one=scrape: engine.judge(tx, one.started_at, one.target))  # type: ignore[misc]


def _shop(seconds: float, gone: float, hostile: bool) -> Reading:
    samples = [
        *flow("orders", "billing", seconds, RATE * seconds, 0, 4),
        *flow("shipments", "dispatch", seconds, RATE * seconds, RATE * max(0, gone - 700), 0 if gone > 700 else 3),
        *flow("invoices", "invoicer", seconds, RATE * seconds, RATE * max(0, gone - 400), 2),
        *flow("payments", "ledger", seconds, RATE * seconds, 4 * max(0, gone - 900), 2),
        *flow("clicks", "analytics", seconds, RATE * seconds + 40 * max(0, gone - 1100), 25 * max(0, gone - 1100), 6),
        *flow("audit", "archive", seconds, RATE * seconds, max(0, 40_000 - 9 * seconds), 2),
        *(s for n in range(8) for s in flow(f"catalogue-{n}", f"search-{n}", seconds, 3 * seconds, 2, 2)),
        *dead("payments.dlq", "payments", 0.05 * max(0, gone - 900), max(0, gone - 900)),
        *dead("invoices-dlt", "invoices", 0.2 * max(0, gone - 1200), max(0, gone - 1200)),
        *dead("orders.dlq", "orders", 7, 4 * 86400),
        m.DEAD_LETTER_RETENTION_MARGIN_SECONDS.sample(3 * 86400, "orders.dlq"),
        m.GROUP_STATE.sample(5 if gone > 1000 else 3, "ledger"),
        m.COLLECTOR_INTERVAL_SECONDS.sample(STEP),
        *(m.COLLECTOR_DURATION_SECONDS.sample(s, p) for p, s in (("collect", 0.12), ("offsets", 0.05))),
    ]
    if hostile:
        samples += [*flow(HOSTILE, HOSTILE, seconds, RATE * seconds, gone, 0), *dead(HOSTILE, HOSTILE, gone / 10, gone)]
    skipped = [Skipped("clicks", "partitions over the budget")]
    return Reading(samples, skipped=skipped, errors=[PartError("broker 2", "did not answer in time")], requests=12)


def _mail(seconds: float, gone: float) -> Reading:
    return Reading(
        [
            *flow("emails", "emails", seconds, 2 * seconds, 3, 1),
            *dead("emails.dead", "emails", 0, 0),
            m.CONFIGURATION_FAULT.sample(1, "emails", "dead_letter_exchange_missing"),
            m.DEAD_LETTER_ROUTE.sample(1, "emails", "emails.dead"),
            m.UNROUTABLE_MESSAGES_TOTAL.sample(int(gone / 60), "", "returned"),
            m.NODE_UP.sample(1, "rabbit@a"),
            m.COLLECTOR_INTERVAL_SECONDS.sample(STEP),
            m.COLLECTOR_DURATION_SECONDS.sample(0.08, "collect"),
        ],
        requests=6,
    )


def _services(seconds: float, gone: float) -> Reading:
    late = max(0.0, gone - 900)
    samples, histograms = [], []
    for service, destination, group, calls, slow, failed in (
        ("order-service", "orders", "billing", RATE * seconds, 0.0, 0.002 * RATE * seconds),
        ("payment-service", "payments", "ledger", RATE * (seconds - late), 6 * late, 0.9 * late),
        ("invoice-service", "invoices", "invoicer", RATE * (seconds - max(0, gone - 400)), 0.0, max(0, gone - 400)),
    ):
        labels = (service, "handle", destination, group)
        samples += [
            m.HANDLER_EVENTS_TOTAL.sample(int(calls + slow), *labels, "ok"),
            m.HANDLER_EVENTS_TOTAL.sample(int(failed), *labels, "failed"),
            m.HANDLER_FAILURES_TOTAL.sample(int(0.7 * failed), *labels, "TimeoutError"),
            m.HANDLER_FAILURES_TOTAL.sample(int(0.3 * failed), *labels, "ValueError"),
            m.HANDLER_IN_PROGRESS.sample(2 if late else 1, *labels),
            m.MESSAGES_PUBLISHED_TOTAL.sample(int(RATE * seconds), "web-shop", destination),
        ]
        histograms.append(durations(m.HANDLER_DURATION_SECONDS, (*labels, "ok"), calls, slow))
        if destination == "payments":
            histograms.append(durations(m.HANDLER_QUEUE_SECONDS, labels, calls, slow))
    samples = list({(one.metric.name, one.labels): one for one in samples}.values())
    samples += [m.COLLECTOR_INTERVAL_SECONDS.sample(STEP), m.COLLECTOR_DURATION_SECONDS.sample(0.02, "collect")]
    return Reading(samples, histograms, requests=3)


def _itself(seconds: float) -> Reading:
    waiting = m.NOTIFICATIONS_WAITING.sample(12)
    return Reading([m.STORE_BYTES.sample(2e6 + 400 * seconds), m.STORE_WAL_BYTES.sample(1e5), waiting])


def flow(
    destination: str, group: str, seconds: float, written: float, backlog: float, consumers: int
) -> Iterator[Sample]:
    labels = (destination, group)
    yield m.MESSAGES_IN_TOTAL.sample(int(written), destination)
    yield m.MESSAGES_OUT_TOTAL.sample(int(written - backlog), *labels)
    yield m.BACKLOG_MESSAGES.sample(int(backlog), *labels)
    yield m.BACKLOG_AGE_SECONDS.sample(backlog / RATE, *labels)
    yield m.BACKLOG_AGE_QUALITY.sample(2, *labels)
    yield m.CONSUMERS.sample(consumers, *labels)


def dead(destination: str, source: str, count: float, age: float) -> Iterator[Sample]:
    yield m.DEAD_LETTERS.sample(int(count), destination, source)
    yield m.DEAD_LETTERED_MESSAGES_TOTAL.sample(int(count), destination, source, "")
    if count:
        yield m.DEAD_LETTER_AGE_SECONDS.sample(age, destination)


def durations(metric: object, labels: tuple[str, ...], quick: float, slow: float) -> Histogram:
    """Calls of about 80 ms, spread over four buckets, and slow ones of about two seconds."""
    counts = [0] * (len(BOUNDS) + 1)
    for middle, calls in ((0.08, quick), (2.0, slow)):
        at = next(number for number, bound in enumerate(BOUNDS) if middle <= bound)
        for offset, share in ((-2, 0.1), (-1, 0.25), (0, 0.4), (1, 0.2), (2, 0.05)):
            counts[at + offset] += int(share * calls)
    return Histogram(metric, labels, BOUNDS, tuple(counts), 0.08 * quick + 2.0 * slow)  # type: ignore[arg-type]


@contextmanager
def followed(path: Path, began: float) -> Iterator[None]:
    """The incident goes on, from a thread of its own, as long as this is open."""
    ended = Event()
    thread = Thread(target=_follow, args=(path, began, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)


def _follow(path: Path, began: float, ended: Event) -> None:
    engine = Engine(default_rules(), Alerting((Receiver("ops"),)), "http://console")
    with closing(Store(path)) as store:
        while not ended.wait(10):
            record(store, engine, time.time(), time.time() - began)
            store.maintain(time.time())


def main(path: Path, follow: bool) -> None:
    seed(path)
    with followed(path, time.time() - LENGTH):
        while follow:
            time.sleep(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--follow" in sys.argv)
