"""What outlives a cycle: dead letters that ever came into a queue, and those that tasks moved back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from collectors.arrivals import Arrivals
from collectors.sqs.estate import Task

#: What CloudWatch says of messages that were deleted comes up to so late.
PATIENCE_SECONDS = 900.0
#: A depth of SQS is right a minute after the last change, and may flicker until then.
FLICKER_SECONDS = 120.0
_ARRIVALS = "arrivals"
_MOVES = "moves/"
_RUNNING = {"RUNNING", "CANCELLING"}


class Moves:
    """Dead letters of one queue that tasks moved back, and those that a task that failed left behind."""

    def __init__(self, sent: int = 0, failed: int = 0, tasks: Mapping[int, tuple[int, int]] | None = None) -> None:
        self.sent, self.failed, self.running = sent, failed, 0
        self._tasks = dict(tasks or {})  # by start: what was counted as sent and as failed

    def note(self, tasks: Sequence[Task]) -> None:
        """Note the tasks of the queue, of which the service lists the latest. A count of a task that falls is not
        heard: they are approximate."""
        for task in tasks:
            sent, failed = self._tasks.get(task.started, (0, 0))
            left = max(0, (task.to_move or 0) - task.moved) if task.status == "FAILED" else 0
            now = max(sent, task.moved), max(failed, left)
            self.sent += now[0] - sent
            self.failed += now[1] - failed
            self._tasks[task.started] = now
        if tasks:
            self._tasks = {task.started: self._tasks[task.started] for task in tasks}
        self.running = sum(task.status in _RUNNING for task in tasks)

    def state(self) -> list[Any]:
        return [self.sent, self.failed, [[started, *counts] for started, counts in self._tasks.items()]]

    @classmethod
    def restored(cls, state: Sequence[Any]) -> Moves:
        sent, failed, tasks = state
        return cls(sent, failed, {started: (moved, left) for started, moved, left in tasks})


class History:
    """Everything that is remembered of one account, but for CloudWatch's counters."""

    def __init__(self) -> None:
        self.arrivals: dict[str, Arrivals] = {}
        self.moves: dict[str, Moves] = {}
        self._stored: dict[str, bytes] = {}
        self._seen: Collection[str] = ()

    def restore(self, memory: Mapping[str, bytes]) -> None:
        """Take back what was stored; what cannot be read is as if it had never been."""
        for key, blob in memory.items():
            try:
                if key == _ARRIVALS:
                    self.arrivals = {
                        name: Arrivals.restored(state, PATIENCE_SECONDS, FLICKER_SECONDS)
                        for name, state in json.loads(blob).items()
                    }
                elif key.startswith(_MOVES):
                    self.moves[key.removeprefix(_MOVES)] = Moves.restored(json.loads(blob))
                else:
                    continue
            except (ValueError, TypeError, KeyError):
                continue
            self._stored[key] = blob

    def note_depth(self, queue: str, depth: int, removed: float | None, now: float) -> None:
        """Count what came into a queue of dead letters."""
        taken = None if removed is None else int(removed)
        known = self.arrivals.get(queue)
        if known is None:
            # a queue that was there before and holds dead letters since now did not get its messages as such
            before = 0 if queue in self._seen else depth
            known = self.arrivals[queue] = Arrivals(depth, taken, before, PATIENCE_SECONDS, FLICKER_SECONDS)
        known.note(now, depth, taken)

    def note_tasks(self, queue: str, tasks: Sequence[Task]) -> None:
        self.moves.setdefault(queue, Moves()).note(tasks)

    def keep(self, queues: Collection[str], now: float) -> None:
        """All queues that there are: of the others the dead letters are gone."""
        for name in self.arrivals.keys() - set(queues):
            self.arrivals[name].gone(now)
        self._seen = set(queues)

    def take_changes(self) -> dict[str, bytes | None]:
        """What is to be stored now, by key."""
        now = {key: json.dumps(state).encode() for key, state in self._states()}
        changes = {key: blob for key, blob in now.items() if self._stored.get(key) != blob}
        self._stored |= changes
        return dict(changes)

    def _states(self) -> Iterator[tuple[str, Any]]:
        if self.arrivals:
            yield _ARRIVALS, {name: count.state() for name, count in self.arrivals.items()}
        yield from ((_MOVES + name, moves.state()) for name, moves in self.moves.items())
