"""The page of a handler's process: its own server, and apps to mount."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import httpx
import pytest
from handled import folder, recorder  # noqa: F401
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from collectors.handlers import asgi_app, instrument, serve, wsgi_app
from collectors.handlers.geometry import BOUNDS
from collectors.handlers.recorder.process import RECORDER
from collectors.handlers.recorder.serving import Serving

ROOT = Path(__file__).parent.parent


@pytest.fixture
def serving() -> Iterator[Serving]:
    with instrument("orders", handler="h").event():
        pass
    served = serve(0)
    yield served
    served.close()


@pytest.fixture
def url(serving: Serving) -> str:
    return "http://{}:{}/metrics".format(*serving.address)


def bounds(page: str) -> list[float]:
    return [
        float(sample.labels["le"])
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "eda_handler_duration_seconds_bucket" and sample.labels["le"] != "+Inf"
    ]


def test_the_page_has_every_second_bound_and_with_the_header_all(url: str) -> None:
    assert bounds(httpx.get(url).text) == list(BOUNDS[::2])
    assert bounds(httpx.get(url, headers={"Eda-Bounds": "all"}).text) == list(BOUNDS)


def test_it_is_for_this_machine_alone_unless_told_otherwise(serving: Serving) -> None:
    assert serving.address[0] == "127.0.0.1"


def test_openmetrics_is_spoken_where_it_is_asked_for(url: str) -> None:
    answer = httpx.get(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert any(family.name == "eda_handler_events" for family in openmetrics_families(answer.text))


def test_it_is_compressed_where_that_is_understood(url: str) -> None:
    plain = httpx.get(url, headers={"Accept-Encoding": "identity"})
    compressed = httpx.get(url, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert plain.text == compressed.text


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/", 200), ("GET", "/metrics?x=1", 200), ("HEAD", "/metrics", 200), ("POST", "/metrics", 405),
    ("GET", "/secrets", 404),
])  # fmt: skip
def test_answers_by_method_and_path(url: str, method: str, path: str, status: int) -> None:
    assert httpx.request(method, url.replace("/metrics", path)).status_code == status


def test_one_connection_serves_many_scrapes(serving: Serving) -> None:
    connection = http.client.HTTPConnection(*serving.address, timeout=5)
    for _ in range(3):
        connection.request("GET", "/metrics")
        assert connection.getresponse().read().startswith(b"# HELP")
    connection.close()


def test_clients_that_hang_hold_up_nobody(serving: Serving, url: str) -> None:
    silent = [socket.create_connection(serving.address) for _ in range(20)]
    silent[0].sendall(b"GET /metr")
    assert httpx.get(url, timeout=5).status_code == 200
    for client in silent:
        client.close()


def test_a_client_that_hangs_is_let_go_of(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    assert serving.handler.timeout == 10
    monkeypatch.setattr(serving.handler, "timeout", 0.1)
    with socket.create_connection(serving.address, timeout=5) as client:
        assert client.recv(1) == b""


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_is_taken_is_told(shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shared:
        monkeypatch.setenv("EDA_HANDLERS_DIR", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for _ in range(2):
            with pytest.raises(OSError, match=rf"cannot serve metrics on 127\.0\.0\.1:{port}: Address already in use"):
                serve(port)


@pytest.mark.parametrize(("port", "addr"), [(70000, "127.0.0.1"), (0, "192.0.2.1"), (0, "no.such.host.invalid")])
def test_an_address_that_cannot_be_had_is_told(port: int, addr: str) -> None:
    with pytest.raises(OSError, match=f"cannot serve metrics on {addr}:{port}: "):
        serve(port, addr)


def test_a_directory_that_is_none_is_no_reason_not_to_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDA_HANDLERS_DIR", str(tmp_path / "file"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    serving = serve(port)
    assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 200
    serving.close()


def test_a_page_that_cannot_be_made_is_told_not_printed(
    serving: Serving, url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("collectors.handlers.recorder.serving.answer", lambda method, headers: 1 / 0)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url)
    assert "Traceback" not in capfd.readouterr().err
    assert RECORDER.complained == {("serving metrics", "ZeroDivisionError")}


SERVE_AND_WAIT = """
import sys, time
from collectors.handlers import instrument, serve
serve(int(sys.argv[1]))
with instrument("orders", handler="h", service="shop").event():
    pass
print("counted", flush=True)
time.sleep(60)
"""


def test_siblings_take_over_the_port_of_one_that_is_killed(folder: Path) -> None:  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", SERVE_AND_WAIT, str(port)]
    siblings = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for sibling in siblings:
            assert sibling.stdout is not None
            assert sibling.stdout.readline() == b"counted\n"
        assert events(port) == 2
        siblings[0].kill()
        siblings[0].wait()
        assert events(port) == 2
    finally:
        for sibling in siblings:
            sibling.kill()
            sibling.wait()
            assert sibling.stdout is not None
            sibling.stdout.close()


def events(port: int) -> float:
    """Events that are told on this port, as soon as anybody serves it."""
    deadline = time.monotonic() + 20
    while True:
        try:
            page = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
            break
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "eda_handler_events_total"
    )


def test_a_child_that_nobody_sees_says_so_once() -> None:
    code = """
import os
from collectors.handlers import instrument, serve
serve(0)
orders = instrument("orders", handler="h")
if os.fork() == 0:
    for _ in range(2):
        with orders.event(): pass
    os._exit(0)
os.wait()
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stderr.count("set EDA_HANDLERS_DIR") == 1


def test_a_forked_child_lets_go_of_the_port() -> None:
    code = """
import os, time
from collectors.handlers import serve
serving = serve(0)
if os.fork() == 0:
    os.close(1)
    time.sleep(3)
    os._exit(0)
print(serving.address[1], flush=True)
os._exit(0)
"""
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    )
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(told.stdout)))


def test_a_wsgi_app_tells_the_same() -> None:
    instrument("orders", handler="h")(lambda event: None)(1)
    environ: dict[str, object] = {}
    setup_testing_defaults(environ)
    environ |= {"HTTP_EDA_BOUNDS": "all", "HTTP_ACCEPT_ENCODING": "gzip"}
    told: list[object] = []
    body = b"".join(wsgi_app(environ, lambda status, headers: told.extend([status, dict(headers)])))
    assert told[0] == "200 OK"
    assert bounds(gzip.decompress(body).decode()) == list(BOUNDS)


async def ask(scope: dict[str, object], received: list[dict[str, object]]) -> list[dict[str, object]]:
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return received.pop(0)

    async def send(message: object) -> None:
        sent.append(message)  # type: ignore[arg-type]

    await asgi_app(scope, receive, send)
    return sent


HTTP = {"type": "http", "method": "GET", "path": "/metrics", "headers": [(b"eda-bounds", b"all")]}


def test_an_asgi_app_tells_the_same() -> None:
    instrument("orders", handler="h")(lambda event: None)(1)
    start, body = asyncio.run(ask(HTTP, []))
    assert start["status"] == 200
    assert bounds(body["body"].decode()) == list(BOUNDS)  # type: ignore[attr-defined]


def test_an_asgi_app_lives_and_ends_with_its_server() -> None:
    sent = asyncio.run(ask({"type": "lifespan"}, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]))
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_an_asgi_app_renders_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    from collectors.handlers.recorder import serving as module

    answer = module.answer

    def noting(*args: object) -> object:
        seen.append(threading.current_thread())
        return answer(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "answer", noting)
    asyncio.run(ask(HTTP, []))
    assert seen != [threading.current_thread()]
