"""Time in which nobody judged: it is not held against an alert."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from monitor.alerts.states import lost_seconds, resumed
from monitor.store.reader import STALE_SECONDS
from monitor.store.writer import Tx

#: Between two judgements of a target whose interval is not known; twice that is the look-back.
UNKNOWN_INTERVAL_SECONDS = STALE_SECONDS / 2


def resume(
    tx: Tx, absent: Collection[str], target: str, intervals: Mapping[str, float], now: float
) -> Mapping[str, float]:
    """Take that time out of the alerts of the target, and of those of no target: of the rules called `absent`.

    By whose alerts they are ("" of no target), the seconds that do count since these were judged.
    """
    passed = {}
    for whose in (target, ""):
        judged_at = tx.reader.judged_at(whose)
        gap = 0.0 if judged_at is None else now - judged_at
        lost = lost_seconds(now - gap, now, _interval(whose, intervals))
        for state in tx.reader.alerts() if lost else ():
            if (state.rule in absent) if whose == "" else (state.labels.get("target") == whose):
                tx.save_alert(resumed(state, lost, now))
        tx.save_judged(whose, now)
        passed[whose] = gap - lost
    return passed


def _interval(target: str, intervals: Mapping[str, float]) -> float:
    """Alerts of no target are judged with every target: at the latest with the slowest."""
    longest = max(intervals.values(), default=UNKNOWN_INTERVAL_SECONDS)
    return intervals.get(target, UNKNOWN_INTERVAL_SECONDS) if target else longest
