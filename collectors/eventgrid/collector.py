"""Reads Event Grid by Azure Monitor and the management API. It never receives an event."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from collectors import metrics as m
from collectors.base import CollectError, Finding, PartError, Reading, Skipped
from collectors.eventgrid import judge
from collectors.eventgrid.check import findings
from collectors.eventgrid.client import Client, ClientError
from collectors.eventgrid.fetch import Fetcher
from collectors.eventgrid.grid import Grid
from collectors.eventgrid.known import Known
from collectors.eventgrid.letters import DeadLetterBlobs
from collectors.eventgrid.origins import Origins
from collectors.eventgrid.settings import EventGridSettings
from collectors.eventgrid.topology import Topology
from collectors.sums import Key, Sums

#: How far back figures are asked for after a pause of the agent, in seconds.
REACH = 6 * 3600.0
#: Of the time of a cycle, the part for topics and figures where there are containers to read too.
_FIGURES = 0.7
PULLED = "pulled: Azure does not tell it, and receiving takes"


class EventGridCollector:
    """Topics, domains, system topics and namespaces of Azure subscriptions."""

    system = "eventgrid"
    Settings = EventGridSettings

    def __init__(self, settings: EventGridSettings) -> None:
        self.settings = settings
        self._client = Client(settings)
        self._topology = Topology(self._client, settings)
        self._fetcher = Fetcher(self._client, settings)
        self._sums = Sums(60.0, settings.lateness, REACH)
        self._letters = DeadLetterBlobs(settings.dead_letter_containers, settings.dead_letter_reads, self._client)

    def restore(self, memory: Mapping[str, bytes]) -> None:
        self._sums.restore(memory)
        self._letters.restore(memory)

    def collect(self, now: float, deadline: float) -> Reading:
        reading = Reading()
        before = self._client.requests
        failure = self._read(reading, now, deadline)
        with _phase(reading, "dead letters"):
            self._letters.read(reading, now, deadline, Origins(self._topology.grid))
        reading.requests = self._client.requests - before
        if failure is not None and not self._letters.is_read:
            raise CollectError(f"cannot read Azure: {failure}")
        return reading

    def check(self, deadline: float) -> list[Finding]:
        """Whether the agent has an identity, what it may read, and what is configured so that events are lost."""
        try:
            reading = self.collect(time.time(), deadline)
        except CollectError as error:
            return [Finding(False, str(error), "docs/azure.md says how the agent gets an identity, and which roles")]
        return [*findings(self.settings, self._topology.grid, reading), *self._letters.findings()]

    def close(self) -> None:
        self._client.close()

    def _read(self, reading: Reading, now: float, deadline: float) -> ClientError | None:
        """Read topics and their figures; returns what left nothing of them. Containers have their part of the time."""
        left = deadline - time.monotonic()
        self._client.within(time.monotonic() + (left * _FIGURES if self.settings.dead_letter_containers else left))
        try:
            with _phase(reading, "topology"):
                self._topology.read(now, reading)
            with _phase(reading, "metrics"):
                self._fetcher.define(self._topology.grid, reading)
                self._count(self._topology.grid, now, reading)
        except ClientError as error:
            if not reading.errors:
                reading.errors.append(PartError("topics and their figures", str(error)))
            return error
        self._judge(self._topology.grid, reading)
        reading.memory = self._sums.take_changes()
        return None

    def _count(self, grid: Grid, now: float, reading: Reading) -> None:
        """Ask for the figures, and add what is new to the counters."""
        if not grid.resources and reading.errors:
            raise ClientError("; ".join(f"{one.part}: {one.message}" for one in reading.errors[:3]))
        known, reader = Known(self._sums, grid), judge.Reader(grid)
        told, new = set[Key](), set[Key]()
        missed = 0.0
        for asked, window, answer in self._fetcher.answered(
            grid, lambda asked: self._sums.window(known.of(asked), now), reading
        ):
            tally = reader.tally(asked.query, answer.series)
            reading.samples += tally.gauges
            for key in {*tally.points, *known.of(asked), *reader.begun(asked.query, asked.resources)}:
                if known.was_told(key, asked, answer):
                    if self._sums.total(key) is None:
                        new.add(key)
                    self._sums.note(key, tally.points.get(key, {}).items(), window)
                    known.note(key, tally.points.get(key, {}))
                    told.add(key)
            missed = max(missed, window.missed)
        if missed:
            reading.skipped.append(Skipped(f"{missed / 60:.0f} minutes while the agent was away", "too long ago"))
        if self._topology.is_sure:
            self._sums.keep(known.still_there())
        totals = (
            (key, total) for key, total in self._sums.totals(now) if key in told and not self._is_read_from_blobs(key)
        )
        reading.samples += judge.counters(totals, new)

    def _is_read_from_blobs(self, key: Key) -> bool:
        """Whether a counter is of dead letters that are counted where they lie."""
        return key[0] == m.DEAD_LETTERED_MESSAGES_TOTAL.name and key[1] in self._letters.counted

    def _judge(self, grid: Grid, reading: Reading) -> None:
        reading.samples += judge.routes(grid)
        reading.samples += judge.faults(grid)
        reading.skipped += (
            Skipped(f"backlog of {one.subscription.name} on {one.destination}", PULLED)
            for one in grid.streams()
            if one.subscription.is_pulled
        )


@contextmanager
def _phase(reading: Reading, name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    reading.phases[name] = time.monotonic() - began
