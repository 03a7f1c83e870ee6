"""The services' answers as values. Pure. Fields as in the API references of SQS and SNS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from collectors.aws.arn import parsed
from collectors.sqs.estate import TOPIC, Depth, Queue, Subscription, Task

_VISIBLE = "ApproximateNumberOfMessages"
_IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"
DEPTHS = (_VISIBLE, _IN_FLIGHT, _DELAYED)
_DEFAULT_RETENTION = 345_600
#: What SNS gives in place of the ARN of a subscription that is not confirmed.
_PENDING = "PendingConfirmation"


def depth(attributes: Mapping[str, str]) -> Depth:
    """Raises KeyError or ValueError where it is none."""
    return Depth(*(int(attributes[name]) for name in DEPTHS))


def name_of(url: str) -> str:
    """The name of the queue at a URL."""
    return url.rstrip("/").rpartition("/")[2]


def queue(name: str, attributes: Mapping[str, str]) -> Queue:
    """How a queue is configured; raises KeyError, TypeError or ValueError where the answer says something else."""
    redrive = _json(attributes.get("RedrivePolicy"))
    allowed = _json(attributes.get("RedriveAllowPolicy"))
    receives = redrive.get("maxReceiveCount")
    return Queue(
        name,
        attributes["QueueArn"],
        name.endswith(".fifo"),
        float(attributes.get("MessageRetentionPeriod", _DEFAULT_RETENTION)),
        redrive.get("deadLetterTargetArn"),
        None if receives is None else int(receives),
        allowed.get("redrivePermission") == "byQueue",
        attributes.get("Policy") or None,
        attributes.get("KmsMasterKeyId") or None,
    )


def topic(arn: str) -> str:
    """What a topic is called."""
    return TOPIC + arn.rpartition(":")[2]


def subscription(item: Mapping[str, Any]) -> Subscription:
    """A subscription of a list."""
    endpoint = str(item.get("Endpoint") or "")
    return Subscription(
        topic(item["TopicArn"]),
        item["TopicArn"],
        item["Protocol"],
        endpoint_called(endpoint, item["Protocol"]),
        endpoint if parsed(endpoint) is not None else None,
        item["SubscriptionArn"] == _PENDING,
    )


def detailed(one: Subscription, attributes: Mapping[str, str]) -> Subscription:
    """The same with what its attributes say."""
    return one._replace(
        pending=attributes.get("PendingConfirmation") == "true",
        known=True,
        dead_letter_arn=_json(attributes.get("RedrivePolicy")).get("deadLetterTargetArn"),
        filtered=bool(_json(attributes.get("FilterPolicy"))),
    )


def tasks(answer: Mapping[str, Any]) -> list[Task]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html"""
    return [
        Task(
            int(one["StartedTimestamp"]),
            one["Status"],
            int(one.get("ApproximateNumberOfMessagesMoved") or 0),
            one.get("ApproximateNumberOfMessagesToMove"),
        )
        for one in answer.get("Results", ())
    ]


def endpoint_called(endpoint: str, protocol: str = "") -> str:
    """What is subscribed: protocol and name; of a URL the host alone, of people not who they are."""
    arn = parsed(endpoint)
    if arn is not None:
        return f"{protocol or arn.service}:{arn.name}"
    url = urlsplit(endpoint)
    protocol = protocol or url.scheme or "other"
    return f"{protocol}:{url.hostname}" if url.hostname and protocol in ("http", "https") else protocol


def _json(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}
