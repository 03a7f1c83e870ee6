"""Whether a queue's policy lets a service write into it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collectors.aws.policy import admits

TOPIC = "arn:aws:sns:eu-central-1:123456789012:orders"
SERVICE = {"Service": "sns.amazonaws.com"}


def policy(**changes: Any) -> str:
    statement = {"Effect": "Allow", "Principal": SERVICE, "Action": "sqs:SendMessage", "Resource": "*", **changes}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(
    "text",
    [
        policy(),
        policy(Principal="*"),
        policy(Principal={"AWS": "*"}),
        policy(Principal={"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}),
        policy(Action="SQS:*"),
        policy(Action=["sqs:SendMessage", "sqs:ReceiveMessage"]),
        policy(Condition={"ArnEquals": {"aws:SourceArn": TOPIC}}),
        policy(Condition={"ArnLike": {"AWS:SourceArn": "arn:aws:sns:*:123456789012:*"}}),
        policy(Condition={"StringEquals": {"aws:SourceAccount": "123456789012"}}),
        policy(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        json.dumps({"Statement": {"Effect": "Allow", "Principal": SERVICE, "Action": "sqs:SendMessage"}}),
    ],
)
def test_a_policy_that_lets_the_topic_in(text: str) -> None:
    assert admits(text, "sns.amazonaws.com", "sqs:SendMessage", TOPIC)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        policy(Effect="Deny"),
        policy(Principal={"Service": "events.amazonaws.com"}),
        policy(Principal={"AWS": "arn:aws:iam::123456789012:root"}),
        policy(Action="sqs:ReceiveMessage"),
        policy(Condition={"ArnEquals": {"aws:SourceArn": TOPIC + "-other"}}),
        policy(Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}}),
    ],
)
def test_a_policy_that_does_not(text: str | None) -> None:
    assert not admits(text, "sns.amazonaws.com", "sqs:SendMessage", TOPIC)
