"""Fetches what a cycle needs of a broker, in as few and as cheap requests as can be. It takes nothing from a queue."""

from __future__ import annotations

from collections.abc import Collection

from collectors.base import Reading
from collectors.rabbitmq import answers
from collectors.rabbitmq.api import Api, ApiError
from collectors.rabbitmq.broker import Broker, Key
from collectors.rabbitmq.cycle import Cycle
from collectors.rabbitmq.pages import Pages
from collectors.rabbitmq.plugin import Plugin
from collectors.rabbitmq.settings import RabbitSettings
from collectors.rabbitmq.topology import Topology

_OVERVIEW = "rabbitmq_version,listeners,disable_stats,message_stats.drop_unroutable,message_stats.return_unroutable"
_NODES = "name,running,mem_alarm,disk_free_alarm,partitions"


class Fetcher:
    """Reads one broker, cycle after cycle; keeps what takes turns."""

    def __init__(self, api: Api, settings: RabbitSettings) -> None:
        self.api, self.settings = api, settings
        self.topology = Topology(settings)
        self._pages = Pages(settings, self.topology)
        self._plugin = Plugin(settings)

    def fetch(self, reading: Reading, stores: Collection[Key], deadline: float) -> Broker:
        """Read the broker. The statistics of `stores` are wanted in every cycle. Raises ApiError."""
        cycle = Cycle(self.api, reading, deadline)
        overview = cycle.get("/overview", columns=_OVERVIEW)
        if not isinstance(overview, dict) or "rabbitmq_version" not in overview:
            raise ApiError("/overview answered with something that is not RabbitMQ's")
        broker = Broker(version=answers.version(str(overview["rabbitmq_version"])))
        if not overview.get("disable_stats"):
            broker.unroutable[""] = answers.unroutable(overview)
        with cycle.part("nodes"):
            broker.nodes = [answers.node(item) for item in cycle.get("/nodes", columns=_NODES)]
        with cycle.phase("topology"):
            self.topology.read_if_due(cycle)
        with cycle.phase("queues"):
            self._pages.read(cycle, broker, stores, with_statistics=not overview.get("disable_stats"))
        with cycle.phase("topology of new queues"):
            self.topology.read_if_unknown(cycle, broker)
        broker.exchanges, broker.bindings = self.topology.exchanges, self.topology.bindings
        self._read_streams(cycle, broker)
        with cycle.phase("plugin"):
            self._plugin.read(cycle, broker, overview)
        return broker

    def _read_streams(self, cycle: Cycle, broker: Broker) -> None:
        if not any(queue.type == "stream" for queue in broker.declared.values()):
            return
        try:
            found = [answers.stream_consumer(item) for item in cycle.get("/stream/consumers")]
        except ApiError as error:
            off = error.status == 404
            cycle.skip("backlog of streams", "rabbitmq_stream_management is off" if off else str(error))
        else:
            broker.stream_consumers = [one for one in found if one.queue in broker.queues]
