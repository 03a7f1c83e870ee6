"""Who is connected, and for how long they may be; how much of their bodies is held in memory."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Literal

MOST_CONNECTIONS = 64
#: From the first byte of a request to the last one of its body.
REQUEST_SECONDS = 30.0
#: Between two requests: longer than the minute that the SDKs leave between exports.
IDLE_SECONDS = 150.0

#: Bodies of all connections together; small ones always have room.
MOST_HELD = 64 * 1024 * 1024
ALWAYS_HELD = 256 * 1024

State = Literal["idle", "reading", "working"]


class Connections:
    """The open connections. One that idles, or that takes too long over a request, makes room for a new one."""

    def __init__(self, most: int = MOST_CONNECTIONS, request: float = REQUEST_SECONDS, idle: float = IDLE_SECONDS):
        self._most = most
        self._seconds = {"idle": idle, "reading": request}
        self._open: dict[socket.socket, tuple[State, float]] = {}
        self._lock = threading.Lock()

    def admit(self, connection: socket.socket) -> bool:
        """Take a new connection in; where all room is taken the one that idles for longest goes, or else reads."""
        with self._lock:
            if len(self._open) >= self._most:
                waiting = [(state, since, one) for one, (state, since) in self._open.items() if state != "working"]
                if not waiting:
                    return False
                # "idle" sorts before "reading", and who waits for longest comes first
                self._cut(min(waiting, key=lambda one: one[:2])[2])
            self._open[connection] = ("idle", time.monotonic())
            return True

    def note(self, connection: socket.socket, state: State) -> None:
        with self._lock:
            if connection in self._open:
                self._open[connection] = (state, time.monotonic())

    def forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.pop(connection, None)

    def cut_overdue(self) -> None:
        now = time.monotonic()
        with self._lock:
            for one, (state, since) in list(self._open.items()):
                if state != "working" and now - since > self._seconds[state]:
                    self._cut(one)

    def cut(self, *states: State) -> int:
        """End those that are in such a state; returns how many stay."""
        with self._lock:
            for one, (state, _) in list(self._open.items()):
                if state in states:
                    self._cut(one)
            return len(self._open)

    def _cut(self, connection: socket.socket) -> None:
        """End it: what its thread reads or writes from now on fails, and the thread closes it."""
        self._open.pop(connection, None)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


class Held:
    """Bytes of bodies that are in memory."""

    def __init__(self, most: int = MOST_HELD) -> None:
        self._most = most
        self._bytes = 0
        self._lock = threading.Lock()

    def more(self, number: int, body: int) -> bool:
        """Whether a body that now has `body` bytes may have that many more; if so they are counted."""
        with self._lock:
            if self._bytes + number > self._most and body + number > ALWAYS_HELD:
                return False
            self._bytes += number
            return True

    def less(self, number: int) -> None:
        with self._lock:
            self._bytes -= number
