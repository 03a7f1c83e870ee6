"""The OTLP receiver over HTTP: statuses, hostile bodies, slow clients; after each it still answers."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from exports import LATER, buckets, counter, gauge, histogram, number, request
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from collectors.handlers.otlp import OtlpError, Receiver
from collectors.handlers.otlp.answers import JSON, PROTOBUF, Answer
from collectors.handlers.otlp.connections import Connections, Held
from collectors.handlers.otlp.decode import MOST_INFLATED, MOST_RAW
from collectors.handlers.otlp.server import Request

NOW = LATER / 1e9
EXPORT = request(counter(number(3, destination="orders")), histogram(buckets())).SerializeToString()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver("127.0.0.1:0", clock=lambda: NOW)
    yield made
    made.close()


def connect(receiver: Receiver) -> tuple[str, int]:
    host, _, port = receiver.start().rpartition(":")
    return host.strip("[]"), int(port)


def send(
    receiver: Receiver, body: bytes = EXPORT, method: str = "POST", path: str = "/v1/metrics", **headers: str
) -> Any:
    """The response, with its `body`; headers are given with underscores, protobuf is the default."""
    connection = http.client.HTTPConnection(*connect(receiver), timeout=10)
    named = {"Content-Type": PROTOBUF} | {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


def raw(receiver: Receiver, data: bytes) -> bytes:
    """What comes back to these bytes until the receiver closes the connection."""
    with socket.create_connection(connect(receiver), timeout=10) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def head(*lines: str, length: int | None = None) -> bytes:
    named = [f"Content-Type: {PROTOBUF}", *lines, *([] if length is None else [f"Content-Length: {length}"])]
    return "\r\n".join(["POST /v1/metrics HTTP/1.1", "Host: x", *named, "", ""]).encode()


def points(receiver: Receiver) -> dict[str, Any]:
    return {point.name: point.value for one in receiver.instances(NOW) for point in one.points}


def still_answers(receiver: Receiver) -> bool:
    return bool(send(receiver).status == 200 and points(receiver)["orders_total"] == 3)


# Statuses


def test_a_request_that_is_taken_is_answered_with_no_bytes_in_protobuf(receiver: Receiver) -> None:
    response = send(receiver)

    assert (response.status, response.body, response.headers["Content-Length"]) == (200, b"", "0")
    assert response.headers["Content-Type"] == PROTOBUF
    assert set(points(receiver)) == {"orders_total", "duration_seconds"}


def test_json_is_answered_in_json_and_says_what_protobuf_says(receiver: Receiver) -> None:
    body = json_format.MessageToJson(request(counter(number(3, destination="orders")), histogram(buckets()))).encode()
    response = send(receiver, body, Content_Type="application/json; charset=utf-8")
    told = receiver.instances(NOW)
    other = Receiver("127.0.0.1:0", clock=lambda: NOW)
    send(other, request(counter(number(3, destination="orders")), histogram(buckets())).SerializeToString())

    assert (response.status, response.headers["Content-Type"], response.body) == (200, JSON, b"{}")
    assert told == other.instances(NOW) != []
    other.close()


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"path": "/v1/traces"}, 404),
        ({"path": "/"}, 404),
        ({"path": "/v1/metrics?x=1"}, 200),
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
        ({"method": "HEAD", "body": b""}, 405),
        ({"method": "BREW"}, 405),
        ({"method": "GET", "path": "/metrics"}, 404),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": ""}, 415),
        ({"Content_Encoding": "deflate"}, 415),
        ({"Content_Encoding": "gzip, gzip"}, 415),
        ({"Content_Encoding": "identity"}, 200),
        ({"Content_Encoding": "GZIP", "body": gzip.compress(EXPORT)}, 200),
        ({"Content_Encoding": "gzip"}, 400),
        ({"Content_Length": "-1"}, 400),
        ({"Content_Length": "+5"}, 400),
        ({"Content_Length": "many"}, 400),
        ({"Content_Length": str(MOST_RAW + 1)}, 413),
        ({"body": b""}, 200),
        ({"body": b"", "Content_Type": JSON}, 400),
    ],
)
def test_every_fault_has_its_status(receiver: Receiver, how: dict[str, Any], status: int) -> None:
    assert send(receiver, **how).status == status
    assert still_answers(receiver)


def test_405_says_what_is_allowed(receiver: Receiver) -> None:
    assert send(receiver, method="GET").headers["Allow"] == "POST"


def test_a_fault_is_told_in_the_encoding_of_the_request(receiver: Receiver) -> None:
    json_fault, fault = send(receiver, b"[", Content_Type=JSON), send(receiver, b"\xff")

    assert json.loads(json_fault.body)["code"] == 3
    assert (fault.headers["Content-Type"], fault.body[:2]) == (PROTOBUF, b"\x08\x03")


def test_without_a_length_and_without_chunks_there_is_no_body(receiver: Receiver) -> None:
    assert raw(receiver, head()).startswith(b"HTTP/1.1 411 ")


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_chunks_are_put_together(receiver: Receiver, step: int) -> None:
    parts = [EXPORT[at : at + step] for at in range(0, len(EXPORT), step)]
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in parts)

    assert b" 200 " in raw(receiver, head("Transfer-Encoding: chunked") + chunks + b"0\r\nTrailer: x\r\n\r\n")
    assert points(receiver)["orders_total"] == 3


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head("Transfer-Encoding: chunked") + b"nonsense\r\n", 400),
        (head("Transfer-Encoding: chunked") + b"-1\r\n", 400),
        (head("Transfer-Encoding: chunked") + b"3\r\nabcdef\r\n", 400),
        (head("Transfer-Encoding: chunked") + b"fffffff\r\n", 413),
        (head("Transfer-Encoding: gzip"), 400),
        (head("Transfer-Encoding: chunked", length=3) + b"0\r\n\r\n", 400),
        (head("Content-Length: 3", length=4) + b"abcd", 400),
        (head(length=5) + EXPORT, 400),
        (b"nonsense\r\n\r\n", 400),
        (b"POST /v1/metrics HTTP/9.9\r\n\r\n", 505),
        (b"POST /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (head(*(f"X-{n}: x" for n in range(200))), 431),
        (head(f"X: {'x' * 70_000}"), 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
def test_broken_http_has_its_status(receiver: Receiver, data: bytes, status: int) -> None:
    assert f" {status} ".encode() in raw(receiver, data).partition(b"\r\n")[0] + b" "
    assert still_answers(receiver)


def test_who_asks_before_sending_too_much_is_told_at_once(receiver: Receiver) -> None:
    with socket.create_connection(connect(receiver), timeout=10) as client:
        client.sendall(head("Expect: 100-continue", length=MOST_RAW + 1))
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")


def test_who_asks_before_sending_what_fits_is_told_to_go_on(receiver: Receiver) -> None:
    with socket.create_connection(connect(receiver), timeout=10) as client:
        client.sendall(head("Expect: 100-continue", length=len(EXPORT)))
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        client.sendall(EXPORT)
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_connection_serves_many_requests(receiver: Receiver) -> None:
    connection = http.client.HTTPConnection(*connect(receiver), timeout=10)
    for value in (1, 2, 3):
        body = request(counter(number(value, time=LATER + value))).SerializeToString()
        connection.request("POST", "/v1/metrics", body, {"Content-Type": PROTOBUF})
        assert connection.getresponse().read() == b""
        socket_of_first = connection.sock
    assert connection.sock is socket_of_first is not None
    connection.close()

    assert points(receiver)["orders_total"] == 3


def test_a_client_that_still_sends_gets_its_answer(receiver: Receiver) -> None:
    answer = raw(receiver, head(length=MOST_RAW + 1) + bytes(8 * 1024 * 1024))

    assert answer.startswith(b"HTTP/1.1 413 ")


# What is refused of a request


def test_a_part_that_does_not_fit_is_told_to_the_sender_and_to_the_collector(receiver: Receiver) -> None:
    body = request(counter(number(3), number(-1, a="1"), number(-2, a="2"))).SerializeToString()
    answer = ExportMetricsServiceResponse.FromString(send(receiver, body).body).partial_success

    assert answer.rejected_data_points == 2
    assert answer.error_message == "orders: a counter below zero (2 data points)"
    assert receiver.take_rejected() == [("orders of billing", "a counter below zero")]
    assert receiver.take_rejected() == []


def test_ten_thousand_series_are_taken_up_to_the_budget(receiver: Receiver) -> None:
    body = request(counter(*(number(1, key=str(n)) for n in range(10_000)))).SerializeToString()
    answer = ExportMetricsServiceResponse.FromString(send(receiver, body).body).partial_success

    assert answer.rejected_data_points == 5_000
    assert sum(len(one.points) for one in receiver.instances(NOW)) == 5_000


def test_what_is_told_of_refusals_is_bounded(receiver: Receiver) -> None:
    body = request(*(counter(number(-1), name=f"m{n}") for n in range(1_000))).SerializeToString()
    send(receiver, body)

    told = receiver.take_rejected()
    assert len(told) == 101
    assert told[-1] == ("OTLP", "900 refusals more")


def test_a_name_that_cannot_be_shown_is_told_without_its_signs(receiver: Receiver) -> None:
    send(receiver, request(gauge(number(1, start=2, time=1), name="a\x1b[31m\n")).SerializeToString())

    assert receiver.take_rejected()[0][0] == "a?[31m? of billing"


# Hostile bodies

DEEP = b'{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":' + b'{"arrayValue":{"values":[' * 5_000


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (EXPORT[:-1], {}, 400),
        (random.Random(2).randbytes(100_000), {}, 400),
        (DEEP, {"Content_Type": JSON}, 400),
        (b"[" * 1_000_000, {"Content_Type": JSON}, 400),
        (b"{" + b'"a":{' * 200_000, {"Content_Type": JSON}, 400),
        (b'{"resourceMetrics": "\xff\xfe"}', {"Content_Type": JSON}, 400),
        (gzip.compress(bytes(MOST_INFLATED + 1), 1), {"Content_Encoding": "gzip"}, 413),
        (gzip.compress(b"\x0a\x00" * 2_000_000, 1), {"Content_Encoding": "gzip"}, 413),
        (gzip.compress(b"\x0a\x00" * 100_000, 1), {"Content_Encoding": "gzip"}, 413),
        (request(gauge(number(1, key="x" * 10_000_000))).SerializeToString(), {}, 200),
        (request(gauge(number(1, **{"k" * 10_000_000: ""}))).SerializeToString(), {}, 200),
        (request(gauge(number(1), name="n" * 10_000_000)).SerializeToString(), {}, 200),
    ],
    ids=[
        "truncated protobuf",
        "random bytes",
        "deep JSON",
        "deeper lists",
        "deeper objects",
        "invalid UTF-8",
        "gzip bomb",
        "protobuf bomb",
        "many resources",
        "huge label",
        "huge key",
        "huge name",
    ],
)
def test_after_a_hostile_body_the_receiver_answers(
    receiver: Receiver, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert send(receiver, body, **headers).status == status
    assert receiver.take_rejected() != []
    assert still_answers(receiver)


def test_a_fault_of_the_receiver_itself_is_told_and_ends_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("collectors.handlers.otlp.Batch", lambda *_: 1 / 0)
        assert send(receiver).status == 500

    assert receiver.take_rejected() == [("OTLP request from 127.0.0.1", "500: the receiver failed: ZeroDivisionError")]
    assert still_answers(receiver)


# Slow clients


def waits_for_end(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("begun", [b"P", head(length=100), head(length=100) + b"x"], ids=["method", "head", "body"])
def test_a_client_that_is_slow_over_a_request_is_cut_off(begun: bytes) -> None:
    receiver = Receiver("127.0.0.1:0", connections=Connections(request=0.2))
    with socket.create_connection(connect(receiver), timeout=10) as client:
        client.sendall(begun)
        assert waits_for_end(client)
    receiver.close()


def test_a_client_that_says_nothing_is_cut_off_after_a_longer_time() -> None:
    receiver = Receiver("127.0.0.1:0", connections=Connections(request=60, idle=0.2))
    with socket.create_connection(connect(receiver), timeout=10) as client:
        assert waits_for_end(client)
    receiver.close()


@pytest.mark.parametrize("begun", [b"", head(length=100) + b"x"], ids=["silent", "slow"])
def test_slow_clients_on_every_place_leave_room_for_others(begun: bytes) -> None:
    receiver = Receiver("127.0.0.1:0", clock=lambda: NOW, connections=Connections(most=4))
    clients = [socket.create_connection(connect(receiver), timeout=10) for _ in range(12)]
    for client in clients[-4:]:
        client.sendall(begun)

    assert still_answers(receiver)
    assert waits_for_end(clients[0])
    for client in clients:
        client.close()
    receiver.close()


class Paused(Receiver):
    """Works on a request until it is let go."""

    def __init__(self, **options: Any) -> None:
        super().__init__("127.0.0.1:0", clock=lambda: NOW, **options)
        self.at_work, self.go_on = threading.Event(), threading.Event()

    def _take(self, request: Request) -> Answer:
        self.at_work.set()
        assert self.go_on.wait(10)
        return super()._take(request)


def in_background(call: Callable[[], Any]) -> Callable[[], Any]:
    """Begin the call; what is returned waits for its result."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()

    def result() -> Any:
        thread.join(10)
        return results[0]

    return result


