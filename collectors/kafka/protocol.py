"""Requests of Kafka's protocol that kafka-python lacks, made from schemas as it makes its own.

Field names, types and versions: KIP-848 (ConsumerGroupDescribe) and KIP-932 with KIP-1226 (share groups).
"""

from __future__ import annotations

from types import new_class
from typing import Any

from kafka.protocol.api_message import ApiMessage

from collectors.kafka import schemas


def _message(name: str) -> Any:
    """The class of a message whose schema lies in `schemas`; a response is found by the key of its request."""
    return new_class(name, (ApiMessage,), {"load_json": schemas})


ConsumerGroupDescribeRequest = _message("ConsumerGroupDescribeRequest")
ConsumerGroupDescribeResponse = _message("ConsumerGroupDescribeResponse")
ShareGroupDescribeRequest = _message("ShareGroupDescribeRequest")
ShareGroupDescribeResponse = _message("ShareGroupDescribeResponse")
DescribeShareGroupOffsetsRequest = _message("DescribeShareGroupOffsetsRequest")
DescribeShareGroupOffsetsResponse = _message("DescribeShareGroupOffsetsResponse")
