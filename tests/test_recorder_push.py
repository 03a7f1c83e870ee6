"""Pushing what was counted: each event once, whatever the receiver answers or fails to."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from handled import recorder, value  # noqa: F401
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA

from collectors.handlers import PushError, count, instrument, push
from collectors.handlers.geometry import BOUNDS

ROOT = Path(__file__).parent.parent


class Receiver:
    """Takes what is pushed; `answers` are given first: statuses, or None for no answer at all."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answers: list[int | None] = []
        self.body = b"{}"
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.headers.append(dict(self.headers))
                receiver.paths.append(self.path)
                answer = receiver.answers.pop(0) if receiver.answers else 200
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer)
                self.send_header("Content-Length", str(len(receiver.body)))
                self.send_header("Location", "/login")
                self.end_headers()
                self.wfile.write(receiver.body)

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def requests(self) -> list[ExportMetricsServiceRequest]:
        """What was taken, each body once."""
        distinct = list(dict.fromkeys(self.bodies))
        return [json_format.Parse(body, ExportMetricsServiceRequest()) for body in distinct]

    def counted(self) -> dict[tuple[str, str], float]:
        """Events by name and outcome, over all bodies that differ."""
        found: dict[tuple[str, str], float] = {}
        for request in self.requests():
            for metric in metrics(request):
                if metric.name != "eda_handler_events_total":
                    continue
                for point in metric.sum.data_points:
                    key = (metric.name, attributes(point).get("outcome", ""))
                    found[key] = found.get(key, 0) + point.as_double
        return found


def metrics(request: ExportMetricsServiceRequest) -> list[Any]:
    return [m for resource in request.resource_metrics for scope in resource.scope_metrics for m in scope.metrics]


def attributes(of: Any) -> dict[str, str]:
    return {attribute.key: attribute.value.string_value for attribute in of.attributes}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("collectors.handlers.recorder.pushing._FIRST_PAUSE", 0.01)
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def handle(times: int, destination: str = "orders", service: str | None = None) -> None:
    orders = instrument(destination, group="g", handler="h", service=service)
    for _ in range(times):
        with orders.event():
            pass


EVENTS = ("eda_handler_events_total", "ok")


def test_a_push_says_everything_in_otlp(receiver: Receiver) -> None:
    orders = instrument("orders", group="g", handler="h", timestamp=lambda event: 5.0)
    orders(lambda event: None)(1)
    with orders.event(count=3) as event:
        event.failed("no stock")
    count("eda_dead_letters_sent_total", ("shop", "orders.dlq", "orders", "no stock"))
    assert push(receiver.url)
    [request] = receiver.requests()
    [resource] = request.resource_metrics
    assert attributes(resource.resource)["service.name"] == "shop"
    assert len(attributes(resource.resource)["service.instance.id"]) == 32
    by_name = {metric.name: metric for metric in metrics(request)}
    assert set(by_name) == {
        "eda_handler_duration_seconds", "eda_handler_queue_seconds", "eda_handler_events_total",
        "eda_handler_failures_total", "eda_handler_last_success_timestamp_seconds", "eda_dead_letters_sent_total",
    }  # fmt: skip
    durations = by_name["eda_handler_duration_seconds"].histogram
    assert durations.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA
    labels = {"service": "shop", "handler": "h", "destination": "orders", "group": "g", "outcome": "ok"}
    [ok, _] = durations.data_points
    assert attributes(ok) == labels
    assert (ok.count, sum(ok.bucket_counts), len(ok.bucket_counts)) == (1, 1, len(BOUNDS) + 1)
    assert list(ok.explicit_bounds) == list(BOUNDS)
    assert 0 < ok.start_time_unix_nano < ok.time_unix_nano
    events = by_name["eda_handler_events_total"].sum
    assert events.is_monotonic
    assert events.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA
    assert {attributes(point)["outcome"]: point.as_double for point in events.data_points} == {"ok": 1, "failed": 3}
    assert receiver.paths == ["/v1/metrics"]
    assert receiver.headers[0]["Content-Type"] == "application/json"


def test_only_what_was_not_pushed_before_is_pushed(receiver: Receiver) -> None:
    handle(2)
    push(receiver.url)
    push(receiver.url)
    assert len(receiver.bodies) == 1
    handle(3)
    push(receiver.url)
    assert receiver.counted() == {EVENTS: 5}
    first, second = (metrics(request)[0].histogram.data_points[0] for request in receiver.requests())
    assert second.start_time_unix_nano == first.time_unix_nano


