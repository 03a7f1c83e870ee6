"""What an application exposes, one series at a time, in the form of Prometheus' text format.

Pages that are scraped and OTLP that is pushed both become points; `dialects` says what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Distribution(NamedTuple):
    """A histogram as it stands: `counts` are of each bucket alone, one more than `bounds` (rising, without +Inf)."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


class Point(NamedTuple):
    """One series as it stands: a counter (its name ends in `_total`), a gauge, or a histogram by its base name."""

    name: str
    labels: Mapping[str, str]
    value: float | Distribution
