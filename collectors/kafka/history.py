"""What outlives a cycle of a Kafka collector: log ends over time, records read, dead letters ever written."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import NamedTuple

from collectors.kafka.cluster import Cluster
from collectors.timeline import EXACT, Age, Timeline, packed, unpacked

#: A changed timeline is remembered at most so often; a killed agent forgets no more than that.
SAVE_SECONDS = 60.0

_TIMELINE = "timeline/"
_WRITTEN = "written"
_EMPTY = "empty since"
_SEEN = "seen"


class Written(NamedTuple):
    """Records ever written under a name: those of the log as it is, and of the logs it lost or that had the name."""

    topic_id: str
    end: int
    before: int

    def now(self, topic_id: str, end: int) -> Written:
        """The count moved on; a log end that fell, or another topic of the name, takes nothing from it."""
        if topic_id != self.topic_id:
            return Written(topic_id, end, self.before + self.end)
        return Written(topic_id, end, self.before + max(0, self.end - end))

    @property
    def total(self) -> int:
        return self.before + self.end


class History:
    """Everything the collector remembers of one cluster. `take_changes` says what is to be stored.

    The timeline of a topic is stored when it begins to change, every minute while it changes, and once more when it
    is quiet again. What is stored of a quiet topic holds until the last cycle; of a changing one, until it was stored.
    """

    def __init__(self) -> None:
        self.timelines: dict[str, dict[int, Timeline]] = {}
        self.written: dict[str, Written] = {}
        self.empty_since: dict[str, float] = {}
        #: (offset, time it was written) of the record last read, by topic and partition.
        self.records: dict[tuple[str, int], tuple[int, float]] = {}
        self._seen = 0.0
        self._stored_at: dict[str, float] = {}  # of topics that change
        self._restored: set[str] = set()  # of these, what was stored may be older than the last cycle
        self._moved: set[str] = set()
        self._changes: dict[str, bytes | None] = {}

    def restore(self, memory: Mapping[str, bytes]) -> None:
        """Take back what was stored; what cannot be read is as if it had never been."""
        for key, blob in memory.items():
            try:
                self._restore(key, blob)
            except (ValueError, TypeError, KeyError):
                self._changes[key] = None

    def note(self, cluster: Cluster, now: float) -> None:
        """Put the log ends of a cycle into the timelines, and the states of groups into memory."""
        for topic in set(self.timelines) - set(cluster.topics):
            del self.timelines[topic]
            self._stored_at.pop(topic, None)
            self._changes[_TIMELINE + topic] = None
        for topic, ends in cluster.ends.items():
            timelines = self.timelines.setdefault(topic, {})
            seen = self._stored_at[topic] if topic in self._restored else self._seen
            for partition, end in ends.items():
                if timelines.setdefault(partition, Timeline()).add(now, end, seen):
                    self._moved.add(topic)
        self._restored.clear()
        self._seen = now
        self._note_groups(cluster, now)

    def write(self, topic: str, topic_id: str, end: int) -> int:
        """Records ever written to a topic whose log ends sum up to `end`."""
        known = self.written.get(topic)
        after = Written(topic_id, end, 0) if known is None else known.now(topic_id, end)
        if after != known:
            self.written[topic] = after
            self._changes[_WRITTEN] = json.dumps(self.written).encode()
        return after.total

    def age(self, topic: str, partition: int, offset: int, now: float) -> Age | None:
        """Age of the record at an offset, as well as it is known."""
        known = self.records.get((topic, partition))
        if known is not None and known[0] == offset:
            return Age(max(0.0, now - known[1]), EXACT)
        timeline = self.timelines.get(topic, {}).get(partition)
        return None if timeline is None else timeline.age(offset, now)

    def take_changes(self, now: float) -> dict[str, bytes | None]:
        """What is to be stored now, by key; None for what is to be forgotten."""
        changes, self._changes = self._changes, {}
        for topic in self._moved - self._stored_at.keys():
            changes[_TIMELINE + topic] = self._packed(topic, changing=True)
            self._stored_at[topic] = now
        for topic in [topic for topic, at in self._stored_at.items() if now - at >= SAVE_SECONDS]:
            still = topic in self._moved
            changes[_TIMELINE + topic] = self._packed(topic, changing=still)
            if still:
                self._stored_at[topic] = now
            else:
                del self._stored_at[topic]
        self._moved.clear()
        changes[_SEEN] = json.dumps(now).encode()
        return changes

    def _packed(self, topic: str, *, changing: bool) -> bytes:
        return struct.pack("<d", self._seen if changing else 0.0) + packed(self.timelines[topic])

    def _restore(self, key: str, blob: bytes) -> None:
        if key.startswith(_TIMELINE):
            topic = key.removeprefix(_TIMELINE)
            self.timelines[topic] = unpacked(blob[8:])
            (seen,) = struct.unpack_from("<d", blob)
            if seen:
                self._stored_at[topic] = seen
                self._restored.add(topic)
        elif key == _SEEN:
            self._seen = float(json.loads(blob))
        elif key == _WRITTEN:
            self.written = {topic: Written(*values) for topic, values in json.loads(blob).items()}
        elif key == _EMPTY:
            self.empty_since = dict(json.loads(blob))
        else:
            raise KeyError(key)

    def _note_groups(self, cluster: Cluster, now: float) -> None:
        empty = {name for name, group in cluster.groups.items() if group.is_empty}
        if empty != self.empty_since.keys():
            self.empty_since = {name: self.empty_since.get(name, now) for name in empty}
            self._changes[_EMPTY] = json.dumps(self.empty_since).encode()
