"""What is otherwise than half an hour ago around an alert: what comes in, what goes out, and how its handlers do.

What is not known is left out: nothing is said of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TypeVar

from collectors import metrics as m
from monitor.alerts.evaluation import Readings
from monitor.derive import FAILURES, percentile_text, rate_text
from monitor.percentiles import Increase, Percentile, merged, percentile
from monitor.store.reader import Series
from monitor.store.rises import risen

#: "Now" is the last five minutes, "before" is as long, half an hour earlier.
SECONDS, EARLIER = 300.0, 1800.0
#: Labels that narrow down what an alert is about; where one side tells none of them, it may be the same.
NARROWING = ("group", "service", "handler")

Span = tuple[float, float]
One = TypeVar("One", Series, Increase)


class Around:
    """What alerts that begin to fire at one moment are told with. Nothing is read before the first of them asks, and
    then each thing once: when a broker fails, a thousand alerts begin together."""

    def __init__(self, readings: Readings, now: float) -> None:
        self._readings = readings
        self._spans: tuple[Span, Span] = (now - SECONDS, now), (now - EARLIER - SECONDS, now - EARLIER)
        self._flow, self._events, self._durations = cache(self._read), cache(self._read_events), cache(self._read_times)

    def changed(self, labels: Mapping[str, str]) -> str:
        """Such as "in 12/s (was 3/s), out 0/s (was 3/s), handler p95 2.1 s (was 85 ms)"; empty where nothing is known.

        Dead letters are told with what goes through their source.
        """
        destination = labels.get("source") or labels.get("destination")
        if not destination:
            return ""
        wanted = {"destination": destination, **{name: labels.get(name, "") for name in NARROWING}}
        looks: tuple[tuple[str, Callable[[Span], str]], ...] = (
            ("in", lambda span: _rate(_about(self._flow(m.MESSAGES_IN_TOTAL.name, span), wanted))),
            ("out", lambda span: _rate(_about(self._flow(m.MESSAGES_OUT_TOTAL.name, span), wanted))),
            ("handler p95", lambda span: _p95(_about(self._durations(span), wanted))),
            ("handler fails", lambda span: _failing(_about(self._events(span), wanted))),
        )
        told = ((word, *(look(span) for span in self._spans)) for word, look in looks)
        return ", ".join(
            f"{word} {after}" + (f" (was {before})" if before else "") for word, after, before in told if after
        )

    def _read(self, metric: str, span: Span) -> Mapping[str, list[Series]]:
        """Of the target; handlers have no flow of their own, and are told with that of what they read."""
        return _by_destination(
            self._readings.window(metric, *span) or self._readings.window(metric, *span, everywhere=True)
        )

    def _read_events(self, span: Span) -> Mapping[str, list[Series]]:
        return _by_destination(self._readings.window(m.HANDLER_EVENTS_TOTAL.name, *span, everywhere=True))

    def _read_times(self, span: Span) -> Mapping[str, list[Increase]]:
        return _by_destination(self._readings.increases(m.HANDLER_DURATION_SECONDS.name, *span, everywhere=True))


def _by_destination(found: Iterable[One]) -> Mapping[str, list[One]]:
    named: dict[str, list[One]] = defaultdict(list)
    for one in found:
        named[one.labels.get("destination", "")].append(one)
    return named


def _about(found: Mapping[str, list[One]], wanted: Mapping[str, str]) -> list[One]:
    """Of the destination and, where both name one, of the group, the service and the handler.

    What names the group itself goes before what names none.
    """
    fitting = [
        one
        for one in found.get(wanted["destination"], ())
        if all(len({one.labels.get(name, ""), wanted[name]} - {""}) < 2 for name in NARROWING)
    ]
    return [one for one in fitting if one.labels.get("group", "") == wanted["group"]] or fitting


def _rate(found: Sequence[Series]) -> str:
    """Where there are two readings or more, of one destination and one group: the sum of several says little."""
    whose = {(one.labels.get("target"), one.labels.get("group")) for one in found}
    rates = [known for one in found if (known := risen(one).rate) is not None]
    return rate_text(sum(rates)) if rates and len(whose) == 1 else ""


def _p95(found: Sequence[Increase]) -> str:
    whole = merged(found)
    reached: Percentile | None = percentile(whole.bounds, whole.counts, 0.95)
    return "" if reached is None else percentile_text(reached)


def _failing(found: Sequence[Series]) -> str:
    """The share of the events that were not handled."""
    rises = [(one.labels.get("outcome", ""), risen(one).increase) for one in found]
    whole = sum(rise for _, rise in rises)
    return f"{sum(rise for outcome, rise in rises if outcome in FAILURES) / whole:.1%}" if whole else ""
