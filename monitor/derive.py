"""What follows from the figures, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from monitor.percentiles import Percentile

#: Words for how an age is known, by backlog_age_quality.
QUALITY = {3.0: "", 2.0: "about ", 1.0: "at least "}

#: Outcomes of events that were not handled.
FAILURES = frozenset({"failed", "dead_lettered", "dropped"})


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