def test_where_every_place_is_at_work_a_client_is_told_to_come_again() -> None:
    receiver = Paused(connections=Connections(most=1))
    first = in_background(lambda: send(receiver))
    assert receiver.at_work.wait(10)

    response = send(receiver, b"")
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    receiver.go_on.set()
    assert first().status == 200
    receiver.close()


def test_bodies_together_hold_only_so_much_but_small_ones_always_fit() -> None:
    held = Held(most=1_000_000)

    assert held.more(900_000, body=0)
    assert not held.more(200_000, body=200_000)
    assert held.more(200_000, body=0)
    held.less(900_000)
    assert held.more(200_000, body=200_000)


def test_what_was_held_for_a_body_that_broke_off_is_let_go(receiver: Receiver) -> None:
    raw(receiver, head(length=1_000_000) + bytes(500_000))
    assert still_answers(receiver)
    assert receiver._server is not None
    assert receiver._server.held._bytes == 0


# Listening


def test_it_listens_on_ipv6() -> None:
    receiver = Receiver("[::1]:0", clock=lambda: NOW)
    assert receiver.start().startswith("[::1]:")
    assert still_answers(receiver)
    receiver.close()


def test_a_port_that_is_taken_is_named(receiver: Receiver) -> None:
    address = receiver.start()

    with pytest.raises(OtlpError, match=f"otlp_listen: cannot listen on {address}: Address already in use"):
        Receiver(address).start()


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "::1:4318", "a..b:1"])
def test_an_address_that_is_none_is_named(listen: str) -> None:
    with pytest.raises(OtlpError, match="otlp_listen"):
        Receiver(listen).start()


def test_closed_it_can_start_again_on_the_same_port_and_knows_what_was_sent() -> None:
    receiver = Receiver("127.0.0.1:0", clock=lambda: NOW)
    send(receiver)
    again = Receiver(receiver.start(), clock=lambda: NOW)
    receiver.close()
    receiver.close()

    assert points(receiver)["orders_total"] == 3
    assert still_answers(again)
    again.close()


def test_what_was_begun_is_finished_when_the_receiver_is_closed() -> None:
    receiver = Paused()
    sent = in_background(lambda: send(receiver))
    assert receiver.at_work.wait(10)
    closed = in_background(receiver.close)
    receiver.go_on.set()

    assert sent().status == 200
    closed()
    assert points(receiver)["orders_total"] == 3


def test_a_request_that_comes_while_the_receiver_closes_is_to_come_again(receiver: Receiver) -> None:
    with socket.create_connection(connect(receiver), timeout=10) as client:
        client.sendall(head(length=len(EXPORT)) + EXPORT[:5])
        server = receiver._server
        assert server is not None
        server.closing = True
        client.sendall(EXPORT[5:])
        answer = b"".join(iter(lambda: client.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in answer
    assert receiver.instances(NOW) == []
