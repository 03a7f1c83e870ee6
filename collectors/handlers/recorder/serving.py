"""GET /metrics of what the handlers count: by a server of our own, or mounted on a WSGI or ASGI app."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from collectors.handlers.geometry import ALL_BOUNDS_HEADER, ALL_BOUNDS_VALUE
from collectors.handlers.recorder.directory import Claim
from collectors.handlers.recorder.families import FAMILIES, Families
from collectors.handlers.recorder.process import RECORDER, directory

#: Seconds after which a client that says nothing is let go of.
CLIENT_SECONDS = 10.0

#: How often a process that waits to serve tries to listen, once its turn has come.
_RETRY_SECONDS = 1.0


def _registry(families: Families) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(families)
    return registry


_SOME_BOUNDS, _ALL_BOUNDS = _registry(FAMILIES), _registry(Families(all_bounds=True))


class Answer(NamedTuple):
    """A response: its status line, headers and body."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def answer(method: str, headers: Mapping[str, str]) -> Answer:
    """What a request gets, by its headers (names in lower case): Accept, Accept-Encoding and Eda-Bounds count."""
    if method not in ("GET", "HEAD"):
        return Answer("405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")], b"")
    wants_all = headers.get(ALL_BOUNDS_HEADER.lower(), "").strip().lower() == ALL_BOUNDS_VALUE
    encoder, kind = choose_encoder(headers.get("accept", ""))
    body = encoder(_ALL_BOUNDS if wants_all else _SOME_BOUNDS)
    told = [("Content-Type", kind), ("Vary", f"Accept, Accept-Encoding, {ALL_BOUNDS_HEADER}")]
    if "gzip" in headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        told.append(("Content-Encoding", "gzip"))
    told.append(("Content-Length", str(len(body))))
    return Answer("200 OK", told, body if method == "GET" else b"")


def wsgi_app(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI app to mount; every path of it is the page."""
    headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name[:5] == "HTTP_"}
    status, told, body = answer(environ["REQUEST_METHOD"], headers)
    start_response(status, told)
    return [body]


async def asgi_app(
    scope: Mapping[str, Any],
    receive: Callable[[], Awaitable[Mapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """An ASGI app to mount; every path of it is the page. It is rendered in a thread, not on the loop."""
    if scope["type"] == "lifespan":
        return await _live(receive, send)
    if scope["type"] != "http":
        raise RuntimeError(f"metrics are served over http, not {scope['type']}")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    status, told, body = await _in_thread(partial(answer, scope["method"], headers))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in told]
    await send({"type": "http.response.start", "status": int(status[:3]), "headers": raw})
    return await send({"type": "http.response.body", "body": body})


async def _in_thread(render: Callable[[], Answer]) -> Answer:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a loop that is not asyncio's
        return render()
    return await loop.run_in_executor(None, render)


async def _live(
    receive: Callable[[], Awaitable[Mapping[str, Any]]], send: Callable[[MutableMapping[str, Any]], Awaitable[None]]
) -> None:
    while True:
        phase = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{phase}.complete"})
        if phase == "shutdown":
            return


class _Server(ThreadingHTTPServer):
    """A thread a connection, so that one who hangs holds up nobody."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; what else fails is told once, not printed."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            RECORDER.complain("serving metrics", error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = CLIENT_SECONDS

    def do_GET(self) -> None:
        if self.path.partition("?")[0] in ("/", "/metrics"):
            told = answer(self.command, {name.lower(): value for name, value in self.headers.items()})
        else:
            body = b"not found; there is /metrics\n"
            told = Answer("404 Not Found", [("Content-Length", str(len(body)))], body)
        self.close_connection = self.close_connection or self.command not in ("GET", "HEAD")
        self.send_response(int(told.status[:3]))
        for name, value in told.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told.body)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line each."""


class Serving:
    """A port that is served, or will be as soon as the sibling that serves it is gone."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.handler = type("Handler", (_Handler,), {})
        self._server: _Server | None = None
        self._claim: Claim | None = None

    def begin(self) -> None:
        """Raises OSError when the port is taken by somebody who is no sibling."""
        self._claim = self._new_claim()
        if self._claim is None:
            self._listen()
        elif self._claim.take():
            try:
                self._listen()
            except OSError:
                self._claim.release()
                raise
        else:
            threading.Thread(target=self._wait, args=(self._claim,), name="eda-handlers-turn", daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._claim is not None:
            self._claim.release()

    def let_go(self) -> None:
        """In a forked child: nobody there would answer."""
        if self._server is not None:
            self._server.socket.close()
        if self._claim is not None:
            self._claim.release()

    def _new_claim(self) -> Claim | None:
        """The right to this port among siblings; None where there is none to share it with."""
        folder = directory()
        if folder is None or self.address[1] == 0:
            return None
        try:
            return folder.claim(f"port-{self.address[1]}")
        except OSError as error:
            RECORDER.complain("writing to the directory of handlers", error)
            return None

    def _listen(self) -> None:
        host, port = self.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._server = type("_Server", (_Server,), {"address_family": family})((host, port), self.handler)
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise OSError(getattr(error, "errno", None), f"cannot serve metrics on {host}:{port}: {why}") from None
        self.address = self._server.server_address[:2]  # type: ignore[assignment]
        threading.Thread(target=self._server.serve_forever, name="eda-handlers", daemon=True).start()

    def _wait(self, claim: Claim) -> None:
        claim.wait()
        while True:
            try:
                return self._listen()
            except OSError as error:
                RECORDER.complain("taking over from the process that served metrics", error)
                time.sleep(_RETRY_SECONDS)


def serve(port: int, addr: str = "127.0.0.1") -> Serving:
    """Serve GET /metrics in the background; port 0 takes a free one, which `address` of the result tells.

    Where processes count in a directory, all of them may call this: one serves the sum of all, and another takes over
    when it is gone. Raises OSError when the address cannot be had.
    """
    serving = Serving((addr, port))
    serving.begin()
    _servings.append(serving)
    return serving


_servings: list[Serving] = []


def _let_go() -> None:
    if _servings and directory() is None:
        RECORDER.unseen = True
    for serving in _servings:
        serving.let_go()
    _servings.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
