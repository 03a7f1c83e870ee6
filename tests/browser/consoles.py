"""A real console process for the browser, whose store can be changed for another while it runs."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from monitor.config import ConsoleSettings
from monitor.console import command

#: How long the console may take to come up on a machine that does much else.
START_SECONDS = 60.0


class Console:
    """Serves at `url`; what it prints is in `log`."""

    def __init__(self, url: str, store: Path, log: Path, process: subprocess.Popen[bytes]) -> None:
        self.url, self._store, self.log, self._process = url, store, log, process

    def shows(self, store: Path) -> None:
        """From now on it reads this store; there need not be one."""
        other = self._store.with_suffix(".next")
        other.unlink(missing_ok=True)
        other.symlink_to(store)
        other.replace(self._store)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Meanwhile it answers nothing, as on a machine that has no time for it."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


@contextmanager
def serving(folder: Path, grafana: str = "", host: str = "127.0.0.1", **settings: Any) -> Iterator[Console]:
    """A console with these settings of `[console]`, beside that Grafana, ended for certain."""
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "console.log"
    told = ConsoleSettings.model_validate({"listen": f"{host}:{port}", **settings})
    argv, environment = command(folder / "shown.db", told, grafana)
    with log.open("wb") as out:
        process = subprocess.Popen(argv, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            up(f"{url}/_stcore/health", process)
            yield Console(url, folder / "shown.db", log, process)
        finally:
            process.terminate()
            process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def up(url: str, process: subprocess.Popen[bytes], headers: Mapping[str, str] | None = None) -> None:
    """Wait until the console answers there."""
    end = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, "the console ended"
        try:
            if httpx.get(url, headers=headers).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, "the console did not come up"
        time.sleep(0.1)
