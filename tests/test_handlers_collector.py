"""The collector on instances that answer, fail, lie, hang, come and go."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from collectors.base import CollectError, Finding, Reading
from collectors.handlers import fetch
from collectors.handlers.collector import HandlersCollector
from collectors.handlers.points import Point
from collectors.handlers.settings import HandlersSettings

NOW = 1_795_540_000.0

Answer = Callable[[BaseHTTPRequestHandler], None]


class Apps:
    """Instances at the paths of one server."""

    def __init__(self) -> None:
        self.pages: dict[str, str | Answer] = {}
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self.over = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.headers.append(dict(request.headers))
        page = self.pages.get(request.path.partition("?")[0])
        if page is None:
            request.send_error(404)
        elif isinstance(page, str):
            send(request, page.encode())
        else:
            page(request)


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    for name, value in {"Content_Type": "text/plain", "Content_Length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture
def apps() -> Iterator[Apps]:
    found = Apps()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    found.over.set()
    server.shutdown()
    server.server_close()


def collecting(**given: Any) -> HandlersCollector:
    return HandlersCollector(HandlersSettings.model_validate({"name": "apps", "kind": "handlers", **given}))


def read(collector: HandlersCollector, seconds: float = 5, now: float = NOW) -> Reading:
    return collector.collect(now, time.monotonic() + seconds)


def events(reading: Reading) -> dict[str, float]:
    """Events handled, by handler."""
    return {
        s.labels[1]: s.value
        for s in reading.samples
        if s.metric.name == "handler_events_total" and s.labels[-1] == "ok"
    }


def page(count: float, handler: str = "charge", started: float = 100) -> str:
    labels = f'service="b",handler="{handler}",destination="orders",group="g"'
    return (
        f"eda_recorder_start_timestamp_seconds {started}\n"
        f'eda_handler_events_total{{{labels},outcome="ok"}} {count}\n'
        f"eda_handler_in_progress{{{labels}}} 1\n"
        f'eda_handler_duration_seconds_bucket{{{labels},outcome="ok",le="0.001"}} {count}\n'
        f'eda_handler_duration_seconds_bucket{{{labels},outcome="ok",le="+Inf"}} {count}\n'
    )


def half(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(page(5).encode())
    request.close_connection = True


def cut(request: BaseHTTPRequestHandler) -> None:
    """Without a length the end of the connection is the end of the page, wherever that is."""
    request.send_response(200)
    request.end_headers()
    request.wfile.write(page(12345).encode()[:-20])


def without_eof(request: BaseHTTPRequestHandler) -> None:
    send(request, page(5).encode(), Content_Type="application/openmetrics-text; version=1.0.0")


def hangs(apps: Apps) -> Answer:
    return lambda request: apps.over.wait(20) and None


def drips(apps: Apps) -> Answer:
    """Sends a header for ever."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
        while not apps.over.wait(0.02):
            try:
                request.wfile.write(b"x")
                request.wfile.flush()
            except OSError:
                return

    return answer


