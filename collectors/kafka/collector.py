"""Reads a Kafka cluster: fetched in a few batched requests, then judged by pure functions.

Backlog is to the high watermark: records of open transactions count.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping

from kafka.errors import KafkaError

from collectors import metrics as m
from collectors.base import CollectError, Finding, Reading, Sample, Skipped
from collectors.kafka import compat, judge
from collectors.kafka.backlog import Backlog, ages, backlogs
from collectors.kafka.check import findings
from collectors.kafka.client import Client, UnreachableError, said
from collectors.kafka.cluster import Cluster
from collectors.kafka.fetch import Fetcher
from collectors.kafka.history import History
from collectors.kafka.records import Place, read_times
from collectors.kafka.settings import KafkaSettings
from collectors.timeline import EXACT, LOWER_BOUND

#: Brokers asked a cycle for records.
PROBED_BROKERS = 3
PROBE_SECONDS = 1.0
#: A record that claims to be younger than this is not believed: its producer's clock is wrong.
FUTURE_SECONDS = 5.0


class KafkaCollector:
    """One cluster. Its connections are kept between cycles, and made anew after a failure."""

    system = "kafka"
    Settings = KafkaSettings

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self._declared = {topic.destination: topic.source for topic in settings.dead_letters}
        self._history = History()
        self._clamps: dict[tuple[str, str], int] = defaultdict(int)
        self._unreadable: set[str] = set()
        self._fetcher: Fetcher | None = None

    def restore(self, memory: Mapping[str, bytes]) -> None:
        self._history.restore(memory)

    def collect(self, now: float, deadline: float) -> Reading:
        reading = Reading()
        try:
            fetcher = self._connected(deadline)
            before = fetcher.client.requests
            cluster = fetcher.fetch(reading, deadline)
        except (UnreachableError, CollectError, KafkaError, OSError) as error:
            self.close()
            message = str(error) if isinstance(error, UnreachableError | CollectError) else said(error)
            raise CollectError(f"cannot read {self._address}: {message}") from None
        self._history.note(cluster, now)
        found = self._backlogs(cluster, reading)
        self._read_records(fetcher.client, cluster, found, now, min(deadline, time.monotonic() + PROBE_SECONDS))
        reading.requests = fetcher.client.requests - before
        self._judge(cluster, found, now, reading)
        if self.settings.kafka_exporter_names:
            reading.samples += compat.samples(cluster, fetcher.client.brokers, found)
        reading.memory = self._history.take_changes(now)
        return reading

    def check(self, deadline: float) -> list[Finding]:
        """Whether the cluster answers, what of it can be read, and which right is missing for the rest."""
        try:
            reading = self.collect(time.time(), deadline)
        except CollectError as error:
            return [Finding(False, str(error), "is the address right, does it listen, and do user and protocol fit?")]
        assert self._fetcher is not None  # a collect that returned has connected
        rights = self._fetcher.rights(deadline)
        return findings(self.settings, reading, rights, self.settings.principal)

    def close(self) -> None:
        if self._fetcher is not None:
            self._fetcher.client.close()
            self._fetcher = None

    @property
    def _address(self) -> str:
        return ", ".join(self.settings.bootstrap_servers)

    def _connected(self, deadline: float) -> Fetcher:
        if self._fetcher is None:
            client = Client(self.settings.client(), self.settings.timeout)
            self._fetcher = Fetcher(client, self.settings)
            client.connect(deadline)
        return self._fetcher

    def _backlogs(self, cluster: Cluster, reading: Reading) -> list[Backlog]:
        found = []
        for one in backlogs(cluster):
            if isinstance(one, Backlog):
                found.append(one)
            else:
                reading.skipped.append(Skipped(f"group {one.group} on topic {one.topic}", one.reason))
        return found

    def _read_records(
        self, client: Client, cluster: Cluster, found: list[Backlog], now: float, deadline: float
    ) -> None:
        """Read the oldest unread record of the partitions that wait longest; known ones are not read again."""
        known = {(one.topic, p, position.unread_from) for one in found for p, position in one.positions.items()}
        records = self._history.records
        self._history.records = {key: value for key, value in records.items() if (*key, value[0]) in known}
        read = read_times(client, cluster, self._places(cluster, found, now), deadline)
        self._unreadable |= read.denied
        for place, written in read.written.items():
            if written <= now + FUTURE_SECONDS:
                self._history.records[place.topic, place.partition] = (place.offset, written)

    def _places(self, cluster: Cluster, found: list[Backlog], now: float) -> list[Place]:
        waiting = [
            (
                age.quality != LOWER_BOUND,
                -age.seconds,
                Place(one.topic, partition, one.positions[partition].unread_from),
            )
            for one in found
            if one.topic not in self._unreadable
            for partition, age in ages(one, self._history, now).items()
            if age.quality != EXACT
        ]
        chosen: dict[tuple[str, int], Place] = {}
        brokers: set[int] = set()
        for _, _, place in sorted(waiting):
            if len(chosen) >= self.settings.exact_ages:
                break
            leader = cluster.topics[place.topic].partitions[place.partition].leader
            if leader >= 0 and (leader in brokers or len(brokers) < PROBED_BROKERS):
                brokers.add(leader)
                chosen.setdefault((place.topic, place.partition), place)
        return list(chosen.values())

    def _judge(self, cluster: Cluster, found: list[Backlog], now: float, reading: Reading) -> None:
        samples = reading.samples
        samples += judge.destinations(cluster)
        samples += judge.retries(cluster)
        samples += judge.dead_letters(cluster, self._history, self._declared, now)
        for one in found:
            samples += judge.backlog(one, cluster, self._history, now)
        samples += judge.groups(cluster)
        samples += judge.shared(cluster)
        samples += self._count_clamps(found)
        within, over = judge.partitions(found, self.settings.partition_budget)
        samples += within
        reading.skipped += over
        reading.skipped += judge.missing(cluster, self._history, self._declared, now)
        reading.skipped += (Skipped(f"topic {topic}", "Read denied, ages not exact") for topic in self._unreadable)

    def _count_clamps(self, found: list[Backlog]) -> list[Sample]:
        for one in found:
            if any(position.is_beyond_end for position in one.positions.values()):
                self._clamps[one.topic, one.group] += 1
        present = {(one.topic, one.group) for one in found}
        return [m.OFFSET_CLAMPS_TOTAL.sample(count, *key) for key, count in self._clamps.items() if key in present]
