"""Takes in what applications push: an OTLP/HTTP receiver, for metrics alone. Needs the extra `handlers`.

Names and labels are Prometheus' (`names`), so that what is pushed and what is scraped are told alike. What was added up
of deltas and not yet read by the collector is in memory only: it is lost when the process ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from collectors.handlers.otlp import decode
from collectors.handlers.otlp.answers import Answer, RefusedError
from collectors.handlers.otlp.arrivals import MOST_PARTS, Batch, Refusal, printable
from collectors.handlers.otlp.connections import Connections
from collectors.handlers.otlp.server import OtlpError, Request, Server
from collectors.handlers.otlp.streams import START, Instance, Streams

__all__ = ["START", "Instance", "OtlpError", "Receiver"]

_MOST_RESOURCES = 1_000
_MOST_TOLD = 100
#: Of what the answer to a sender names.
_MOST_ANSWERED = 5


class Receiver:
    """Listens from `start` to `close`, in threads of its own; may be asked from any thread."""

    def __init__(
        self, listen: str, clock: Callable[[], float] = time.time, connections: Connections | None = None
    ) -> None:
        self._listen = listen
        self._clock = clock
        self._connections = connections
        self._streams = Streams()
        self._rejected: dict[tuple[str, str], None] = {}
        self._untold = 0
        self._lock = threading.Lock()
        self._server: Server | None = None

    def start(self) -> str:
        """Listen; returns the address. Raises OtlpError when it cannot be had."""
        if self._server is None:
            self._server = Server(self._listen, self._take, self._tell, self._connections)
        return self._server.listens_on

    def instances(self, now: float) -> list[Instance]:
        """What stands now: cumulative as it was sent, deltas added up, without what has ended."""
        with self._lock:
            return self._streams.instances(now)

    def take_rejected(self) -> list[tuple[str, str]]:
        """What was refused since last asked, as (what, reason): a hundred different ones at most, the rest as one."""
        with self._lock:
            rejected, untold = list(self._rejected), self._untold
            self._rejected, self._untold = {}, 0
        return [*rejected, ("OTLP", f"{untold} refusals more")] if untold else rejected

    def close(self) -> None:
        """Listen no more. Senders are told to come again; what they sent before stands."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _take(self, request: Request) -> Answer:
        refused: list[Refusal] = []
        room = MOST_PARTS
        with decode.message(request.body, request.media, request.gzipped) as export:
            if len(export.resource_metrics) > _MOST_RESOURCES:
                raise RefusedError(413, f"more than {_MOST_RESOURCES} resources in one request")
            for block in export.resource_metrics:
                batch = Batch(block, room)
                arrivals = list(batch.arrivals())
                room = batch.room - 1
                with self._lock:
                    found = self._streams.take(batch.source, arrivals, self._clock())
                found += batch.refusals
                refused += found
                for one in found:
                    self._tell(f"{one.what} of {printable(batch.source)}", one.reason)
        return Answer(200, decode.response(*_told(refused), request.media), request.media)

    def _tell(self, what: str, reason: str) -> None:
        with self._lock:
            if (what, reason) in self._rejected or len(self._rejected) < _MOST_TOLD:
                self._rejected[what, reason] = None
            else:
                self._untold += 1


def _told(refused: Iterable[Refusal]) -> tuple[int, str]:
    """(data points, what to say of them), as an answer to the sender holds it."""
    every = list(refused)
    shown = [f"{one.what}: {one.reason} ({one.points} data points)" for one in every[:_MOST_ANSWERED]]
    if len(every) > _MOST_ANSWERED:
        shown.append(f"and {len(every) - _MOST_ANSWERED} reasons more")
    return sum(one.points for one in every), "; ".join(shown)
