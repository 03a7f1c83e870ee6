"""What watched producers tell the recorder, as a table."""

from __future__ import annotations

import threading

import pytest

from collectors.handlers.producers import tally

PUBLISHED, FAILURES, DEAD_LETTERS = tally.PUBLISHED, tally.FAILURES, tally.DEAD_LETTERS

#: (metric, labels…) -> amount
Counts = dict[tuple[str, ...], float]


def counting(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """A table that fills while the test runs, from whatever thread."""
    told: Counts = {}
    lock = threading.Lock()

    def count(metric: str, labels: tuple[str, ...], amount: float = 1.0) -> None:
        with lock:
            told[(metric, *labels)] = told.get((metric, *labels), 0) + amount

    monkeypatch.setattr(tally, "count", count)
    monkeypatch.setattr(tally, "destinations", tally.Destinations())
    return told
