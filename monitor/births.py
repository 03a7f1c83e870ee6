"""When the dead-letter counters began.

A counter that is born with its first dead letter rises from nothing: no difference of two readings shows it. So the
time of its birth is told beside it, and a rule counts what was born within its window from 0. What was there at the
first reading of a target was not born then, nor what comes back after a restart of the agent, nor what is only paired
with another source than before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from collectors import metrics as m
from collectors.base import Sample, Scrape

#: The key under which the births of a target are remembered with its scrapes.
MEMORY_KEY = "agent/births"


class Births:
    """The births of one target, restored from and kept in the store's memory."""

    def __init__(self, memory: bytes | None) -> None:
        #: labels -> [time of birth or None, last total]; None as a whole before the first reading. An older agent
        #: knew no sources: its keys are destination and reason
        self._known: dict[str, list[float | None]] | None = json.loads(memory) if memory else None

    def add_to(self, scrape: Scrape) -> list[Sample]:
        """Note the births of a good scrape, put them into its memory, and return their samples."""
        if not scrape.ok:
            return []
        known = {} if self._known is None else self._known
        before = json.dumps(self._known)
        totals = [s for s in scrape.reading.samples if s.metric is m.DEAD_LETTERED_MESSAGES_TOTAL]
        paired = {_pair(json.loads(key)): [born, 0.0] for key, (born, _) in known.items()}
        for sample in totals:
            other_source = paired.get(_pair(sample.labels), [None, None])
            born, last = known.get(_key(sample), other_source)
            began_anew = last is None or sample.value < last
            known[_key(sample)] = [scrape.started_at if began_anew and self._known is not None else born, sample.value]
        self._known = known
        if json.dumps(known) != before:
            scrape.reading.memory[MEMORY_KEY] = json.dumps(known).encode()
        return [m.DEAD_LETTERS_BORN.sample(at, *s.labels) for s in totals if (at := known[_key(s)][0])]


def _key(sample: Sample) -> str:
    return json.dumps(sample.labels)


def _pair(labels: Sequence[str]) -> tuple[str, str]:
    """The destination and the reason."""
    return labels[0], labels[-1]
