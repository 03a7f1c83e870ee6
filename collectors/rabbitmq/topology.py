"""What changes slowly: virtual hosts, policies, exchanges and bindings."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any
from urllib.parse import quote

from collectors.rabbitmq import answers
from collectors.rabbitmq.api import ApiError
from collectors.rabbitmq.broker import Binding, Broker, Declaration, Exchange, Key
from collectors.rabbitmq.cycle import Cycle
from collectors.rabbitmq.settings import RabbitSettings

#: Virtual hosts asked one by one whether they may be read.
PROBED_VHOSTS = 100


class Topology:
    """Read once a minute, and at once when a queue names a dead-letter exchange that was never looked for."""

    def __init__(self, settings: RabbitSettings) -> None:
        self.settings = settings
        self.vhosts: list[str] = []
        self.denied: set[str] = set()
        self.policies: dict[Key, dict[str, Any]] = {}
        self.exchanges: dict[Key, Exchange] = {}
        self.bindings: dict[Key, list[Binding]] = {}
        self._looked_for: dict[Key, Declaration] | None = None
        self._missing: set[Key] = set()
        self._read_at: float | None = None
        self._read_in: Cycle | None = None

    def read_if_due(self, cycle: Cycle) -> None:
        if self._read_at is None or time.monotonic() - self._read_at >= self.settings.topology_interval:
            self._read(cycle)
            self._missing.clear()

    def read_if_unknown(self, cycle: Cycle, broker: Broker) -> None:
        """Look for the dead-letter exchanges of the queues that are not known, once."""
        if broker.declared is self._looked_for:
            return
        self._looked_for = broker.declared
        wanted = {
            (vhost, name)
            for (vhost, _), queue in broker.declared.items()
            if (name := queue.text("dead-letter-exchange"))
        }
        if wanted - self.exchanges.keys() - self._missing:
            if self._read_in is not cycle:
                self._read(cycle)
            self._missing = wanted - self.exchanges.keys()

    def _read(self, cycle: Cycle) -> None:
        self._read_at, self._read_in = time.monotonic(), cycle
        with cycle.part("virtual hosts"):
            admitted = [
                x["name"] for x in cycle.get("/vhosts", columns="name") if self.settings.vhosts.admits(x["name"])
            ]
            self.denied = {name for name in admitted[:PROBED_VHOSTS] if _is_denied(cycle, name)}
            self.vhosts = [name for name in admitted if name not in self.denied]
        with cycle.part("policies"):
            items = cycle.get("/policies", columns="vhost,name,definition")
            self.policies = {(item["vhost"], item["name"]): item["definition"] for item in items}
        with cycle.part("exchanges"):
            self.exchanges = answers.exchanges(cycle.get("/exchanges", columns="vhost,name,type,arguments"))
        with cycle.part("bindings"):
            columns = "vhost,source,destination,destination_type,routing_key"
            self.bindings = answers.bindings(cycle.get("/bindings", columns=columns))


def _is_denied(cycle: Cycle, vhost: str) -> bool:
    try:
        cycle.get(queues_of(vhost), page=1, page_size=1, disable_stats="true", columns="name")
    except ApiError as error:
        return error.refused
    return False


def queues_of(vhost: str) -> str:
    """The path of the queues of a virtual host."""
    return f"/queues/{quote(vhost, safe='')}"


def names(keys: Collection[Key], vhost: str) -> list[str]:
    """The names of those that are in the virtual host."""
    return sorted(name for where, name in keys if where == vhost)
