"""The queues of a broker, page by page.

Every page is read in every cycle without statistics, which is the cheapest that the management API has; so many pages
as the settings say are read with them, and take turns. What is known of the others stands as it was read last.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from collectors.base import Filter
from collectors.rabbitmq import answers
from collectors.rabbitmq.broker import Broker, Key, Statistics
from collectors.rabbitmq.cycle import Cycle
from collectors.rabbitmq.settings import RabbitSettings
from collectors.rabbitmq.topology import Topology, names, queues_of

#: The most that the management API gives at once.
PAGE = 500
#: Longest regular expression sent; the API takes 1,024 characters.
EXPRESSION = 900

_PLAIN = "vhost,name,type,state,exclusive,arguments,policy,messages_ready,messages_unacknowledged"
_WITH_STATISTICS = (
    f"{_PLAIN},effective_policy_definition,consumers,consumer_capacity,head_message_timestamp,message_stats.publish,"
    "message_stats.ack,message_stats.deliver_no_ack,message_stats.get_no_ack,message_stats.redeliver"
)
_STATISTICS = "consumers, messages in and out, redeliveries"


class Pages:
    """Reads the queues, cycle after cycle."""

    def __init__(self, settings: RabbitSettings, topology: Topology) -> None:
        self.settings, self.topology = settings, topology
        self._statistics: dict[Key, Statistics] = {}
        self._policies: dict[Key, dict[str, Any]] = {}
        self._turn, self._count = 0, 1

    def read(self, cycle: Cycle, broker: Broker, stores: Collection[Key], *, with_statistics: bool) -> None:
        """Read all queues into the broker. The statistics of `stores` are wanted in every cycle."""
        if not with_statistics:
            cycle.skip(_STATISTICS, "statistics are disabled in the broker")
        pages = 0
        for place in self._places():
            number, count = 1, 1
            while number <= count:
                has_turn = (pages - self._turn) % self._count < self.settings.statistics_pages
                count = self._read_page(cycle, broker, place, number, with_statistics and has_turn) or count
                number, pages = number + 1, pages + 1
        self._count = max(1, pages)
        self._turn = (self._turn + self.settings.statistics_pages) % self._count
        if with_statistics:
            self._read_stores(cycle, broker, stores)
        self._complete(broker)
        if with_statistics and broker.queues and not self._statistics and self.settings.statistics_pages:
            cycle.skip(_STATISTICS, "the broker keeps no statistics")

    def _places(self) -> list[str]:
        if self.settings.vhosts == Filter():
            return ["/queues"]
        return [queues_of(vhost) for vhost in self.topology.vhosts]

    def _read_page(self, cycle: Cycle, broker: Broker, place: str, number: int, with_statistics: bool) -> int | None:
        """Read one page into the broker; returns how many there are, None where it failed."""
        how: dict[str, object] = {"columns": _WITH_STATISTICS}
        if not with_statistics:
            how = {"columns": _PLAIN, "disable_stats": "true", "enable_queue_totals": "true"}
        with cycle.part(f"{place[1:]}, page {number}"):
            answer = cycle.get(place, page=number, page_size=PAGE, **_name_filter(self.settings.queues), **how)
            for item in answer["items"]:
                self._take(broker, item)
            return int(answer["page_count"])
        broker.complete = False
        return None

    def _read_stores(self, cycle: Cycle, broker: Broker, stores: Collection[Key]) -> None:
        """Statistics of the queues of dead letters that had no turn, many at once by their names."""
        wanted = [key for key in stores if key in broker.queues and broker.queues[key].statistics is None]
        for vhost in sorted({key[0] for key in wanted}):
            for expression in _expressions(names(wanted, vhost)):
                with cycle.part(f"statistics of dead-letter queues in {vhost}"):
                    how = {"page": 1, "page_size": PAGE, "name": expression, "use_regex": "true"}
                    for item in cycle.get(queues_of(vhost), columns=_WITH_STATISTICS, **how)["items"]:
                        self._take(broker, item)

    def _take(self, broker: Broker, item: Mapping[str, Any]) -> None:
        queue = answers.queue(item, self.topology.policies)
        vhost, name = queue.key
        if not self.settings.queues.admits(name) or not self.settings.vhosts.admits(vhost):
            return
        broker.queues[queue.key] = queue
        if queue.statistics is not None:
            self._statistics[queue.key] = queue.statistics
            self._policies[queue.key] = queue.policy

    def _complete(self, broker: Broker) -> None:
        """Fill in what this cycle did not read of a queue, and forget the queues that are gone."""
        for key, queue in broker.queues.items():
            if queue.statistics is None and queue.ready is not None:
                queue.statistics = self._statistics.get(key)
            queue.policy = queue.policy or self._policies.get(key, {})
        if broker.complete:
            for key in self._statistics.keys() - broker.queues.keys():
                del self._statistics[key], self._policies[key]


def _name_filter(wanted: Filter) -> dict[str, object]:
    """The filter of names in the API's own terms, where it is short enough for it."""
    if wanted == Filter():
        return {}
    refused = "".join(f"(?!(?:{pattern})$)" for pattern in wanted.exclude)
    expression = f"^{refused}(?:{'|'.join(f'(?:{pattern})' for pattern in wanted.include)})$"
    return {"name": expression, "use_regex": "true"} if len(expression) <= EXPRESSION else {}


def _expressions(wanted: Collection[str]) -> Iterator[str]:
    """Regular expressions of the names, each of so many as one request takes."""
    batch: list[str] = []
    for escaped in map(re.escape, wanted):
        if batch and sum(map(len, batch)) + len(batch) + len(escaped) > EXPRESSION:
            yield f"^({'|'.join(batch)})$"
            batch = []
        batch.append(escaped)
    if batch:
        yield f"^({'|'.join(batch)})$"
