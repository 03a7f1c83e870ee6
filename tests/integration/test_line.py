"""The whole line: a dead letter is produced to a real Kafka, and the webhook receives the alert."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer

from monitor.demo.services import Kafka, free_port
from monitor.store.reader import Reader

pytestmark = pytest.mark.integration

INTERVAL = 3.0


@contextmanager
def webhook() -> Iterator[tuple[str, queue.Queue[dict[str, Any]]]]:
    received: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", received
    server.shutdown()
    server.server_close()


@contextmanager
def agent(folder: Path, text: str) -> Iterator[subprocess.Popen[bytes]]:
    file = folder / "eda-monitor.toml"
    file.write_text(text, encoding="utf-8")
    process = subprocess.Popen([sys.executable, "-m", "monitor", "agent", "--config", str(file)], env=os.environ.copy())
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(5) == 0


def page(port: int) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.TransportError:
        return ""


def until_collected(port: int, what: str, times: int = 1) -> None:
    """Wait until so many changes of the page hold `what`."""
    end = time.monotonic() + 30
    seen: set[str] = set()
    while time.monotonic() < end:
        text = page(port)
        seen |= {line for line in text.splitlines() if what in line}
        if len(seen) >= times:
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} was not collected:\n{page(port)}")


def produce(bootstrap: str, topic: str, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for number in range(count):
        producer.send(topic, b"event %d" % number)
    producer.flush(10)
    producer.close()


def config(kafka: Kafka, url: str, port: int, pattern: str) -> str:
    return f"""
[[targets]]
name = "test"
kind = "kafka"
bootstrap_servers = ["{kafka.bootstrap}"]
interval = "{INTERVAL}s"
topics = {{ include = ["{pattern}.*"] }}
[exporter]
listen = "127.0.0.1:{port}"
[[receivers]]
name = "ops"
kind = "webhook"
url = "{url}"
"""


def test_the_first_dead_letter_of_a_new_topic_is_told_by_the_first_cycle_after_it(kafka: Kafka, tmp_path: Path) -> None:
    name, port = f"line-{uuid.uuid4().hex[:8]}", free_port()
    produce(kafka.bootstrap, name, 3)
    with webhook() as (url, received), agent(tmp_path, config(kafka, url, port, name)):
        until_collected(port, "eda_collector_last_success_timestamp_seconds{", times=2)
        produce(kafka.bootstrap, f"{name}.DLT", 1)
        produced = time.time()
        payload = received.get(timeout=30)

    (alert,) = payload["alerts"]
    assert (alert["status"], alert["labels"]["alertname"]) == ("firing", "DeadLettersGrowing")
    assert alert["labels"]["destination"] == f"{name}.DLT"
    assert alert["labels"]["source"] == name
    cycles, fired = told_by(tmp_path / "eda-monitor.db")
    assert round(fired, 3) <= next(cycle for cycle in cycles if cycle > produced)


def told_by(store: Path) -> tuple[list[float], float]:
    """When each cycle began, and which of them fired the alert."""
    reader = Reader(store)
    try:
        (series,) = reader.window("collector_up", 0, time.time(), {"target": "test"})
        (transition,) = [
            one for one in reader.transitions(0) if (one.rule, one.new) == ("DeadLettersGrowing", "firing")
        ]
        return [at for at, _ in series.points], transition.at
    finally:
        reader.close()


def test_a_restart_of_the_agent_over_old_dead_letters_tells_nobody(kafka: Kafka, tmp_path: Path) -> None:
    name, port = f"line-{uuid.uuid4().hex[:8]}", free_port()
    produce(kafka.bootstrap, f"{name}.DLT", 3)
    for _ in range(2):
        with webhook() as (url, received), agent(tmp_path, config(kafka, url, port, name)):
            until_collected(port, "eda_collector_last_success_timestamp_seconds{", times=3)

            assert received.empty()
