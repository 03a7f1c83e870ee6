"""Cycles over 50,000 dead-letter blobs in Azurite, against listing them all with Azure's library.

Told are requests, bytes and time. To all but the first cycle some dead letters came.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

from azure.storage.blob import ContainerClient

from collectors.base import Reading
from collectors.eventgrid.client import Client
from collectors.eventgrid.containers import DeadLetterContainer, DeadLetterReads
from collectors.eventgrid.grid import Grid
from collectors.eventgrid.letters import MEMORY, DeadLetterBlobs
from collectors.eventgrid.origins import Origins
from collectors.eventgrid.settings import EventGridSettings
from monitor.demo import services
from monitor.demo.traffic.blobs import CONTAINER, grid_event, write

BLOBS, STREAMS, DAYS, NEW, ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000, 5, 30, 10, 5
DAY = 86400.0


class Meter:
    """Of a way to read: requests, bytes that came, seconds of CPU of this process and of the clock."""

    def __init__(self) -> None:
        self.requests = self.received = 0

    def took(self, what: Callable[[], object]) -> tuple[int, int, float, float]:
        self.requests = self.received = 0
        cpu, wall = time.process_time(), time.monotonic()
        what()
        return self.requests, self.received, time.process_time() - cpu, time.monotonic() - wall

    def note(self, answer: object) -> None:
        self.requests += 1
        self.received += len(answer.http_response.body())  # type: ignore[attr-defined]


def fill(container: ContainerClient, now: float) -> None:
    def one(number: int) -> None:
        chance = random.Random(number)
        at = now - chance.random() * DAYS * DAY
        write(container, f"SUBSCRIPTION-{number % STREAMS}", at, [grid_event(number, at)], chance)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(BLOBS)))


def main() -> None:
    with services.azurite() as server, patch("collectors.eventgrid.client.CALL_SECONDS", 120.0):  # Azurite is slow
        container = ContainerClient.from_connection_string(server.connection_string, CONTAINER)
        container.create_container()
        now = time.time()
        fill(container, now)
        client = Client(EventGridSettings(name="azure", kind="eventgrid", subscription_id="0"))
        told = DeadLetterContainer.model_validate(
            {"container": CONTAINER, "connection_string": server.connection_string}
        )
        letters = DeadLetterBlobs([told], DeadLetterReads(), client)
        meter, blobs = Meter(), letters.containers[0].blobs
        kept = Reading()

        def naive() -> None:
            assert sum(1 for _ in container.list_blobs(raw_response_hook=meter.note)) >= BLOBS

        def cycle(at: float) -> tuple[int, int, float, float]:
            requests, received = client.requests, blobs.received
            reading = Reading()
            *_, cpu, wall = meter.took(lambda: letters.read(reading, at, time.monotonic() + 600, Origins(Grid())))
            assert not reading.errors, reading.errors
            kept.memory.update(reading.memory)
            return client.requests - requests, blobs.received - received, cpu, wall

        rows = {"the first": cycle(now)}
        later = []
        for nth in range(1, ROUNDS + 1):
            for number in range(NEW):
                write(container, f"SUBSCRIPTION-{number % STREAMS}", now, [grid_event(number, now)], random.Random())
            later.append(cycle(now + nth * 60))
        rows["each after it, 10 new blobs"] = sorted(later, key=lambda row: row[3])[ROUNDS // 2]
        rows["full, once an hour"] = cycle(now + 2 * 3600)
        rows["list_blobs of Azure's library"] = meter.took(naive)
        container.close()
        client.close()
    stored = sum(len(value or b"") for key, value in kept.memory.items() if key.startswith(MEMORY))
    print(f"\nEvent Grid, {BLOBS} dead-letter blobs of {STREAMS} subscriptions in {DAYS} days\n")
    print(f"{'':32} {'requests':>9} {'kB':>9} {'CPU':>9} {'wall':>9}")
    for name, (requests, received, cpu, wall) in rows.items():
        print(f"{name:32} {requests:9} {received / 1e3:9.0f} {cpu * 1e3:6.0f} ms {wall * 1e3:6.0f} ms")
    print(f"remembered: {stored / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
