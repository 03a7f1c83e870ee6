"""A relay that stands between a client and a broker: counts the requests of Kafka's protocol, and fails on demand."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import Counter


class Relay:
    """Listens on one port and passes on to another, until closed."""

    def __init__(self, listen: int, forward: int) -> None:
        self.requests: Counter[int] = Counter()
        self._forward = forward
        self._thawed = threading.Event()
        self._thawed.set()
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", listen))
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """Hold back everything, and keep the connections."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    def close(self) -> None:
        """Drop all connections, and take no more."""
        self._thawed.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                broker = socket.create_connection(("127.0.0.1", self._forward))
                self._open += [client, broker]
                threading.Thread(target=self._requests, args=(client, broker), daemon=True).start()
                threading.Thread(target=self._bytes, args=(broker, client), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket) -> None:
        """Frames of a length and that many bytes, of which the first two are the API key."""
        with contextlib.suppress(OSError, struct.error), client.makefile("rb") as reader:
            while head := reader.read(4):
                body = reader.read(struct.unpack(">i", head)[0])
                self._thawed.wait()
                self.requests[struct.unpack_from(">h", body)[0]] += 1
                broker.sendall(head + body)

    def _bytes(self, broker: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := broker.recv(65536):
                self._thawed.wait()
                client.sendall(data)
