"""An agent that is killed at any moment, again and again, tells every change of an alert, and none twice anew."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from monitor.demo.services import free_port
from monitor.store.reader import Reader

ROOT = Path(__file__).parent.parent
#: `make soak` takes thousands.
KILLS, SEED = int(os.environ.get("KILLS", "30")), os.environ.get("KILL_SEED", "1")

#: An alert's labels, its new state, and when it came to be so in milliseconds.
Change = tuple[tuple[tuple[str, str], ...], str, int]


@contextmanager
def recording() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A webhook that takes everything; the messages with what tells one of them from another."""
    taken: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # the agent was killed while it sent: nobody has this message
                return
            taken.append((self.headers.get("Idempotency-Key") or hashlib.sha256(body).hexdigest(), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def handle(self) -> None:
            with suppress(ConnectionError):  # the agent was killed while it was answered
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", taken
    server.shutdown()
    server.server_close()


def told(taken: list[tuple[str, bytes]]) -> dict[Change, list[str]]:
    """By change the keys of the messages that told it."""
    found: dict[Change, list[str]] = defaultdict(list)
    for key, body in taken:
        for alert in json.loads(body)["alerts"]:
            at = alert["startsAt" if alert["status"] == "firing" else "endsAt"]
            when = round(datetime.fromisoformat(at).timestamp() * 1000)
            found[tuple(sorted(alert["labels"].items())), alert["status"], when].append(key)
    return found


def stored(path: Path) -> set[Change]:
    with closing(Reader(path)) as reader:
        return {
            (tuple(sorted(one.labels.items())), one.new, round(one.at * 1000))
            for one in reader.transitions(0)
            if one.new in ("firing", "resolved")
        }


def test_whenever_it_is_killed_every_transition_is_told_and_none_with_two_keys(tmp_path: Path) -> None:
    with recording() as (url, taken):
        (tmp_path / "agent.toml").write_text(
            f'[exporter]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[[receivers]]\nname = "ops"\nkind = "webhook"\nurl = "{url}"\n'
        )
        command = [sys.executable, str(ROOT / "tests/killed_agent.py"), str(tmp_path / "agent.toml"), str(KILLS), SEED]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL, cwd=tmp_path)
        messages, changes = told(taken), stored(tmp_path / "eda-monitor.db")

    print(f"{KILLS} kills, {len(changes)} transitions, {len(taken)} messages")
    assert changes - messages.keys() == set(), "stored, and never told"
    assert messages.keys() - changes == set(), "told, and not stored"
    assert {change: keys for change, keys in messages.items() if len(set(keys)) > 1} == {}
    assert len(changes) > KILLS
