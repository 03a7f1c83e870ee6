"""The topology, from a few reads of the store."""

from __future__ import annotations

from collectors import metrics as m
from monitor.console.flows import SECONDS, load_destinations
from monitor.console.kept import once
from monitor.console.overview import load_judged
from monitor.console.source import Source
from monitor.console.topology import Graph, Published, Route, graph


@once
def load_topology(reader: Source, now: float) -> Graph:
    """Raises StoreError."""
    judged = load_judged(reader, now)
    published = reader.rises(m.MESSAGES_PUBLISHED_TOTAL.name, now - SECONDS, now)
    routes = [one.labels for one in reader.latest(m.DEAD_LETTER_ROUTE.name, now)]
    return graph(
        [Published(one.labels["service"] or "unnamed", one.labels["destination"], one.rate) for one in published],
        load_destinations(reader, now),
        judged.groups,
        judged.stores,
        [Route(one["target"], one["source"], one["destination"]) for one in routes],
        judged.problems,
    )
