"""A server that answers as a broker once did, or fails as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

#: What is done instead of answering a request.
Fault = Callable[[BaseHTTPRequestHandler], None]


class Recorded:
    """Answers by path and query, and notes what it was asked. `faults` are by the beginning of the path."""

    def __init__(self, recording: Path) -> None:
        self.answers: dict[str, dict[str, object]] = json.loads(recording.read_text(encoding="utf-8"))
        self.faults: dict[str, Fault] = {}
        self.asked: list[str] = []
        self.url = ""

    def fail(self, path: str, fault: Fault) -> None:
        self.faults[path] = fault

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        fault = next((fault for path, fault in self.faults.items() if request.path.startswith(path)), None)
        if fault is not None:
            fault(request)
        else:
            known = self.answers.get(request.path, {"status": 404, "body": "{}"})
            send(request, int(str(known["status"])), str(known["body"]))


@contextmanager
def serving(recording: Path) -> Iterator[Recorded]:
    recorded = Recorded(recording)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            recorded.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    recorded.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield recorded
    finally:
        server.shutdown()
        server.server_close()


def send(request: BaseHTTPRequestHandler, status: int, body: str, kind: str = "application/json") -> None:
    data = body.encode()
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)
