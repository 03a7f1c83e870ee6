"""The counters that are there, by what they are of: which of them an answer is about, which are of nothing. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

from collectors.eventgrid import judge
from collectors.eventgrid.answers import Answer
from collectors.eventgrid.fetch import Asked
from collectors.eventgrid.grid import Grid
from collectors.sums import Key, Sums


class Known:
    """Made anew each cycle."""

    def __init__(self, sums: Sums, grid: Grid) -> None:
        self._sums, self._grid = sums, grid
        self._ids = {name: id.lower() for id, name in grid.names.items()}
        self._keys = defaultdict[tuple[str, str], list[Key]](list)
        self._silent: set[Key] = set()
        for key, _ in sums.totals(-math.inf):
            self._keys[key[0], _owner(key)].append(key)

    def of(self, asked: Asked) -> list[Key]:
        """Those that a request is about."""
        metrics = {figure.metric.name for figure in asked.query.figures.values()}
        return [
            key for one in asked.resources for metric in metrics for key in self._keys[metric, self._grid.names[one.id]]
        ]

    def was_told(self, key: Key, asked: Asked, answer: Answer) -> bool:
        """Whether the answer speaks of all that the counter is made of."""
        owner = self._ids[_owner(key)]
        return all(
            (owner, name) in answer.told for name, figure in asked.query.figures.items() if figure.metric.name == key[0]
        )

    def note(self, key: Key, points: Mapping[float, float]) -> None:
        if not any(points.values()):
            self._silent.add(key)

    def still_there(self) -> list[Key]:
        """Those whose resource is there, and whose subscription is, or has told something: it is new then."""
        streams = {(self._grid.names[one.resource.id], one.subscription.name) for one in self._grid.streams()}
        return [
            key
            for key, _ in self._sums.totals(-math.inf)
            if _owner(key) in self._ids
            and (key not in self._silent or (group := judge.group_of(key)) is None or (_owner(key), group) in streams)
        ]


def _owner(key: Key) -> str:
    return judge.source_of(key).split("/", 1)[0]
