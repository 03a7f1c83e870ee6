"""The receiver of alerts: a webhook that prints what it is sent, as it was not told before.

`python -m monitor.demo.receiver PORT` runs it alone, as docker-compose.yml has it beside the Alertmanager.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rich.console import Console
from rich.markup import escape

from monitor.ending import Ending


@contextmanager
def receiver(out: Console, port: int = 0) -> Iterator[str]:
    """Receive on loopback, on a free port where none is given; yields the URL."""
    told: set[tuple[str, ...]] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in news(body["alerts"], told):
                _tell(out, alert)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """The alerts are what is told."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, name="receiver", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
    finally:
        server.shutdown()
        server.server_close()


def news(alerts: Iterable[Mapping[str, Any]], told: set[tuple[str, ...]]) -> list[Mapping[str, Any]]:
    """Those whose state was not told before; a message about a group repeats what goes on. They join `told`."""
    found = {(one["fingerprint"], one["startsAt"], one["status"]): one for one in alerts}
    fresh = [one for key, one in found.items() if key not in told]
    told.update(found)
    return fresh


def _tell(out: Console, alert: Mapping[str, Any]) -> None:
    firing = alert["status"] == "firing"
    mark = "[red]▲ alert received[/]" if firing else "[green]▼ resolved[/]"
    summary = alert["annotations"].get("summary", "")
    out.print(f"{mark} [bold]{escape(alert['labels']['alertname'])}[/] {escape(summary)}", soft_wrap=True)


def main(port: int) -> None:
    """Receive until told to stop."""
    ending = Ending()
    with receiver(Console(width=160), port):
        while not ending.wait(1):
            pass


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit("usage: python -m monitor.demo.receiver PORT")
    main(int(sys.argv[1]))