def test_instances_are_added_up_and_asked_for_all_bounds(apps: Apps) -> None:
    apps.pages = {"/a": page(5), "/b": page(7)}

    reading = read(collecting(urls=[f"{apps.url}/a", f"{apps.url}/b"]))

    assert events(reading) == {"charge": 12}
    assert [h.counts for h in reading.histograms] == [(12, 0)]
    assert reading.requests == 2
    assert reading.errors == []
    assert {header["Eda-Bounds"] for header in apps.headers} == {"all"}
    assert all("version=0.0.4" in header["Accept"] for header in apps.headers)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda request: request.send_error(500), "answered 500"),
        (lambda request: request.send_error(401), "answered 401: it wants username and password, or bearer_token_file"),
        (lambda request: send(request, b"", 302, Location="http://elsewhere/"), "answered 302: it leads elsewhere"),
        (
            lambda request: send(request, b"<html>", Content_Type="text/html"),
            "answered with text/html, not with metrics",
        ),
        (lambda request: send(request, b"\n <!doctype html>"), "not with metrics"),
        (lambda request: send(request, b"{}", Content_Type="application/json"), "answered with application/json"),
        (lambda request: send(request, b""), "answered with an empty page"),
        (
            lambda request: send(request, b"hello there\n"),
            "is not in Prometheus' text format; it begins with 'hello there'",
        ),
        (lambda request: send(request, b"\x1f\x8b no gzip", Content_Encoding="gzip"), "Error -3"),
        (half, "peer closed connection"),
        (cut, "broke off in the middle of a line"),
        (without_eof, "broke off before its # EOF"),
        (None, "answered 404: is it the path of the metrics?"),
    ],
)
def test_an_instance_that_fails_is_named_and_the_others_are_right(apps: Apps, fault: Answer | None, told: str) -> None:
    apps.pages = {"/good": page(5), **({"/bad": fault} if fault else {})}

    reading = read(collecting(urls=[f"{apps.url}/bad?token=secret", f"{apps.url}/good"]))

    assert events(reading) == {"charge": 5}
    (error,) = reading.errors
    assert error.part == f"{apps.url}/bad"
    assert told in error.message
    assert "secret" not in str(reading)


@pytest.mark.parametrize("slow", [hangs, drips])
def test_an_instance_that_does_not_come_to_an_end_keeps_nobody(apps: Apps, slow: Callable[[Apps], Answer]) -> None:
    apps.pages = {"/good": page(5), "/slow": slow(apps)}
    collector = collecting(urls=[f"{apps.url}/slow", f"{apps.url}/good"])

    began = time.monotonic()
    reading = read(collector, 0.5)

    assert time.monotonic() - began < 2
    assert events(reading) == {"charge": 5}
    assert [error.message for error in reading.errors] == ["did not answer in time"]
    assert events(read(collector, 0.5)) == {"charge": 5}


def test_a_page_is_not_read_beyond_its_bound_however_small_it_was_packed(
    apps: Apps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 1_000_000)
    bomb = gzip.compress(b"a 1\n" * 5_000_000)
    apps.pages = {"/bomb": lambda request: send(request, bomb, Content_Encoding="gzip"), "/good": page(5)}

    reading = read(collecting(urls=[f"{apps.url}/bomb", f"{apps.url}/good"]))

    assert [error.message for error in reading.errors] == ["sent more than 1000000 bytes"]


def test_a_packed_page_is_unpacked(apps: Apps) -> None:
    apps.pages = {"/a": lambda request: send(request, gzip.compress(page(5).encode()), Content_Encoding="gzip")}

    assert events(read(collecting(urls=[f"{apps.url}/a"]))) == {"charge": 5}


def test_only_when_nothing_at_all_could_be_read_the_target_failed(apps: Apps, tmp_path: Path) -> None:
    with pytest.raises(CollectError, match=r"^nothing could be read: .*/a: answered 404.*, and 1 more failed$"):
        read(collecting(urls=[f"{apps.url}/a", f"{apps.url}/b"]))

    (tmp_path / "t.json").write_text("[]")
    assert read(collecting(file_sd=[str(tmp_path / "t.json")])).samples == []


def test_what_only_a_failing_instance_counts_is_unknown_until_it_answers_again(apps: Apps) -> None:
    apps.pages = {"/a": page(5), "/b": page(7, "ship")}
    collector = collecting(urls=[f"{apps.url}/a", f"{apps.url}/b"])
    read(collector)

    del apps.pages["/a"]
    reading = read(collector)

    assert events(reading) == {"ship": 7}
    assert [s.labels[1] for s in reading.samples if s.metric.name == "handler_in_progress"] == ["ship"]

    apps.pages["/a"] = page(6)
    assert events(read(collector)) == {"charge": 6, "ship": 7}


def test_a_restart_of_the_agent_neither_loses_nor_doubles(apps: Apps) -> None:
    apps.pages = {"/a": page(5), "/b": page(7)}
    urls = [f"{apps.url}/a", f"{apps.url}/b"]
    first = collecting(urls=urls)
    memory = {key: blob for key, blob in read(first).memory.items() if blob is not None}

    apps.pages = {"/a": page(6), "/b": page(2, started=200)}
    second = collecting(urls=urls)
    second.restore(memory)

    assert events(read(second)) == {"charge": 6 + 7 + 2}


