"""What is otherwise than half an hour ago around an alert: what comes in, what goes out, and how its handlers do.

What is not known is left out: nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from collectors import metrics as m
from monitor.alerts.evaluation import Readings
from monitor.derive import increase, percentile_text
from monitor.percentiles import Percentile, merged, percentile
from monitor.reader import Series

#: "Now" is the last five minutes, "before" is as long, half an hour earlier.
SECONDS, EARLIER = 300.0, 1800.0
#: Outcomes of events that were not handled.
FAILURES = frozenset({"failed", "dead_lettered", "dropped"})

Span = tuple[float, float]


def changed(readings: Readings, labels: Mapping[str, str], now: float) -> str:
    """Such as "in 12/s (was 3/s), out 0/s (was 3/s), handler p95 2.1 s (was 85 ms)"; empty where nothing is known.

    Dead letters are told with what goes through their source.
    """
    destination = labels.get("source") or labels.get("destination")
    if not destination:
        return ""
    wanted = {"destination": destination, "group": labels.get("group", "")}
    spans = (now - SECONDS, now), (now - EARLIER - SECONDS, now - EARLIER)
    looks: tuple[tuple[str, Callable[[Span], str]], ...] = (
        ("in", lambda span: _rate_text(_of(readings.window(m.MESSAGES_IN_TOTAL.name, *span), wanted))),
        ("out", lambda span: _rate_text(_of(readings.window(m.MESSAGES_OUT_TOTAL.name, *span), wanted))),
        ("handler p95", lambda span: _p95(readings, wanted, span)),
        ("handler fails", lambda span: _failing(readings, wanted, span)),
    )
    told = ((word, *(look(span) for span in spans)) for word, look in looks)
    return ", ".join(
        f"{word} {after}" + (f" (was {before})" if before else "") for word, after, before in told if after
    )


def _of(found: Iterable[Series], wanted: Mapping[str, str]) -> list[Series]:
    return [series for series in found if _is_about(series.labels, wanted)]


def _is_about(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Of the destination, and of the group where both name one."""
    groups = {labels.get("group", ""), wanted["group"]} - {""}
    return labels.get("destination") == wanted["destination"] and len(groups) < 2


def _rate_text(found: Sequence[Series]) -> str:
    """Where there are two readings or more."""
    rates = [_rise(one) / (one.points[-1][0] - one.points[0][0]) for one in found if len(one.points) > 1]
    return f"{sum(rates):,.3g}/s" if rates else ""


def _rise(one: Series) -> float:
    return increase([value for _, value in one.points])


def _p95(readings: Readings, wanted: Mapping[str, str], span: Span) -> str:
    grown = readings.increases(m.HANDLER_DURATION_SECONDS.name, *span, everywhere=True)
    whole = merged([one for one in grown if _is_about(one.labels, wanted)])
    reached: Percentile | None = percentile(whole.bounds, whole.counts, 0.95)
    return "" if reached is None else percentile_text(reached)


def _failing(readings: Readings, wanted: Mapping[str, str], span: Span) -> str:
    """The share of the events that were not handled."""
    found = _of(readings.window(m.HANDLER_EVENTS_TOTAL.name, *span, everywhere=True), wanted)
    rises = [(one.labels.get("outcome", ""), _rise(one)) for one in found]
    whole = sum(rise for _, rise in rises)
    return f"{sum(rise for outcome, rise in rises if outcome in FAILURES) / whole:.1%}" if whole else ""
