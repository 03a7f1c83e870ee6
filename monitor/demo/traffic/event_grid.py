"""Figures of a simulated Event Grid that tell a story within two minutes. No event is delivered to anybody.

orders are delivered to billing at once; after 30 seconds its webhook refuses some of them, which become dead letters.
audit refuses as many and has no place for dead letters: they are lost. Robots pull their work from a namespace.
"""

from __future__ import annotations

import itertools
import threading
import time

from monitor.demo.services.event_grid import GROUP, SUBSCRIPTION, SimulatedAzure
from monitor.demo.traffic.kafka import POISON_AFTER

ACCOUNT, CONTAINER = "demodead", "dead"
_STORAGE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
_HOOK = {"endpointType": "WebHook", "properties": {"endpointBaseUrl": "https://billing.example"}}
_DEAD = {
    "endpointType": "StorageBlob",
    "properties": {"resourceId": _STORAGE, "blobContainerName": CONTAINER},
}


def declared(azure: SimulatedAzure) -> tuple[str, str]:
    """A topic with two subscriptions and a namespace with one; returns the ids of both."""
    orders, warehouse = azure.add("topics", "orders"), azure.add("namespaces", "warehouse")
    azure.subscribe(orders, "billing", destination=_HOOK, deadLetterDestination=_DEAD)
    azure.subscribe(orders, "audit", destination=_HOOK)
    queue = {"deliveryMode": "Queue", "queue": {"maxDeliveryCount": 10, "eventTimeToLive": "P7D"}}
    azure.subscribe(azure.add_topic(warehouse, "picks"), "robots", deliveryConfiguration=queue)
    container = f"{_STORAGE}/blobServices/default/containers/{CONTAINER}"
    azure.documents[container.lower()] = {"id": container, "name": CONTAINER}
    return orders, warehouse


def run_event_grid(azure: SimulatedAzure, stop: threading.Event) -> None:
    """Count until stopped."""
    orders, warehouse = declared(azure)
    poison_from = time.monotonic() + POISON_AFTER
    for number in itertools.count():
        if stop.wait(0.2):
            return
        _count(azure, orders, is_poison=time.monotonic() > poison_from and number % 15 == 0)
        picked = {"Topic": "picks", "EventSubscriptionName": "robots"}
        azure.count(warehouse, "SuccessfulPublishedEvents", 1, Topic="picks")
        azure.count(warehouse, "MatchedEventCount", 1, **picked)
        azure.count(warehouse, "SuccessfulReceivedEvents", 1, **picked)
        azure.count(warehouse, "SuccessfulAcknowledgedEvents", 1, **picked)


def _count(azure: SimulatedAzure, orders: str, is_poison: bool) -> None:
    azure.count(orders, "PublishSuccessCount", 1)
    azure.count(orders, "PublishSuccessLatencyInMs", 12)
    for name, kept, why in (("billing", True, "DeadLetterReason"), ("audit", False, "DropReason")):
        azure.count(orders, "MatchedEventCount", 1, EventSubscriptionName=name)
        azure.count(orders, "DestinationProcessingDurationInMs", 40, EventSubscriptionName=name)
        if not is_poison:
            azure.count(orders, "DeliverySuccessCount", 1, EventSubscriptionName=name)
            continue
        refused = {"ErrorType": "ClientError", "Error": "BadRequest"}
        azure.count(orders, "DeliveryAttemptFailCount", 1, EventSubscriptionName=name, **refused)
        given_up = "DeadLetteredCount" if kept else "DroppedEventCount"
        azure.count(orders, given_up, 1, EventSubscriptionName=name, **{why: "UndeliverableDueToClientError"})