def test_lines_that_cannot_be_read_are_counted_and_named(apps: Apps) -> None:
    apps.pages = {"/a": page(5) + "no line\nnone either\n"}

    reading = read(collecting(urls=[f"{apps.url}/a"]))

    assert (f"2 lines of {apps.url}/a", "not in Prometheus' text format") in reading.skipped


def test_what_an_exporter_cannot_tell_is_told_once_for_all_its_instances(apps: Apps) -> None:
    flower = (Path(__file__).parent / "recordings/handlers/flower.prom").read_text()
    apps.pages = {"/a": flower, "/b": flower}

    reading = read(collecting(urls=[f"{apps.url}/a", f"{apps.url}/b"]))

    assert [s for s in reading.skipped if s.what == "reasons of failures"] == [
        ("reasons of failures", "Flower tells none")
    ]


@pytest.mark.parametrize(("by", "header"), [("token", "Bearer t0ken"), ("password", "Basic bWU6dDBrZW4=")])
def test_the_login_is_sent_and_files_are_read_anew(apps: Apps, tmp_path: Path, by: str, header: str) -> None:
    file = tmp_path / "secret"
    file.write_text("old\n")
    apps.pages = {"/a": page(5)}
    keys = {"bearer_token_file": file} if by == "token" else {"username": "me", "password_file": file}
    collector = collecting(urls=[f"{apps.url}/a"], **keys)
    read(collector)

    file.write_text("t0ken\n")
    read(collector)
    assert apps.headers[-1]["Authorization"] == header

    file.unlink()
    with pytest.raises(CollectError, match="passwords cannot be read"):
        read(collector)


def test_over_the_budget_handlers_are_left_out_and_named(apps: Apps) -> None:
    apps.pages = {"/a": page(5), "/b": page(7, "ship")}

    reading = read(collecting(urls=[f"{apps.url}/a", f"{apps.url}/b"], series_budget=2))

    assert len(reading.samples) + len(reading.histograms) <= 2 + 2  # gauges have a budget of their own
    assert {s.reason for s in reading.skipped} == {"over the budget of series"}


def test_an_instance_found_by_its_name_is_asked_by_that_name(apps: Apps) -> None:
    apps.pages = {"/m": page(5)}
    port = apps.url.rpartition(":")[2]

    reading = read(collecting(dns=[f"localhost:{port}/m"]))

    assert events(reading) == {"charge": 5}
    assert apps.headers[-1]["Host"] == f"localhost:{port}"


