"""The deliverer: a receiver that hangs delays no other, and what is counted is shown."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from receiving import NOW, Receiver, a_notification, made, receiving

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.alerts.delivery import Deliverer, deliverer_of
from monitor.alerts.lanes import Receiving
from monitor.alerts.messages import to_json
from monitor.alerts.notifiers import NotifyError, ReceiverSettings, notifier_class
from monitor.alerts.settings import AlertingSettings
from monitor.store.writer import AlertState, Store, Tx


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "store.db")) as made:
        yield made


def put(store: Store, *receivers: str) -> None:
    text, at = to_json(a_notification()), time.time()
    for name in receivers:
        store.record(Scrape("t", "kafka", at, 0.1, Reading()), lambda tx, name=name: tx.enqueue(name, text, at))  # type: ignore[misc]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


def settings(kind: str, **values: object) -> ReceiverSettings:
    given: ReceiverSettings = notifier_class(kind).Settings.model_validate({"name": kind, "kind": kind, **values})
    return given


def test_a_receiver_that_hangs_delays_neither_the_others_nor_the_end(store: Store) -> None:
    with receiving(200) as hanging, receiving(200) as other:
        hanging.go.clear()
        lanes = {name: Receiving(made("webhook", url=one.url)) for name, one in (("a", hanging), ("b", other))}
        put(store, "a", "b")
        deliverer = Deliverer(store, lanes)
        deliverer.start()
        until(lambda: len(hanging.requests) == 1 and len(other.requests) == 1)
        put(store, "b")
        deliverer.wake()
        until(lambda: len(other.requests) == 2)

        began = time.monotonic()
        deliverer.stop(began + 0.2)

        assert time.monotonic() - began < 2
        hanging.go.set()
        for thread in deliverer._threads:
            thread.join(10)


def test_what_was_taken_and_given_up_is_counted_from_0_by_receiver(store: Store) -> None:
    class Refuses:
        Settings, holds_open = ReceiverSettings, False

        def send(self, notification: object, key: str) -> str:
            raise NotifyError("no", permanent=True)

    with receiving(200) as receiver:
        deliverer = Deliverer(
            store, {"good": Receiving(made("webhook", url=receiver.url)), "bad": Receiving(Refuses())}
        )
        assert m.NOTIFICATIONS_FAILED_TOTAL.sample(0, "good") in list(deliverer.samples())
        put(store, "good", "bad")
        for hour in range(10):
            deliverer.deliver_due(time.time() + hour * 3600)

    samples = list(deliverer.samples())
    assert m.NOTIFICATIONS_SENT_TOTAL.sample(1, "good") in samples
    assert m.NOTIFICATIONS_FAILED_TOTAL.sample(0, "good") in samples
    assert m.NOTIFICATIONS_FAILED_TOTAL.sample(1, "bad") in samples


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(200) as made:
        yield made


def test_the_watchdog_calls_its_address_while_the_agent_is_healthy(store: Store, receiver: Receiver) -> None:
    alerting = AlertingSettings.model_validate(
        {"watchdog_url": f"{receiver.url}/ping/s3cr3t", "watchdog_interval": 0.05}
    )
    healthy = threading.Event()
    deliverer = deliverer_of(store, [], alerting, healthy.is_set, 15, "http://c")
    deliverer.start()
    deliverer.wake()
    assert receiver.requests == []

    healthy.set()
    deliverer.wake()
    until(lambda: len(receiver.requests) >= 2)
    deliverer.stop(time.monotonic() + 5)

    assert {(one.method, one.path) for one in receiver.requests} == {("GET", "/ping/s3cr3t")}


def test_a_watchdog_that_cannot_be_reached_is_told_once_and_without_its_secret(
    store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.statuses = [404]
    alerting = AlertingSettings.model_validate(
        {"watchdog_url": f"{receiver.url}/ping/s3cr3t", "watchdog_interval": 0.01, "watchdog_method": "POST"}
    )
    deliverer = deliverer_of(store, [], alerting, lambda: True, 15, "http://c")
    deliverer.start()
    until(lambda: len(receiver.requests) >= 3)
    deliverer.stop(time.monotonic() + 5)

    assert [record.getMessage() for record in caplog.records] == [
        f"alerting.watchdog_url: {receiver.url} answered 404 Not Found"
    ]


def test_an_alertmanager_has_a_count_and_no_lane(store: Store) -> None:
    given = settings("alertmanager", urls=["http://127.0.0.1:1", "http://127.0.0.1:2"])
    alerting = AlertingSettings.model_validate({})

    deliverer = deliverer_of(store, [given], alerting, lambda: True, 15, "http://c")

    assert deliverer.lanes == {}
    assert list(deliverer.samples()) == [m.NOTIFICATIONS_FAILED_TOTAL.sample(0, "alertmanager")]


def test_an_alertmanager_is_told_of_a_transition_at_once(store: Store, receiver: Receiver) -> None:
    state = AlertState("A", "f", {"alertname": "A"}, "firing", NOW, time.time(), None, 1.0, {}, NOW)

    def judge(tx: Tx) -> None:
        tx.save_alert(state)
        tx.add_transition("A", "f", state.labels, "pending", "firing", NOW, 1.0)

    given = settings("alertmanager", urls=[receiver.url])
    deliverer = deliverer_of(store, [given], AlertingSettings.model_validate({}), lambda: True, 15, "http://c")
    deliverer.start()
    store.record(Scrape("t", "kafka", time.time(), 0.1, Reading()), judge)
    deliverer.wake()
    until(lambda: len(receiver.bodies) == 1)
    deliverer.stop(time.monotonic() + 5)

    assert receiver.bodies[0][0]["labels"] == {"alertname": "A"}


DELIVER = """
import sys, time
sys.path.insert(0, "tests")
from monitor.alerts.delivery import Deliverer
from monitor.alerts.lanes import Receiving
from monitor.store.writer import AlertState, Store, Tx
from receiving import made
store = Store(sys.argv[1])
Deliverer(store, {"ops": Receiving(made("webhook", url=sys.argv[2]))}).start()
while store.outbox_waiting():
    time.sleep(0.01)
"""


def test_killed_while_the_receiver_takes_it_a_message_is_sent_again_under_its_key(
    tmp_path: Path, receiver: Receiver
) -> None:
    with closing(Store(tmp_path / "store.db")) as store:
        put(store, "ops")
    command = [sys.executable, "-c", DELIVER, str(tmp_path / "store.db"), receiver.url]
    receiver.go.clear()
    first = subprocess.Popen(command, cwd=Path(__file__).parent.parent)
    until(lambda: len(receiver.requests) == 1)
    first.kill()
    first.wait()
    receiver.go.set()

    subprocess.run(command, cwd=Path(__file__).parent.parent, check=True, timeout=30)

    once, again = receiver.requests
    assert once.headers["idempotency-key"] == again.headers["idempotency-key"]
    assert once.body == again.body
