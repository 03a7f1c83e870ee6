"""Reads a cluster in a few batched requests, within a budget of them and a time.

A cycle asks for topics, committed offsets and then log ends. What changes slowly takes turns: as much of it as
the budget leaves, longest unread first. So a small cluster is read whole each cycle, and of a large one the
same number of requests goes out however many partitions it has.

Committed offsets are read before log ends, so that a race overstates a backlog and never makes it negative.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from kafka import errors
from kafka.protocol.consumer import OffsetFetchRequest

from collectors.base import CollectError, PartError, Reading, Skipped
from collectors.kafka import answers, ask
from collectors.kafka.client import Client, Question, said
from collectors.kafka.cluster import BATCH, Cluster, Group, Offsets
from collectors.kafka.settings import KafkaSettings
from collectors.kafka.slow import SlowReads, Turn

#: Requests a cycle may take beside three a broker and one a batch of groups; some are left for reading records.
SPARE, FOR_RECORDS = 8, 3
#: How long a partition is waited for that its leader is about to take over.
SETTLE_SECONDS = 0.3
#: Of the time that is left, what one step may take: a silent broker must not use up the others' time.
SHARE = 0.5


Value = TypeVar("Value")


class Fetcher:
    """Reads one cluster, cycle after cycle; keeps what was read in earlier cycles and may be old."""

    def __init__(self, client: Client, settings: KafkaSettings) -> None:
        self.client, self.settings = client, settings
        self.cluster = Cluster()
        self._slow = SlowReads(
            client, self.cluster, {topic.destination: topic.source for topic in settings.dead_letters}
        )
        self._listed: dict[int, dict[str, Group]] = {}  # by the broker that coordinates them
        self._coordinators_moved = False
        self._read_at: dict[tuple[str, object], float] = {}
        self._reading, self._deadline = Reading(), 0.0

    def fetch(self, reading: Reading, deadline: float) -> Cluster:
        """Read once; raises CollectError when not even the topics can be read."""
        self._reading, self._deadline = reading, deadline
        self.client.begin()
        before = self.client.requests
        for step in (self._topics, self._groups, self._commits, self._ends):
            with self._timed(step.__name__.strip("_")):
                step()
        with self._timed("turns"):
            self._take_turns(self._budget - (self.client.requests - before))
        for broker in sorted(self.client.silent):
            self._fail(self._broker(broker), "did not answer in time")
        return self.cluster

    def rights(self, deadline: float) -> dict[str, set[int] | None]:
        """What may be done with each topic, as codes of `AclOperation`; None where the cluster does not tell."""
        (answer,) = self.client.ask([Question(ask.topics(rights=True))], deadline)
        topics = [] if isinstance(answer, errors.KafkaError) else answer.topics
        return {one.name: one.authorized_operations for one in topics if one.name in self.cluster.topics}

    @property
    def _budget(self) -> int:
        batches = -(-len(self.cluster.groups) // BATCH)
        return 3 * len(self.client.brokers) + batches + SPARE - FOR_RECORDS

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._reading.phases[phase] = time.monotonic() - began

    def _ask(self, questions: Iterable[Question]) -> list[Any]:
        now = time.monotonic()
        if now >= self._deadline:
            raise CollectError(f"not read within {self.settings.timeout:g} s")
        return self.client.ask(list(questions), now + (self._deadline - now) * SHARE)

    def _fail(self, part: str, error: BaseException | str) -> None:
        self._reading.errors.append(PartError(part, error if isinstance(error, str) else said(error)))

    def _refused(self, part: str, answer: Any, broker: int | None) -> bool:
        """Whether there is no answer; a silent broker is named once, not with everything asked of it."""
        if not isinstance(answer, errors.KafkaError):
            return False
        if broker not in self.client.silent:
            self._fail(part, answer)
        return True

    def _broker(self, number: int | None) -> str:
        address = self.client.brokers.get(-1 if number is None else number, "gone")
        return f"broker {number} ({address})"

    # What every cycle reads

    def _topics(self) -> None:
        (answer,) = self._ask([Question(ask.topics())])
        if isinstance(answer, errors.KafkaTimeoutError):  # that broker is silent: ask another
            (answer,) = self._ask([Question(ask.topics())])
        if isinstance(answer, errors.KafkaError):
            raise CollectError(f"its topics cannot be read: {said(answer)}")
        self.client.learn(answer)
        before, self.cluster.topics = self.cluster.topics, {}
        for one in answer.topics:
            if not self.settings.topics.admits(one.name):
                continue
            if one.error_code:
                self._fail(f"topic {one.name}", errors.for_code(one.error_code).__name__)
            else:
                self.cluster.topics[one.name] = answers.topic(one)
        for name in before:
            if name not in self.cluster.topics or before[name].id != self.cluster.topics[name].id:
                self.cluster.starts.pop(name, None)
                self.cluster.sizes.pop(name, None)

    def _groups(self) -> None:
        """Groups of brokers that were never asked, and of all after a coordinator moved; else they take turns."""
        brokers = self.client.brokers
        self._listed = {broker: groups for broker, groups in self._listed.items() if broker in brokers}
        wanted = [broker for broker in brokers if self._coordinators_moved or broker not in self._listed]
        self._coordinators_moved = False
        for broker, answer in zip(wanted, self._ask(Question(ask.groups(), one) for one in wanted), strict=True):
            self._take_groups(broker, answer)
        self._merge_groups()

    def _take_groups(self, broker: int, answer: Any) -> None:
        part = f"groups of {self._broker(broker)}"
        if self._refused(part, answer, broker):
            return
        if answer.error_code:
            self._fail(part, errors.for_code(answer.error_code).__name__)
            return
        self._read_at["groups of broker", broker] = time.monotonic()
        self._listed[broker] = {one.group_id: answers.group(one, broker) for one in answer.groups}

    def _merge_groups(self) -> None:
        """Every group once: while its coordinator moves two brokers list it, one of them as dead."""
        merged: dict[str, Group] = {}
        for listed in self._listed.values():
            for name, group in listed.items():
                if name not in merged or merged[name].state_number <= 1:
                    merged[name] = group
        self.cluster.groups = {name: group for name, group in merged.items() if self.settings.groups.admits(name)}
        filtered = sorted(merged.keys() - self.cluster.groups.keys())
        self._reading.skipped[:] = [one for one in self._reading.skipped if one.reason != "filtered"]
        self._reading.skipped += (Skipped(f"group {name}", "filtered") for name in filtered)
        self.cluster.members = _only(self.cluster.groups, self.cluster.members)
        self.cluster.shared = _only(self.cluster.groups, self.cluster.shared)

    def _commits(self) -> None:
        self.cluster.committed = {}
        one_by_one = self.client.version(OffsetFetchRequest) < 8
        batches = list(self.cluster.batches(lambda group: group.kind != "share", 1 if one_by_one else BATCH))
        questions = (Question(ask.commits(names, one_by_one=one_by_one), broker) for broker, names in batches)
        for (broker, names), answer in zip(batches, self._ask(questions), strict=True):
            if self._refused(f"{len(names)} groups of {self._broker(broker)}", answer, broker):
                self._coordinators_moved = True
            elif one_by_one:
                self._take_commits(names[0], answer)
            else:
                for group in answer.groups:
                    self._take_commits(group.group_id, group)

    def _take_commits(self, name: str, answer: Any) -> None:
        error = errors.for_code(answer.error_code)
        if error in (errors.NotCoordinatorError, errors.CoordinatorLoadInProgressError):
            self._coordinators_moved = True
        if error is errors.GroupAuthorizationFailedError:
            self._reading.skipped.append(Skipped(f"group {name}", "denied"))
        elif error is not errors.NoError:
            self._fail(f"group {name}", error.__name__)
        else:
            self.cluster.committed[name] = answers.commits(self._readable(name, answer.topics))

    def _readable(self, group: str, topics: Iterable[Any]) -> Iterator[Any]:
        for topic in topics:
            refused = {errors.for_code(one.error_code).__name__ for one in topic.partitions if one.error_code}
            for error in refused:
                self._fail(f"group {group} on topic {topic.name}", error)
            if not refused:
                yield topic

    def _ends(self) -> None:
        """Log ends of all partitions; log starts only where none is known, else they take turns."""
        self.cluster.ends = {}
        ends = list(self._of_leaders(ask.LATEST, lambda topic, number: True))
        starts = list(self._of_leaders(ask.EARLIEST, lambda topic, n: n not in self.cluster.starts.get(topic, {})))
        wanted = [(self.cluster.ends, question) for question in ends]
        wanted += [(self.cluster.starts, question) for question in starts]
        unsettled = self._read_offsets(wanted, patient=True)
        if unsettled:
            time.sleep(SETTLE_SECONDS)
            self._read_offsets(unsettled)
        for name, topic in self.cluster.topics.items():
            without = [str(number) for number, partition in topic.partitions.items() if partition.leader < 0]
            if without:
                self._fail(f"topic {name}", f"no leader for partition {', '.join(without)}")

    def _of_leaders(self, which: int, wanted: Callable[[str, int], bool]) -> Iterator[Question]:
        """One request a leader for all its partitions; it may name a partition once, so ends and starts are two."""
        for leader, owned in self.cluster.by_leader(self.cluster.topics, wanted).items():
            yield Question(ask.offsets(owned, which), leader)

    def _read_offsets(
        self, wanted: Sequence[tuple[Offsets, Question]], *, patient: bool = False
    ) -> list[tuple[Offsets, Question]]:
        """Ask for offsets and keep them. `patient` returns what met a partition that a broker is about to take over,
        as those of a topic made a moment ago, instead of calling it failed."""
        unsettled = []
        for (into, question), answer in zip(wanted, self._ask(one for _, one in wanted), strict=True):
            if patient and not isinstance(answer, errors.KafkaError) and answers.is_unsettled(answer):
                unsettled.append((into, question))
            self._take_offsets(into, question.broker, answer, patient=patient)
        return unsettled

    def _take_offsets(self, into: Offsets, broker: int | None, answer: Any, *, patient: bool = False) -> None:
        if self._refused(f"logs of {self._broker(broker)}", answer, broker):
            return
        for topic in answer.topics:
            known = into.setdefault(topic.name, {})
            for one in topic.partitions:
                if not one.error_code:
                    known[one.partition_index] = one.offset
                    continue
                known.pop(one.partition_index, None)
                error = errors.for_code(one.error_code)
                if not (patient and error in answers.UNSETTLED):
                    self._fail(f"topic {topic.name}, partition {one.partition_index}", error.__name__)

    # What takes turns

    def _take_turns(self, requests: int) -> None:
        now = time.monotonic()
        if now >= self._deadline:
            return
        due = [turn for turn in self._turns() if now - self._last(turn) >= turn.every]
        chosen = sorted(due, key=self._last)[: max(1, requests)]
        for turn, answer in zip(chosen, self._ask(turn.question for turn in chosen), strict=True):
            self._read_at[turn.what] = now
            if not self._refused(" ".join(map(str, turn.what)), answer, turn.question.broker):
                turn.take(answer)
        self._merge_groups()

    def _last(self, turn: Turn) -> float:
        return self._read_at.get(turn.what, float("-inf"))

    def _turns(self) -> Iterator[Turn]:
        for broker in self.client.brokers:
            question = Question(ask.groups(), broker)
            yield Turn(("groups of broker", broker), question, partial(self._take_groups, broker))
        for question in self._of_leaders(ask.EARLIEST, lambda topic, number: True):
            broker = question.broker or 0
            yield Turn(
                ("log starts of broker", broker),
                question,
                partial(self._take_offsets, self.cluster.starts, broker),
            )
        yield from self._slow.turns(self._fail)


def _only(names: Iterable[str], known: Mapping[str, Value]) -> dict[str, Value]:
    """What is known under these names."""
    return {name: known[name] for name in names if name in known}
