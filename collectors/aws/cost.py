"""What reading costs in a month, by part. Pure.

List prices of us-east-1, in dollars, without what is free: https://aws.amazon.com/cloudwatch/pricing/ and
https://aws.amazon.com/sqs/pricing/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from collectors.base import Finding

HOURS_A_MONTH = 730
PER_METRIC = 0.01 / 1000
PER_SQS_REQUEST = 0.40 / 1_000_000
#: Of ListMetrics.
PER_CLOUDWATCH_REQUEST = 0.01 / 1000


class Part(NamedTuple):
    """Something that is asked for again and again: so many `units` an hour, each for so many dollars."""

    what: str
    units: float
    price: float

    @property
    def monthly(self) -> float:
        """Dollars."""
        return self.units * self.price * HOURS_A_MONTH


def an_hour(count: float, interval: float) -> float:
    """How many there are in an hour, of `count` every `interval` seconds."""
    return count * 3600 / interval


def findings(parts: Iterable[Part]) -> Iterator[Finding]:
    """What `check` says of the cost: the whole, and each part."""
    paid = [part for part in parts if part.price and part.units]
    total = sum(part.monthly for part in paid)
    yield Finding(True, f"reading it costs about ${total:,.2f} a month, at list prices of us-east-1")
    for part in paid:
        yield Finding(True, f"${part.monthly:,.2f} of it: {part.what}, {part.units:,.0f} an hour")
