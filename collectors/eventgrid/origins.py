"""Whose dead letters lie where, as far as it is known. Pure."""

from __future__ import annotations

from collectors.eventgrid.grid import Grid, Stream


class Origins:
    """Topics and subscriptions by where their dead letters lie. A subscription's name is in upper case there."""

    def __init__(self, grid: Grid) -> None:
        self._known: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for one in grid.streams():
            if one.subscription.store is not None:
                origin = (one.destination, one.subscription.name)
                for path in _paths(one):
                    self._known.setdefault((one.subscription.store.name, path), set()).add(origin)

    def of(self, container: str, stream: str) -> tuple[str, str]:
        """The topic and the subscription of the path before the year.

        Where it is not known, or several have it, the topic is "" and the subscription is called as in the path.
        """
        path = stream.upper()
        for tried in (path, path.rsplit("/", 1)[-1]):  # a topic's name may stand before it
            found = self._known.get((container, tried), set())
            if len(found) == 1:
                return next(iter(found))
        return "", stream


def _paths(one: Stream) -> tuple[str, ...]:
    name = one.subscription.name.upper()
    if one.resource.kind == "namespaces":
        return (f"{one.resource.name}/{one.subscription.topic}/{name}".upper(),)
    return (name,)