def test_services_are_resources_of_their_own(receiver: Receiver) -> None:
    handle(1, service="shop")
    handle(1, service="mail")
    push(receiver.url)
    [request] = receiver.requests()
    assert {attributes(each.resource)["service.name"] for each in request.resource_metrics} == {"shop", "mail"}


@pytest.mark.parametrize("answer", [429, 502, 503, 504, None])
def test_the_same_is_sent_again_until_it_is_taken(receiver: Receiver, answer: int | None) -> None:
    receiver.answers = [answer, answer]
    handle(2)
    assert push(receiver.url)
    assert len(receiver.bodies) == 3
    assert len(set(receiver.bodies)) == 1


def test_what_found_no_answer_is_sent_first_the_next_time(receiver: Receiver) -> None:
    receiver.answers = [None] * 50
    handle(2)
    assert not push(receiver.url, timeout=0.2)
    handle(1)
    receiver.answers = []
    assert push(receiver.url)
    assert receiver.bodies[-2] == receiver.bodies[0]
    assert receiver.counted() == {EVENTS: 3}


@pytest.mark.parametrize("answer", [400, 401, 404, 500, 302])
def test_what_was_refused_is_part_of_the_next_push(receiver: Receiver, answer: int) -> None:
    receiver.answers = [answer]
    handle(2)
    assert not push(receiver.url)
    assert len(receiver.bodies) == 1
    receiver.bodies.clear()
    handle(1)
    assert push(receiver.url)
    assert receiver.counted() == {EVENTS: 3}


def test_a_push_that_fails_is_told_not_raised(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.answers = [400]
    handle(1)
    assert not push(receiver.url)
    assert f"push to {receiver.url}/v1/metrics: HTTP 400" in caplog.text
    assert value("recorder_errors_total", reason="PushError") == 1


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "file:///etc/passwd", "nonsense", "http://127.0.0.1:1", "http://["])
def test_a_push_raises_only_when_asked_to(url: str) -> None:
    handle(1)
    assert push(url, timeout=0.2) is False
    with pytest.raises(PushError, match="push"):
        push(url, timeout=0.2, raise_errors=True)


def test_a_receiver_that_hangs_does_not_hold_up_the_job() -> None:
    import socket
    import time

    handle(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert not push(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3)
        assert time.monotonic() - began < 5


def test_points_that_the_receiver_rejects_are_told(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.body = b'{"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "too many"}}'
    handle(1)
    assert push(receiver.url)
    assert "rejected 2 points: too many" in caplog.text


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"partialSuccess": null}', b"\xff"])
def test_any_answer_of_success_is_success(receiver: Receiver, body: bytes) -> None:
    receiver.body = body
    handle(1)
    assert push(receiver.url, raise_errors=True)


def test_headers_are_sent_along(receiver: Receiver) -> None:
    handle(1)
    push(receiver.url + "/v1/metrics", headers={"Authorization": "Bearer t"})
    assert receiver.headers[0]["Authorization"] == "Bearer t"
    assert receiver.paths == ["/v1/metrics"]


AT_EXIT = """
import os, sys
from collectors.handlers import instrument, push
push(sys.argv[1], at_exit=True)
orders = instrument("orders", handler="h", service="job")
with orders.event():
    pass
if os.fork() == 0:
    for _ in range(10):
        with orders.event():
            pass
else:
    os.wait()
"""


def test_at_the_end_of_the_program_every_process_pushes_its_own(receiver: Receiver) -> None:
    subprocess.run([sys.executable, "-c", AT_EXIT, receiver.url], cwd=ROOT, check=True)
    assert receiver.counted() == {EVENTS: 11}
    identities = {
        attributes(resource.resource)["service.instance.id"]
        for request in receiver.requests()
        for resource in request.resource_metrics
    }
    assert len(identities) == 2


def test_numbers_in_json_are_as_otlp_wants_them(receiver: Receiver) -> None:
    handle(1)
    push(receiver.url)
    body = json.loads(receiver.bodies[0])
    histogram = next(
        metric["histogram"]
        for metric in body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
        if "histogram" in metric
    )
    point = histogram["dataPoints"][0]
    assert point["count"] == "1"
    assert isinstance(point["startTimeUnixNano"], str)
