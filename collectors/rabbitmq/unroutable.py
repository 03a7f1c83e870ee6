"""Which exchange the messages that nobody wanted were published to. Pure.

The broker's count of them is exact, and knows no exchange. The plugin knows it, up to 4.0 only by channel, and its
counts go with the channel (from 4.1 on they are the exchange's own). So what was seen to grow is the exchange's, and
the rest of the broker's count belongs to no exchange that is known: together they are the broker's count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from collectors.rabbitmq.broker import Key, UnroutableCounter, destination, key_of

#: What the default exchange is called, as RabbitMQ's permissions do.
DEFAULT = "amq.default"
#: Exchanges that get series of their own; the messages of others are in the rest.
MOST = 1000


class Unroutable:
    """Unroutable messages by exchange. No count ever falls."""

    def __init__(self) -> None:
        self._named: dict[tuple[Key, str], int] = {}
        self._rest: dict[str, int] = {}
        self._last: dict[str, Mapping[UnroutableCounter, int]] = {}  # by node

    def note(self, node: str, counters: Mapping[UnroutableCounter, int]) -> None:
        """Note a node's counters. Those of the first time are where counting begins: who has seen them is not known."""
        before = self._last.get(node)
        for counter, count in counters.items() if before is not None else ():
            known = before.get(counter, 0) if before is not None else 0
            one = counter.exchange, counter.reason
            if count != known and (one in self._named or len(self._named) < MOST):
                self._named[one] = self._named.get(one, 0) + (count - known if count > known else count)
        self._last[node] = counters

    def totals(self, broker: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
        """(destination, reason, messages), of the whole broker's count by reason."""
        named: dict[str, int] = defaultdict(int)
        for (exchange, reason), count in self._named.items():
            named[reason] += count
            yield _called(exchange), reason, count
        for reason, count in broker.items():
            self._rest[reason] = max(self._rest.get(reason, 0), count - named[reason])
            yield "", reason, self._rest[reason]

    def state(self) -> list[list[object]]:
        named = [[_called(exchange), reason, count] for (exchange, reason), count in self._named.items()]
        return [*named, *(["", reason, count] for reason, count in self._rest.items())]

    @classmethod
    def restored(cls, state: Sequence[tuple[str, str, int]]) -> Unroutable:
        made = cls()
        for called, reason, count in state:
            if called:
                made._named[key_of(called), reason] = count
            else:
                made._rest[reason] = count
        return made


def _called(exchange: Key) -> str:
    return destination((exchange[0], exchange[1] or DEFAULT))
