"""The Prometheus plugin of every node: it alone tells how messages died, and whose messages had nowhere to go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from collectors import exposition
from collectors.rabbitmq import answers
from collectors.rabbitmq.api import ApiError
from collectors.rabbitmq.broker import Broker
from collectors.rabbitmq.cycle import Cycle
from collectors.rabbitmq.settings import RabbitSettings

#: Exchanges count their unroutable messages themselves from this version on; before, each of their channels does.
EXCHANGES_COUNT_SINCE = (4, 1)
#: A broker without statistics lists no listeners.
NOT_TOLD = "the broker does not tell where its plugin listens; name it in prometheus_urls"
UNTOLD = "neither statistics nor rabbitmq_prometheus tell them"


class Plugin:
    """Reads the pages of all nodes, cycle after cycle: the short one, and of the detailed ones what is needed."""

    def __init__(self, settings: RabbitSettings) -> None:
        self.settings = settings
        self._asked: dict[str, Mapping[str, Mapping[str, int]]] = {}  # by node: the broker's count at that time

    def read(self, cycle: Cycle, broker: Broker, overview: Mapping[str, Any]) -> None:
        """Read deaths and unroutable messages into the broker, and consumers where nothing else told them."""
        plugins = dict(_addresses(overview, self.settings))
        if self.settings.prometheus_urls is None:
            _tell_missing(cycle, broker, overview, plugins)
        for node, url in plugins.items():
            with cycle.part(f"plugin of {node} at {url}"):
                _read_globals(cycle, broker, node, url, bool(overview.get("disable_stats")))
        if not (broker.unroutable or plugins):
            cycle.skip("unroutable messages", UNTOLD)
        answering = {node: url for node, url in plugins.items() if node in broker.deaths}
        for node, url in answering.items():
            with cycle.part(f"plugin of {node} at {url}, exchanges"):
                self._read_exchanges(cycle, broker, node, url)
        if broker.queues and all(queue.consumers is None for queue in broker.queues.values()):
            _read_all_consumers(cycle, broker, answering)

    def _read_exchanges(self, cycle: Cycle, broker: Broker, node: str, url: str) -> None:
        """Only when there are new unroutable messages: before 4.1 the page grows with the channels."""
        if self._asked.get(node) == broker.unroutable:
            return
        self._asked[node] = broker.unroutable
        family = "exchange_metrics" if broker.version >= EXCHANGES_COUNT_SINCE else "channel_exchange_metrics"
        try:
            page = cycle.page(f"{url}/metrics/detailed", family=family)
        except ApiError as error:
            if error.status == 404:
                cycle.skip(f"unroutable messages of {node} by exchange", "rabbitmq_prometheus is older than 3.9")
                return
            del self._asked[node]
            raise
        counters = answers.unroutable_by_exchange(exposition.samples(page, lambda name: "_unroutable_" in name))
        admits = self.settings.vhosts.admits
        broker.unroutable_by_exchange[node] = {one: count for one, count in counters.items() if admits(one.exchange[0])}


def _tell_missing(cycle: Cycle, broker: Broker, overview: Mapping[str, Any], plugins: Mapping[str, str]) -> None:
    reason = "rabbitmq_prometheus is off" if "listeners" in overview else NOT_TOLD
    for name in sorted({node.name for node in broker.nodes if node.running} - plugins.keys()):
        cycle.skip(f"dead letters by reason of {name}", reason)


def _read_globals(cycle: Cycle, broker: Broker, node: str, url: str, with_unroutable: bool) -> None:
    lines = list(exposition.samples(cycle.page(f"{url}/metrics"), answers.is_global))
    broker.deaths[node] = answers.deaths(lines)
    if with_unroutable:
        broker.unroutable[node] = answers.unroutable_of_node(lines)


def _read_all_consumers(cycle: Cycle, broker: Broker, plugins: Mapping[str, str]) -> None:
    if not plugins:
        cycle.skip("consumers", UNTOLD)
    for node, url in plugins.items():
        with cycle.part(f"plugin of {node} at {url}, consumers"):
            _read_consumers(cycle, broker, url)


def _read_consumers(cycle: Cycle, broker: Broker, url: str) -> None:
    page = cycle.page(f"{url}/metrics/detailed", family="queue_consumer_count")
    for key, count in answers.consumers(exposition.samples(page, lambda name: name.endswith("_queue_consumers"))):
        if key in broker.queues and broker.queues[key].ready is not None:
            broker.queues[key] = broker.queues[key]._replace(consumers=count)


def _addresses(overview: Mapping[str, Any], settings: RabbitSettings) -> Iterator[tuple[str, str]]:
    """(node, URL) of every node's plugin: as the settings say, else as the nodes tell."""
    if settings.prometheus_urls is not None:
        yield from ((url, url.rstrip("/")) for url in settings.prometheus_urls)
        return
    listeners = overview.get("listeners") or ()
    alone = len({one["node"] for one in listeners}) == 1
    for one in listeners:
        scheme, _, kind = str(one["protocol"]).partition("/")
        if kind == "prometheus":
            host = urlsplit(settings.url).hostname if alone else one["node"].partition("@")[2]
            yield one["node"], f"{scheme}://{host}:{one['port']}"
