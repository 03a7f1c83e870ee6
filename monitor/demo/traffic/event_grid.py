"""Figures of a simulated Event Grid that tell a story within two minutes. No event is delivered to anybody.

orders are delivered to billing at once; after 30 seconds its webhook refuses some of them, which become dead letters.
audit refuses as many and has no place for dead letters: they are lost. In the namespace shop, fulfilment refuses some
orders too, and robots pull their work.
"""

from __future__ import annotations

import itertools
import threading
import time

from monitor.demo.services.azurite import ACCOUNT
from monitor.demo.services.event_grid import BLOB_DATA_CONTRIBUTOR, GROUP, SUBSCRIPTION, SimulatedAzure
from monitor.demo.traffic.blobs import CONTAINER
from monitor.demo.traffic.kafka import POISON_AFTER

_STORAGE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
_HOOK = {"endpointType": "WebHook", "properties": {"endpointBaseUrl": "https://billing.example"}}
_REFUSED = {"ErrorType": "ClientError", "Error": "BadRequest"}
_DEAD = {"endpointType": "StorageBlob", "properties": {"resourceId": _STORAGE, "blobContainerName": CONTAINER}}


def declared(azure: SimulatedAzure) -> tuple[str, str]:
    """A topic with two subscriptions and a namespace with two; returns the ids of both."""
    orders = azure.add("topics", "orders")
    azure.subscribe(orders, "billing", destination=_HOOK, deadLetterDestination=_DEAD)
    azure.subscribe(orders, "audit", destination=_HOOK)
    shop = azure.add("namespaces", "shop", identity={"type": "SystemAssigned", "principalId": "shop"})
    dead = {"identity": {"type": "SystemAssigned"}, "deadLetterDestination": _DEAD}
    push = {"destination": _HOOK, "deadLetterDestinationWithResourceIdentity": dead}
    azure.subscribe(azure.add_topic(shop, "orders"), "fulfilment", deliveryConfiguration={"push": push})
    queue = {"maxDeliveryCount": 10, "eventTimeToLive": "P7D"}
    azure.subscribe(azure.add_topic(shop, "picks"), "robots", deliveryConfiguration={"queue": queue})
    container = f"{_STORAGE}/blobServices/default/containers/{CONTAINER}"
    azure.documents[container.lower()] = {"id": container, "name": CONTAINER}
    role = {"properties": {"roleDefinitionId": f"/roleDefinitions/{BLOB_DATA_CONTRIBUTOR}"}}
    azure.lists[f"{container}/providers/Microsoft.Authorization/roleAssignments".lower()] = [role]
    return orders, shop


def run_event_grid(azure: SimulatedAzure, stop: threading.Event) -> None:
    """Count until stopped."""
    orders, shop = declared(azure)
    poison_from = time.monotonic() + POISON_AFTER
    for number in itertools.count():
        if stop.wait(0.2):
            return
        is_poison = time.monotonic() > poison_from and number % 15 == 0
        _count_topic(azure, orders, is_poison)
        _count_namespace(azure, shop, is_poison)


def _count_topic(azure: SimulatedAzure, orders: str, is_poison: bool) -> None:
    azure.count(orders, "PublishSuccessCount", 1)
    azure.count(orders, "PublishSuccessLatencyInMs", 12)
    for name, kept, why in (("billing", True, "DeadLetterReason"), ("audit", False, "DropReason")):
        azure.count(orders, "MatchedEventCount", 1, EventSubscriptionName=name)
        azure.count(orders, "DestinationProcessingDurationInMs", 40, EventSubscriptionName=name)
        if not is_poison:
            azure.count(orders, "DeliverySuccessCount", 1, EventSubscriptionName=name)
            continue
        azure.count(orders, "DeliveryAttemptFailCount", 1, EventSubscriptionName=name, **_REFUSED)
        given_up = "DeadLetteredCount" if kept else "DroppedEventCount"
        azure.count(orders, given_up, 1, EventSubscriptionName=name, **{why: "UndeliverableDueToClientError"})


def _count_namespace(azure: SimulatedAzure, shop: str, is_poison: bool) -> None:
    for topic, name in (("orders", "fulfilment"), ("picks", "robots")):
        who = {"Topic": topic, "EventSubscriptionName": name}
        azure.count(shop, "SuccessfulPublishedEvents", 1, Topic=topic)
        azure.count(shop, "MatchedEventCount", 1, **who)
        if is_poison and name == "fulfilment":
            azure.count(shop, "FailedReceivedEvents", 1, **who, **_REFUSED)
            azure.count(shop, "DeadLetteredCount", 1, **who, DeadLetterReason="MaxDeliveryAttemptsExceeded")
        else:
            azure.count(shop, "SuccessfulReceivedEvents", 1, **who)
            azure.count(shop, "SuccessfulAcknowledgedEvents", 1, **who)
