"""The figures of topics and subscriptions, by Azure Monitor's batches: of a type, a region and 50 resources at most."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from collectors.base import PartError, Reading, Skipped
from collectors.eventgrid import answers
from collectors.eventgrid.answers import Answer, Series
from collectors.eventgrid.client import Client, ClientError
from collectors.eventgrid.figures import Query, queries
from collectors.eventgrid.grid import Grid, Kind, Resource
from collectors.eventgrid.settings import EventGridSettings
from collectors.sums import Window

#: Resources of a batch, at most.
BATCH = 50
NO_METRIC = "Azure Monitor has no such metric"
_DEFINITIONS = "2024-02-01"


class Asked(NamedTuple):
    """One request: the query, and of which resources. All are of one type, region and Azure subscription."""

    query: Query
    resources: Sequence[Resource]

    @property
    def where(self) -> tuple[str, str]:
        return self.resources[0].region, self.resources[0].subscription

    @property
    def what(self) -> str:
        """For people: what could not be read."""
        region, _ = self.where
        names = ", ".join(one.name for one in self.resources[:3]) + (" …" if len(self.resources) > 3 else "")
        return f"{', '.join(self.query.figures)} of {names} in {region}"


class Fetcher:
    """Asks Azure Monitor, those longest unasked first."""

    def __init__(self, client: Client, settings: EventGridSettings) -> None:
        self._client, self._settings = client, settings
        self._queries: dict[tuple[str, Kind], list[Query]] = {}
        self._missing: dict[tuple[str, Kind], list[str]] = {}
        self._answered: dict[tuple[str, ...], float] = defaultdict(float)

    def define(self, grid: Grid, reading: Reading) -> None:
        """Learn once of each type of resource which metrics it has, of one that is there."""
        for one in grid.resources.values():
            key = (one.subscription, one.kind)
            if key not in self._queries:
                self._queries[key], self._missing[key] = queries(one.kind, self._defined(one, reading))
        used = {(one.subscription, one.kind) for one in grid.resources.values()}
        for (_, kind), names in self._missing.items():
            reading.skipped += (Skipped(f"{name} of {kind}", NO_METRIC) for name in names)
        for key in self._queries.keys() - used:
            del self._queries[key], self._missing[key]

    def _defined(self, one: Resource, reading: Reading) -> Collection[str] | None:
        path = f"{one.id}/providers/Microsoft.Insights/metricDefinitions"
        ask = partial(self._client.get, path, **{"api-version": _DEFINITIONS})
        try:
            return self._client.call(one.subscription, lambda: answers.definitions(ask())) or None
        except ClientError as error:
            if error.is_nobody:
                raise
            reading.errors.append(PartError(f"metric definitions of {one.kind}", str(error)))
            return None

    def all_asked(self, grid: Grid) -> list[Asked]:
        """What is to be asked in a cycle; what was answered longest ago comes first."""
        alike = defaultdict[tuple[str, str, Kind], list[Resource]](list)
        for one in sorted(grid.resources.values(), key=lambda one: one.id):
            alike[one.subscription, one.region, one.kind].append(one)
        asked = [
            Asked(query, same[at : at + BATCH])
            for (subscription, _, kind), same in alike.items()
            for at in range(0, len(same), BATCH)
            for query in self._queries.get((subscription, kind), ())
        ]
        return sorted(asked, key=lambda one: self._answered[_key(one)])

    def answered(
        self, grid: Grid, window: Callable[[Asked], Window], reading: Reading
    ) -> Iterator[tuple[Asked, Window, Answer]]:
        """The answers, as they come. What fails is told, and the others are right."""
        unasked = 0
        for asked in self.all_asked(grid):
            span = window(asked)
            region, subscription = asked.where
            try:
                found = self._client.call(f"{subscription} {region}", partial(self._ask, asked, span))
            except ClientError as error:
                if error.is_nobody:
                    raise
                unasked += error.is_late
                if not error.is_late:
                    reading.errors.append(PartError(asked.what, str(error)))
                continue
            self._answered[_key(asked)] = time.monotonic()
            reading.errors += (PartError(asked.what, failure) for failure in found.failures)
            self._tell_cuts(asked, found.series, reading)
            yield asked, span, found
        if unasked:
            reading.errors.append(PartError(f"{unasked} queries of figures", "no time was left: raise timeout"))

    def _ask(self, asked: Asked, span: Window) -> Answer:
        client = self._client.metrics(asked.where[0])
        query = asked.query
        raw: list[Mapping[str, Any]] = []

        def kept(response: Any, *parsed: object) -> dict[str, list[object]]:
            """The SDK takes three times as long for its models of the points, and leaves out which metrics failed."""
            response.http_response.read()
            raw.append(response.http_response.json())
            return {"values": []}

        client.query_resources(
            resource_ids=[one.id for one in asked.resources],
            metric_namespace=query.namespace,
            metric_names=list(query.figures),
            timespan=(datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC)),
            granularity=timedelta(seconds=60),
            aggregations=query.aggregations,
            filter=query.filter,
            max_results=self._settings.max_results if query.filter else None,
            stream=True,
            cls=kept,
        )
        return answers.answer(raw[0])

    def _tell_cuts(self, asked: Asked, found: Sequence[Series], reading: Reading) -> None:
        """Whether Azure may have held series back: it says nothing of that."""
        for one in asked.resources:
            if sum(series.resource == one.id.lower() for series in found) >= self._settings.max_results:
                reading.skipped.append(
                    Skipped(f"series of {', '.join(asked.query.figures)} of {one.name}", "max_results")
                )


def _key(asked: Asked) -> tuple[str, ...]:
    return (asked.resources[0].id, *asked.query.figures)
