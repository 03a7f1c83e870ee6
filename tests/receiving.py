"""A receiver that notes what it is sent, and messages to send it."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from monitor.alerts.messages import AlertMessage, Notification
from monitor.alerts.notifiers import Notifier, notifier, notifier_class

NOW = 1_700_000_000.0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Receiver:
    """Answers with the given statuses, the last one for ever; or only when it is let go."""

    statuses: list[int]
    headers: dict[str, str]
    answer: bytes
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    go: threading.Event = field(default_factory=threading.Event)

    @property
    def bodies(self) -> list[Any]:
        return [request.body for request in self.requests]


@contextmanager
def receiving(
    *statuses: int, headers: dict[str, str] | None = None, answer: bytes = b"", certificate: Path | None = None
) -> Iterator[Receiver]:
    receiver = Receiver(list(statuses) or [200], headers or {}, answer)
    receiver.go.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            lowered = {name.lower(): text for name, text in self.headers.items()}
            receiver.requests.append(Request(self.command, self.path, lowered, json.loads(body) if body else None))
            receiver.go.wait(10)
            self.send_response(receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0])
            for name, text in receiver.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        do_GET = do_POST  # noqa: N815, as http.server wants it

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    receiver.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}"
    try:
        yield receiver
    finally:
        receiver.go.set()
        server.shutdown()
        server.server_close()


def self_signed(folder: Path) -> Path:
    """Makes cert.pem, for 127.0.0.1, and key.pem in the folder; returns the certificate."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=receiver",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem"


def made(kind: str, **settings: Any) -> Notifier:
    """The notifier of a kind, by its settings."""
    return notifier(notifier_class(kind).Settings.model_validate({"name": "ops", "kind": kind, **settings}))


def an_alert(status: str = "firing", summary: str = "3 new dead letters in orders.dlq", **labels: str) -> AlertMessage:
    known = {
        "alertname": "DeadLettersGrowing", "severity": "critical", "target": "kafka", "destination": "orders.dlq",
        "source": "orders",
    }  # fmt: skip
    texts = {"summary": summary, "description": "Read one of them for the cause.", "threshold": "above 0"}
    ends_at = NOW + 300 if status == "resolved" else None
    return AlertMessage(
        status, {**known, **labels}, texts, NOW, ends_at, "00000000000000aa", 3.0, "http://console/now?at=1"
    )


def a_notification(*alerts: AlertMessage, group: str = "g", truncated: int = 0) -> Notification:
    told = alerts or (an_alert(),)
    status = "firing" if any(one.status == "firing" for one in told) else "resolved"
    return Notification("ops", group, {"alertname": "DeadLettersGrowing"}, status, told, truncated, "http://console")
