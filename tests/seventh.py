"""A broker that eda-monitor has never heard of, in one module: what CONTRIBUTING says of a new kind, done once.

The mailroom tells all of itself at one address: `[{"queue", "waiting", "taken", "in", "out", "oldest_seconds",
"dead_letters_of"}]`, where the last is the queue whose dead letters lie there, or null.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from collectors import metrics as m
from collectors.base import CollectError, Finding, Reading, Sample, TargetSettings


class MailroomSettings(TargetSettings):
    url: str


class MailroomCollector:
    system = "mailroom"
    Settings = MailroomSettings

    def __init__(self, settings: MailroomSettings) -> None:
        self.settings = settings

    def collect(self, now: float, deadline: float) -> Reading:
        return Reading(samples=[sample for queue in self._fetch(deadline) for sample in judge(queue)], requests=1)

    def restore(self, memory: Mapping[str, bytes]) -> None:
        pass  # it counts by itself

    def check(self, deadline: float) -> list[Finding]:
        try:
            return [Finding(True, f"{self.settings.url} answers with {len(self._fetch(deadline))} queues")]
        except CollectError as error:
            return [Finding(False, str(error), "is it the address of the mailroom?")]

    def close(self) -> None:
        pass  # no connection is kept

    def _fetch(self, deadline: float) -> list[dict[str, Any]]:
        try:
            answer = httpx.get(self.settings.url, timeout=max(0.001, deadline - time.monotonic())).raise_for_status()
            return list(answer.json())
        except (httpx.HTTPError, ValueError) as error:
            raise CollectError(f"cannot read {self.settings.url}: {error}") from None


def judge(queue: Mapping[str, Any]) -> Iterator[Sample]:
    """What the vocabulary says of one queue."""
    name, source = queue["queue"], queue["dead_letters_of"]
    yield m.MESSAGES_IN_TOTAL.sample(queue["in"], name)
    if source is not None:
        yield m.DEAD_LETTERS.sample(queue["waiting"], name, source)
        yield m.DEAD_LETTERED_MESSAGES_TOTAL.sample(queue["in"], name, source, "")
        yield m.DEAD_LETTER_AGE_SECONDS.sample(queue["oldest_seconds"], name)
        return
    group = f"readers of {name}"
    yield m.BACKLOG_MESSAGES.sample(queue["waiting"], name, group)
    yield m.BACKLOG_AGE_SECONDS.sample(queue["oldest_seconds"], name, group)
    yield m.BACKLOG_AGE_QUALITY.sample(3, name, group)
    yield m.IN_FLIGHT_MESSAGES.sample(queue["taken"], name, group)
    yield m.MESSAGES_OUT_TOTAL.sample(queue["out"], name, group)
