"""The Prometheus plugin of every node: it alone tells how messages died, and how many had nowhere to go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from collectors import exposition
from collectors.rabbitmq import answers
from collectors.rabbitmq.broker import Broker
from collectors.rabbitmq.cycle import Cycle
from collectors.rabbitmq.settings import RabbitSettings


def read_deaths(cycle: Cycle, broker: Broker, overview: Mapping[str, Any], settings: RabbitSettings) -> None:
    """Read the deaths that every node counts, by reason and strategy, into the broker."""
    plugins = list(_addresses(overview, settings))
    if settings.prometheus_urls is None:
        without = {node.name for node in broker.nodes if node.running} - {node for node, _ in plugins}
        for name in sorted(without):
            cycle.skip(f"dead letters by reason of {name}", "rabbitmq_prometheus is off")
    for node, url in plugins:
        with cycle.part(f"plugin of {node} at {url}"):
            lines = exposition.samples(cycle.page(f"{url}/metrics"), lambda name: "_dead_lettered_" in name)
            broker.deaths[node] = answers.deaths(lines)


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
