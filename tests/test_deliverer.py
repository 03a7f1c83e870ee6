"""Messages reach their receiver: tried again, also after a restart, and not twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from collectors.base import Reading, Scrape
from monitor.alerts.engine import GIVE_UP_SECONDS, Deliverer
from monitor.alerts.notifiers import NotifyError, notifier
from monitor.config import ReceiverSettings
from monitor.store import Store

NOW = 1_700_000_000.0


class Receiver:
    """Answers with the given statuses, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.bodies = list(statuses), list[object]()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://user:secret@127.0.0.1:{self.server.server_address[1]}/hook?token=secret"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receivers() -> Iterator[list[Receiver]]:
    made: list[Receiver] = []
    yield made
    for one in made:
        one.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.db")
    made.record(Scrape("t", "kafka", NOW, 0.1, Reading()), lambda tx: tx.enqueue("ops", '{"alerts": []}', NOW))
    yield made
    made.close()


def deliverer(store: Store, receiver: Receiver) -> Deliverer:
    return Deliverer(store, {"ops": notifier(ReceiverSettings(name="ops", kind="webhook", url=receiver.url))})


def test_a_message_that_was_taken_is_not_sent_again(store: Store, receivers: list[Receiver]) -> None:
    receivers.append(receiver := Receiver(200))
    sender = deliverer(store, receiver)

    sender.deliver_due(NOW)
    sender.deliver_due(NOW + 1000)

    assert receiver.bodies == [{"alerts": []}]


@pytest.mark.parametrize("status", [500, 503, 429, 404])
def test_a_message_that_was_refused_is_sent_again(store: Store, receivers: list[Receiver], status: int) -> None:
    receivers.append(receiver := Receiver(status, 200))
    sender = deliverer(store, receiver)

    sender.deliver_due(NOW)
    assert store.outbox_waiting() == 1
    sender.deliver_due(NOW + 3600)

    assert len(receiver.bodies) == 2
    assert store.outbox_waiting() == 0


def test_a_message_waits_over_a_restart(tmp_path: Path, store: Store, receivers: list[Receiver]) -> None:
    receivers.append(receiver := Receiver(500, 200))
    deliverer(store, receiver).deliver_due(NOW)
    store.close()
    again = Store(tmp_path / "store.db")

    deliverer(again, receiver).deliver_due(NOW + 3600)

    assert again.outbox_waiting() == 0
    again.close()


def test_after_a_day_a_message_is_given_up_and_says_why(store: Store, receivers: list[Receiver]) -> None:
    receivers.append(receiver := Receiver(500))
    sender = deliverer(store, receiver)

    sender.deliver_due(NOW + GIVE_UP_SECONDS + 1)
    sender.deliver_due(NOW + 10 * GIVE_UP_SECONDS)

    reader = store.reader()
    (message,) = reader.notifications(1)
    reader.close()
    assert message.sent_at is None
    assert message.last_error is not None
    assert message.last_error.startswith("given up: receiver ops")
    assert len(receiver.bodies) == 1


def test_a_failure_names_the_receiver_and_no_secret(receivers: list[Receiver]) -> None:
    receivers.append(receiver := Receiver(403))
    send = notifier(ReceiverSettings(name="ops", kind="webhook", url=receiver.url))

    with pytest.raises(NotifyError, match=r"receiver ops: 127\.0\.0\.1 answered 403") as caught:
        send("{}")

    assert "secret" not in str(caught.value)


def test_a_receiver_that_is_not_there_is_named() -> None:
    send = notifier(ReceiverSettings(name="ops", kind="webhook", url="http://127.0.0.1:1/secret"))

    with pytest.raises(NotifyError, match=r"receiver ops: 127\.0\.0\.1: ConnectError") as caught:
        send("{}")

    assert "secret" not in str(caught.value)
