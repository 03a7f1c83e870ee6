"""The same work for many things at once, until a deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

#: At once, at most.
WORKERS = 32

T = TypeVar("T")
R = TypeVar("R")


def at_once(work: Callable[[T], R], things: Iterable[T], deadline: float) -> Iterator[tuple[T, R | Exception | None]]:
    """Each thing with what came of it: a result, or what was raised, or None when the time was over.

    The threads are daemons: one that hangs beyond the deadline, because it waits for somebody who does not answer,
    keeps neither the cycle nor the end of the process.
    """
    waiting: queue.SimpleQueue[tuple[int, T]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, R | Exception]] = queue.SimpleQueue()
    pending = dict(enumerate(things))

    def run() -> None:
        while time.monotonic() < deadline:
            try:
                at, thing = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((at, work(thing)))
            except Exception as error:  # handed over to who asked for the work
                done.put((at, error))

    for entry in pending.items():
        waiting.put(entry)
    for number in range(min(WORKERS, len(pending))):
        threading.Thread(target=run, name=f"handlers {number}", daemon=True).start()
    while pending:
        try:
            at, result = done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        yield pending.pop(at), result
    yield from ((thing, None) for thing in pending.values())
