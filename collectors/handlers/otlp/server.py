"""OTLP over HTTP: who may say what how, and how much of it. It knows nothing of metrics.

Source: opentelemetry-proto, docs/specification.md, and RFC 9112. A thread a connection, of which there are 64 at most;
a client that is slow loses its connection after half a minute, or at once when another one needs the room.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, NamedTuple

from collectors.base import CollectError
from collectors.handlers.otlp.answers import JSON, PROTOBUF, Answer, Media, RefusedError, busy, media_of
from collectors.handlers.otlp.connections import Connections, Held
from collectors.handlers.otlp.decode import MOST_RAW

PATH = "/v1/metrics"
_PIECE = 64 * 1024
#: How long, and for how many bytes, a client that was refused may go on sending before it is cut off.
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 64 * 1024 * 1024
#: How long requests that are being worked on may take when the receiver is closed.
_CLOSE_SECONDS = 2.0
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


class OtlpError(CollectError):
    """The receiver cannot listen on its address."""


class Request(NamedTuple):
    """A request whose body is there, but not decoded."""

    peer: str
    media: Media
    gzipped: bool
    body: bytes


class Server(ThreadingMixIn, TCPServer):
    """Listens from its making on; `take` answers requests, `tell` hears (who, why) of those that were refused."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        listen: str,
        take: Callable[[Request], Answer],
        tell: Callable[[str, str], None],
        connections: Connections | None = None,
    ) -> None:
        self.take, self.tell = take, tell
        self.connections = connections or Connections()
        self.held = Held()
        self.closing = False
        family, address = _address(listen)
        self.address_family = family
        try:
            super().__init__(address, Handler)
        except OSError as error:
            raise OtlpError(f"otlp_listen: cannot listen on {listen}: {error.strerror or error}") from None
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="otlp", daemon=True)
        self._thread.start()

    @property
    def listens_on(self) -> str:
        host, port = self.server_address[:2]
        return f"[{host!s}]:{port}" if self.address_family == socket.AF_INET6 else f"{host!s}:{port}"

    def close(self) -> None:
        """Refuse what comes from now on, and wait a little for what is being worked on."""
        self.closing = True
        self.shutdown()
        self.server_close()
        end = time.monotonic() + _CLOSE_SECONDS
        while self.connections.cut("idle") and time.monotonic() < end:
            time.sleep(0.01)
        self.connections.cut("idle", "reading", "working")

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.connections.admit(request):
            super().process_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.settimeout(0)
            request.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        self.connections.forget(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        self.connections.cut_overdue()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is its client's concern."""


def _address(listen: str) -> tuple[socket.AddressFamily, Any]:
    """Family and address of `host:port`, `[v6]:port` or `:port`. Raises OtlpError."""
    host, _, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not port.isascii() or not port.isdigit() or int(port) > 65535 or (":" in bare and bare == host):
        raise OtlpError(f"otlp_listen: {listen!r} is no address; expected host:port, such as '127.0.0.1:4318'")
    try:
        found = socket.getaddrinfo(bare or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise OtlpError(f"otlp_listen: cannot listen on {listen}: {error}") from None
    return found[0][0], found[0][4]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "eda-monitor", ""
    #: Of one read or write; the connection as a whole is watched by `Connections`.
    timeout = 300

    def handle_one_request(self) -> None:
        self._unread = False
        self.server.connections.note(self.connection, "idle")
        if not self.rfile.peek(1):  # type: ignore[attr-defined]  # a BufferedReader, as rbufsize is not 0
            self.close_connection = True
            return
        self.server.connections.note(self.connection, "reading")
        super().handle_one_request()

    def do_POST(self) -> None:
        held = bytearray()
        try:
            self._admit()
            self._read_body(held)
            self.server.connections.note(self.connection, "working")
            answer = self._take(bytes(held))
        except RefusedError as refused:
            answer = self._refusal(refused)
        finally:
            self.server.held.less(len(held))
        self._answer(answer)

    def _other(self) -> None:
        self._unread = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        refused = RefusedError(404, f"there is only {PATH}")
        if self._path == PATH:
            refused = RefusedError(405, f"{PATH} takes POST", {"Allow": "POST"})
        self._answer(self._refusal(refused))

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _other  # noqa: N815

    def handle_expect_100(self) -> bool:
        """A client that asks before it sends its body is told at once when it need not."""
        try:
            self._admit()
        except RefusedError as refused:
            self._answer(self._refusal(refused))
            return False
        return super().handle_expect_100()

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    @property
    def _media(self) -> Media | None:
        return media_of(self.headers.get("Content-Type", ""))

    def _admit(self) -> None:
        """Judge a request by its headers. Raises RefusedError."""
        self._unread = True
        if self._path != PATH:
            raise RefusedError(404, f"there is only {PATH}")
        if self.server.closing:
            raise busy("the receiver is shutting down")
        if self._media is None:
            kind = self.headers.get("Content-Type", "")[:100]
            raise RefusedError(415, f"Content-Type {kind!r}; expected {PROTOBUF} or {JSON}")
        encoding = self._encoding
        if encoding not in ("", "identity", "gzip"):
            raise RefusedError(415, f"Content-Encoding {encoding[:100]!r}; expected gzip or identity")
        self._length()

    @property
    def _encoding(self) -> str:
        return ",".join(self.headers.get_all("Content-Encoding", ())).strip().lower()

    def _length(self) -> int | None:
        """How long the body is; None when it comes in chunks. Raises RefusedError."""
        lengths, transfer = self.headers.get_all("Content-Length", ()), self.headers.get("Transfer-Encoding")
        if transfer is not None:
            if lengths or transfer.strip().lower() != "chunked":
                raise RefusedError(400, "Transfer-Encoding; expected chunked, without Content-Length")
            return None
        if not lengths:
            raise RefusedError(411, "neither Content-Length nor chunks")
        if len(set(lengths)) > 1 or not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
            raise RefusedError(400, "Content-Length is no number")
        if int(lengths[0]) > MOST_RAW:
            raise RefusedError(413, f"the body is larger than {MOST_RAW} bytes")
        return int(lengths[0])

    def _read_body(self, body: bytearray) -> None:
        """Read the body, counted piece by piece. Raises RefusedError, or ConnectionError where it ends too early."""
        length = self._length()
        if length is not None:
            self._read(body, length)
        else:
            while (size := self._chunk_size()) > 0:
                if len(body) + size > MOST_RAW:
                    raise RefusedError(413, f"the body is larger than {MOST_RAW} bytes")
                self._read(body, size)
                if self.rfile.readline(3).strip():
                    raise RefusedError(400, "a chunk longer than it says")
            self._skip_trailers()
        self._unread = False

    def _read(self, body: bytearray, size: int) -> None:
        while size:
            piece = self.rfile.read(min(size, _PIECE))
            if not piece:
                raise ConnectionAbortedError
            if not self.server.held.more(len(piece), len(body)):
                raise busy("too many bodies at once")
            body += piece
            size -= len(piece)

    def _chunk_size(self) -> int:
        line = self.rfile.readline(1024)
        if not line:
            raise ConnectionAbortedError
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise RefusedError(400, "a chunk without a size")
        return int(match[1], 16)

    def _skip_trailers(self) -> None:
        for _ in range(32):
            if not self.rfile.readline(4096).strip():
                return
        raise RefusedError(400, "too many trailers")

    def _take(self, body: bytes) -> Answer:
        if self.server.closing:
            raise busy("the receiver is shutting down")
        assert self._media is not None
        try:
            return self.server.take(Request(self._peer, self._media, self._encoding == "gzip", body))
        except RefusedError:
            raise
        except Exception as error:  # one request must not end the rest, and the sender is to know
            raise RefusedError(500, f"the receiver failed: {type(error).__name__}") from error

    @property
    def _peer(self) -> str:
        return str(self.client_address[0])

    def _refusal(self, refused: RefusedError) -> Answer:
        if refused.status != 503:
            self.server.tell(f"OTLP request from {self._peer}", f"{refused.status}: {refused}")
        return refused.answer(self._media or JSON)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class answers where a request is no HTTP, or its method is unknown."""
        self._unread = True
        self.request_version = self.protocol_version
        self.headers = getattr(self, "headers", None) or self.MessageClass()
        if code == 501:
            self._answer(self._refusal(RefusedError(405, f"{PATH} takes POST", {"Allow": "POST"})))
        else:
            self._answer(self._refusal(RefusedError(code, (message or "bad request")[:200])))

    def _answer(self, answer: Answer) -> None:
        """Send it. A request whose body was not read ends its connection, but the client may first finish."""
        self.close_connection = self.close_connection or self._unread or self.server.closing
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.media)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        if self._unread:
            self._linger()

    def _linger(self) -> None:
        """Read and drop what still comes: to close at once would take the answer from a client that still sends."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        end, left = time.monotonic() + _LINGER_SECONDS, _LINGER_BYTES
        while left > 0 and (patience := end - time.monotonic()) > 0:
            self.connection.settimeout(patience)
            piece = self.connection.recv(_PIECE)
            if not piece:
                return
            left -= len(piece)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line each."""
