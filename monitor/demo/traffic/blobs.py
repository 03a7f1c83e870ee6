"""Dead letters of Event Grid that tell a story: blobs as it writes them, in the layouts that Microsoft documents.

It is no Event Grid that writes them. The subscription billing of the topic orders fails at times from the begin; after
30 seconds that of fulfilment in a namespace does, more and more.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from azure.storage.blob import ContainerClient

from monitor.demo.traffic.kafka import POISON_AFTER

CONTAINER = "deadletters"
BILLING, FULFILMENT = "BILLING", "shop/orders/fulfilment"
Event = dict[str, Any]


def run_blobs(connection_string: str, stop: threading.Event) -> None:
    """Write dead letters until stopped, into a container that is made for them."""
    chance, began = random.Random(11), time.monotonic()
    with ContainerClient.from_connection_string(connection_string, CONTAINER) as container:
        container.create_container()
        for number in itertools.count():
            now = time.time()
            write(container, BILLING, now, [grid_event(number, now)], chance)
            if time.monotonic() - began > POISON_AFTER:
                write(container, FULFILMENT, now, [cloud_event(nth, now) for nth in range(number % 3 + 1)], chance)
            if stop.wait(10):
                return


def write(
    container: ContainerClient, stream: str, at: float, events: Sequence[Event] | Event, chance: random.Random
) -> str:
    """Write a blob of dead letters at this time; returns its name."""
    name = f"{folder(stream, at)}{UUID(int=chance.getrandbits(128), version=4)}.json"
    container.upload_blob(name, json.dumps(events).encode())
    return name


def folder(stream: str, at: float) -> str:
    """Where blobs of a subscription lie that are written at this time: UTC, not padded."""
    time = datetime.fromtimestamp(at, UTC)
    return f"{stream}/{time.year}/{time.month}/{time.day}/{time.hour}/"


def grid_event(number: int, at: float, reason: str = "MaxDeliveryAttemptsExceeded", outcome: str = "NotFound") -> Event:
    """A dead letter of a topic in the schema of Event Grid."""
    return {
        "id": str(number),
        "topic": "/subscriptions/0/resourceGroups/shop/providers/Microsoft.EventGrid/topics/orders",
        "subject": f"orders/{number}",
        "data": {"order": number},
        "eventType": "shop.order.placed",
        "eventTime": _time(at - 60),
        "dataVersion": "1",
        "deadLetterReason": reason,
        "deliveryAttempts": 30,
        "lastDeliveryOutcome": outcome,
        "publishTime": _time(at - 60),
        "lastDeliveryAttemptTime": _time(at),
    }


def cloud_event(
    number: int, at: float, reason: str = "TimeToLiveExceeded", outcome: str = "TimedOut", wrapped: bool = True
) -> Event:
    """A dead letter of a namespace's topic: a CloudEvent under a key of its own, or flat."""
    event = {
        "specversion": "1.0",
        "id": str(number),
        "source": "shop/orders",
        "type": "shop.order.placed",
        "time": _time(at - 60),
        "data": {"order": number},
    }
    properties: Mapping[str, object] = {
        "deadletterreason": reason,
        "deliveryattempts": 10,
        "deliveryresult": outcome,
        "publishutc": _time(at - 60),
        "deliveryattemptutc": _time(at),
    }
    return {**({"event": event} if wrapped else event), "deadletterProperties": properties}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
