"""A shop on a simulated Azure, and the collector that watches it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from collectors.base import Reading
from collectors.eventgrid import EventGridCollector
from collectors.eventgrid.settings import EventGridSettings
from monitor.demo.services.event_grid import (
    BLOB_DATA_CONTRIBUTOR,
    GROUP,
    SUBSCRIPTION,
    SimulatedAzure,
    refuse,
    simulated_azure,
)

BEGAN = 1_795_540_020.0  # a whole minute
STORAGE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Storage/storageAccounts/shopdead"
CONTAINER = f"{STORAGE}/blobServices/default/containers/dead"
WRITER = f"/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/{BLOB_DATA_CONTRIBUTOR}"
LISTS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.EventGrid"
BATCH = f"/subscriptions/{SUBSCRIPTION}/metrics:getbatch"
DEAD = {
    "identity": {"type": "SystemAssigned"},
    "deadLetterDestination": {
        "endpointType": "StorageBlob",
        "properties": {"resourceId": STORAGE, "blobContainerName": "dead"},
    },
}
HOOK = {"endpointType": "WebHook", "properties": {"endpointBaseUrl": "https://shop.example"}}


class Clock:
    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> float:
        return self.now


@contextmanager
def a_shop(clock: Clock) -> Iterator[SimulatedAzure]:
    """A topic with a subscription that has a place for its dead letters."""
    served = SimulatedAzure(clock, delay=120)
    topic = served.add("topics", "orders", identity={"type": "SystemAssigned", "principalId": "p1"})
    served.subscribe(topic, "billing", destination=HOOK, deadLetterWithResourceIdentity=DEAD)
    served.documents[CONTAINER.lower()] = {"id": CONTAINER}
    roles = f"{CONTAINER}/providers/Microsoft.Authorization/roleAssignments".lower()
    served.lists[roles] = [{"properties": {"roleDefinitionId": WRITER}}]
    with simulated_azure(served):
        yield served


def collecting(azure: SimulatedAzure, **settings: Any) -> EventGridCollector:
    given = {
        "name": "azure",
        "kind": "eventgrid",
        "subscription_id": SUBSCRIPTION,
        "endpoints": {"management": azure.url, "metrics": azure.url},
        **settings,
    }
    return EventGridCollector(EventGridSettings.model_validate(given))


def read(collector: EventGridCollector, clock: Clock, seconds: float = 10) -> Reading:
    """A cycle; the next one is a minute later."""
    reading = collector.collect(clock.now, time.monotonic() + seconds)
    clock.now += 60
    return reading


def figures(reading: Reading) -> dict[tuple[str, ...], float]:
    return {(one.metric.name, *one.labels): one.value for one in reading.samples}


def topic_of(azure: SimulatedAzure, name: str = "orders") -> str:
    return next(one["id"] for one in azure.lists[f"{LISTS}/topics".lower()] if one["name"] == name)


def published(reading: Reading) -> float | None:
    return figures(reading).get(("messages_in_total", "orders"))


def gives(status: int, code: str = "Failed", **headers: str) -> Any:
    return lambda request: refuse(request, status, code, "it is so", **headers)
