"""A service as a process of ours: started in a folder, waited for, and ended for certain."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 60.0
STOP_SECONDS = 10.0
PR_SET_PDEATHSIG = 1


class ServiceMissingError(Exception):
    """A service is not to be had on this machine; the message says what would bring it."""


class ServiceFailedError(Exception):
    """A service did not start; the message holds the end of its log."""


def free_port(wanted: int = 0) -> int:
    """A free loopback port: the wanted one, or any. Raises OSError when the wanted one is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], folder: Path, answers: Callable[[], bool]) -> Iterator[None]:
    """A process that has answered; it ends with this block, and with this process however that ends."""
    with started(command, folder) as process:
        wait(process, answers, folder)
        yield


@contextmanager
def started(
    command: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that may not answer yet; its output goes to `log` in the folder."""
    with (folder / "log").open("ab") as sink:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)  # a frozen one could not hear that it is to end
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait(process: subprocess.Popen[bytes], answers: Callable[[], bool], folder: Path) -> None:
    """Until it answers; raises ServiceFailedError when it ends before, or takes too long."""
    end = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > end:
            log = (folder / "log").read_text(errors="replace")
            raise ServiceFailedError(f"{process.args!r} did not start:\n{log[-2000:]}")
        time.sleep(0.1)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def is_ready(url: str, auth: tuple[str, str] | None = None) -> bool:
    try:
        return httpx.get(url, auth=auth, timeout=2).is_success
    except httpx.TransportError:
        return False