def test_a_resolver_that_hangs_leaves_time_for_the_instances(apps: Apps, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = socket.getaddrinfo

    def hangs_for_names(host: str, *rest: Any, **more: Any) -> Any:
        return apps.over.wait(20) and [] if host == "hanging.internal" else asked(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hangs_for_names)
    apps.pages = {"/a": page(5)}

    reading = read(collecting(urls=[f"{apps.url}/a"], dns=["hanging.internal:8000"]), 1.5)

    assert events(reading) == {"charge": 5}
    assert reading.errors == [("dns hanging.internal:8000", "was not resolved in time")]


# OTLP: a stand-in for the receiver


class Pushed:
    def __init__(self, id: str, started: float | None, points: list[Point]) -> None:
        self.id, self.started, self.points = id, started, points


class OtlpError(Exception):
    pass


@pytest.fixture
def otlp(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """`collectors.handlers.otlp`, with receivers that take what `pushed` says."""
    module: Any = types.ModuleType("collectors.handlers.otlp")
    module.pushed, module.receivers, module.refuses = [], [], ""

    class Receiver:
        def __init__(self, listen: str) -> None:
            self.listen, self.closed = listen, False
            module.receivers.append(self)

        def start(self) -> str:
            if module.refuses:
                raise OtlpError(module.refuses)
            return self.listen

        def instances(self, now: float) -> list[Pushed]:
            return list(module.pushed)

        def take_rejected(self) -> list[tuple[str, str]]:
            return [("a body", "too large")]

        def close(self) -> None:
            self.closed = True

    module.Receiver, module.OtlpError = Receiver, OtlpError
    monkeypatch.setitem(sys.modules, "collectors.handlers.otlp", module)
    return module  # type: ignore[no-any-return]


def pushed(count: float, name: str = "pod-1", started: float = 100) -> Pushed:
    labels = {"service": "b", "handler": "charge", "destination": "orders", "group": "g", "outcome": "ok"}
    return Pushed(name, started, [Point("eda_handler_events_total", labels, count)])


def test_what_is_pushed_is_added_like_what_is_scraped(otlp: Any, apps: Apps) -> None:
    apps.pages = {"/a": page(5)}
    otlp.pushed = [pushed(2), pushed(3, "pod-2")]
    collector = collecting(urls=[f"{apps.url}/a"], otlp_listen="127.0.0.1:4318")

    reading = read(collector)
    otlp.pushed = []
    again = read(collector)

    assert events(reading) == events(again) == {"charge": 10}
    assert ("a body", "too large") in reading.skipped
    assert len(otlp.receivers) == 1
    collector.close()
    assert otlp.receivers[0].closed


def test_while_it_listens_a_target_to_which_nobody_pushed_is_read(otlp: Any) -> None:
    assert read(collecting(otlp_listen="127.0.0.1:4318")).samples == []


def test_a_receiver_that_cannot_listen_is_named_and_the_rest_is_right(otlp: Any, apps: Apps) -> None:
    apps.pages = {"/a": page(5)}
    otlp.refuses = "otlp_listen 127.0.0.1:4318: address in use"

    reading = read(collecting(urls=[f"{apps.url}/a"], otlp_listen="127.0.0.1:4318"))
    assert events(reading) == {"charge": 5}
    assert reading.errors == [("otlp_listen", "otlp_listen 127.0.0.1:4318: address in use")]

    with pytest.raises(CollectError, match="address in use"):
        read(collecting(otlp_listen="127.0.0.1:4318"))


def test_a_receiver_whose_library_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "collectors.handlers.otlp", None)

    with pytest.raises(CollectError, match="pip install 'eda-monitor"):
        read(collecting(otlp_listen="127.0.0.1:4318"))


# check


def checked(collector: HandlersCollector) -> list[Finding]:
    return collector.check(time.monotonic() + 5)


def test_check_says_of_every_instance_what_it_speaks_and_what_to_change(apps: Apps) -> None:
    celery = (Path(__file__).parent / "recordings/handlers/celery_exporter.prom").read_text()
    apps.pages = {"/ours": page(5), "/celery": celery, "/foreign": "jobs_total 5\npython_info 1\n"}
    urls = [f"{apps.url}/{name}" for name in ("ours", "celery", "foreign", "none")]

    found = checked(collecting(urls=urls, mapping=[{"name": "gone", "metric": "handler_in_progress"}]))

    assert Finding(True, f"{urls[0]} speaks eda-monitor: 1 handlers") in found
    assert Finding(True, f"{urls[1]} speaks celery-exporter: 1 handlers") in found
    unknown = next(one for one in found if one.what.startswith(urls[2]))
    assert not unknown.ok
    assert unknown.hint == "map what it exposes in [[targets.mapping]]: jobs_total"
    failed = next(one for one in found if one.what.startswith(urls[3]))
    assert not failed.ok and failed.hint
    assert any("the service of billing.charge is not known" in one.what and "set service" in one.hint for one in found)
    assert any("left out: durations of failed tasks" in one.what for one in found)
    assert any(not one.ok and "no instance exposes gone" in one.what for one in found)


def test_check_says_when_nothing_could_be_read() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        (finding,) = checked(collecting(urls=[f"http://127.0.0.1:{closed.getsockname()[1]}/metrics"]))

    assert not finding.ok
    assert "refused" in finding.what and finding.hint
