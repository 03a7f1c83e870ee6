"""What was counted, as metric families of prometheus-client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from collectors.handlers.geometry import BOUNDS, halved
from collectors.handlers.recorder import layout
from collectors.handlers.recorder.layout import Name
from collectors.handlers.recorder.process import RECORDER, Labels, labels_of

_KINDS: dict[str, Any] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}

_NOTHING = [0.0] * layout.HANDLER_SLOTS

_NAMES = (
    layout.DURATION,
    layout.QUEUE_TIME,
    layout.EVENTS_TOTAL,
    layout.IN_PROGRESS_NOW,
    layout.IN_PROGRESS_SINCE,
    layout.LAST_SUCCESS_AT,
    *layout.COUNTERS.values(),
    layout.START,
)


class Families:
    """A custom collector of prometheus-client: histograms with every second bound, or with all."""

    def __init__(self, all_bounds: bool = False) -> None:
        self._all_bounds = all_bounds

    def describe(self) -> Iterable[Metric]:
        """The families without samples: a registry asks for their names, and need not collect for that."""
        return [_KINDS[name.kind](name.name, name.help, labels=name.labels) for name in _NAMES]

    def collect(self) -> Iterable[Metric]:
        """Sums over all processes. A handler that was not called yet has its counters at 0."""
        totals = RECORDER.totals()
        families = {name: _KINDS[name.kind](name.name, name.help, labels=name.labels) for name in _NAMES}
        handlers = dict.fromkeys(list(RECORDER.handlers), _NOTHING)
        for key, numbers in totals.records.items():
            metric, *labels = labels_of(key)
            if not metric:
                handlers[tuple(labels)] = numbers
            elif metric in layout.COUNTERS:
                families[layout.COUNTERS[metric]].add_metric(labels, numbers[0])
        for of_handler, numbers in handlers.items():
            self._add_handler(families, of_handler, numbers)
        if totals.started is not None:
            families[layout.START].add_metric((), totals.started)
        return [family for family in families.values() if family.samples]

    def _add_handler(self, families: dict[Name, Any], labels: Labels, numbers: Sequence[float]) -> None:
        for at, outcome in enumerate(layout.OUTCOMES):
            families[layout.EVENTS_TOTAL].add_metric((*labels, outcome), numbers[layout.EVENTS + at])
            spread, total = self._distribution(numbers, at * layout.DISTRIBUTION)
            if spread[-1][1] or at == layout.OK:
                families[layout.DURATION].add_metric((*labels, outcome), spread, total)
        spread, total = self._distribution(numbers, layout.QUEUE)
        if spread[-1][1]:
            families[layout.QUEUE_TIME].add_metric(labels, spread, total)
        families[layout.IN_PROGRESS_NOW].add_metric(labels, numbers[layout.IN_PROGRESS])
        for name, slot in ((layout.IN_PROGRESS_SINCE, layout.SINCE), (layout.LAST_SUCCESS_AT, layout.LAST_SUCCESS)):
            if numbers[slot]:
                families[name].add_metric(labels, numbers[slot])

    def _distribution(self, numbers: Sequence[float], first: int) -> tuple[list[tuple[str, int]], float]:
        """Cumulative buckets by their bound, and the sum."""
        bounds, counts = BOUNDS, tuple(int(number) for number in numbers[first : first + layout.SUM])
        if not self._all_bounds:
            bounds, counts = halved(bounds, counts)
        named = [*map(floatToGoString, bounds), "+Inf"]
        return list(zip(named, accumulate(counts), strict=True)), numbers[first + layout.SUM]


#: What apps expose: it is registered with prometheus-client's own registry once something is instrumented.
FAMILIES = Families()


def expose() -> None:
    """Register with prometheus-client's registry, once; a fault is told and swallowed."""
    global _exposed
    with RECORDER.lock:
        if _exposed:
            return
        _exposed = True
    try:
        REGISTRY.register(FAMILIES)
    except Exception as error:
        RECORDER.complain("registering with prometheus-client", error)


_exposed = False
