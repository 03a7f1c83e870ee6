"""What follows from the figures, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from monitor.percentiles import Percentile
from monitor.reader import AlertState, TargetRow

#: Words for how an age is known, by backlog_age_quality.
QUALITY = {3.0: "", 2.0: "about ", 1.0: "at least "}

#: The rule whose alerts name stores of dead letters.
DEAD_LETTERS = "DeadLettersGrowing"

#: Outcomes of events that were not handled.
FAILURES = frozenset({"failed", "dead_lettered", "dropped"})

#: A group that is less far behind than this is healthy.
BEHIND_SECONDS = 60.0


def duration(seconds: float) -> str:
    """Seconds as a person says them: `8 s`, `3 min`, `2 h 5 min`, `3 d`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} d"


def latency(seconds: float) -> str:
    """A short time as a person says it, to two figures: `0.35 ms`, `85 ms`, `1.4 s`; a long one as `duration` does."""
    if seconds <= 0:
        return "0 s"
    number, unit = (seconds, "s") if seconds >= 0.9995 else (seconds * 1000, "ms")
    if number >= 99.5:
        return duration(seconds) if unit == "s" else f"{number:.0f} ms"
    return f"{number:.2g} {unit}"


def percentile_text(one: Percentile) -> str:
    """`85 ms`, or `≥ 12 min` where it lies past the last bound."""
    return f"≥ {latency(one.seconds)}" if one.beyond else latency(one.seconds)


def rate_text(rate: float) -> str:
    """Events a second, to three figures: `0.25/s`, `12/s`, `12,345/s`."""
    return f"{rate:,.0f}/s" if rate >= 999.5 else f"{rate:.3g}/s"


def increase(values: Sequence[float]) -> float:
    """What a counter rose by, over resets: after one it began at 0."""
    return sum(after - before if after >= before else after for before, after in pairwise(values))


def rate(points: Sequence[tuple[float, float]]) -> float | None:
    """What a counter rose by a second, over resets; None where it was read less than twice."""
    if len(points) < 2:
        return None
    return increase([value for _, value in points]) / (points[-1][0] - points[0][0])


def sentence(
    alerts: Sequence[AlertState] | None,
    targets: Sequence[TargetRow],
    consumers: Iterable[tuple[str, str, float | None]],
) -> str:
    """The state of everything, in one sentence. `consumers` are (group, destination, seconds behind), worst first.

    Alerts of None are not known.
    """
    if not targets:
        return "No target has been read yet."
    parts = []
    blind = [target.name for target in targets if not target.up]
    if blind:
        parts.append(f"{', '.join(blind)} cannot be read: its figures are unknown")
    firing = [state for state in alerts or () if state.state == "firing"]
    growing = [state for state in firing if state.rule == DEAD_LETTERS]
    if growing:
        parts.append(f"dead letters grow in {_listed([_store_of(state) for state in growing])}")
    others = len(firing) - len(growing)
    if others:
        parts.append(f"{others} {'other ' if growing else ''}alert{'s' if others > 1 else ''} firing")
    worst = next((one for one in consumers if one[2] is not None and one[2] >= BEHIND_SECONDS), None)
    if worst is not None:
        parts.append(f"{worst[0]} is {duration(worst[2] or 0)} behind on {worst[1]}")
    if alerts is None:
        parts.append("alerts are unknown" if parts else "every group keeps up, but alerts are unknown")
    if not parts:
        return "All is well: no alert fires, and every group keeps up."
    text = "; ".join(parts)
    return f"{text[0].upper() if growing and not blind else text[0]}{text[1:]}."


def _store_of(state: AlertState) -> str:
    destination, source = state.labels.get("destination", "?"), state.labels.get("source", "")
    return f"{destination} (from {source})" if source else destination


def _listed(names: Sequence[str]) -> str:
    """Up to two names, and how many there are beside them."""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return (", " if more else " and ").join(names[:2]) + more
