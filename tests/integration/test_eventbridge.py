"""EventBridge at a moto server: the demo's story is read as it happened, with nothing but what the policy allows."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from collectors.base import Reading
from collectors.eventbridge import EventBridgeCollector
from monitor.demo.traffic.eventbridge import EVENTS, LOST_AFTER, REGION, STORE, Account, queue_arn, rule_arn

pytestmark = pytest.mark.integration
DOCS = Path(__file__).parents[2] / "docs" / "eventbridge.md"


@pytest.fixture
def account(url: str) -> Account:
    made = Account(url)
    made.make()
    return made


@pytest.fixture
def url(aws_url: str) -> str:
    return aws_url


def client(service: str, url: str) -> Any:
    return boto3.client(service, REGION, endpoint_url=url)


def collector(url: str, **options: Any) -> EventBridgeCollector:
    given = {"name": "aws", "kind": "eventbridge", "region": REGION, "endpoint_url": url, "latency_p99": False}
    return EventBridgeCollector(EventBridgeCollector.Settings.model_validate(given | options))


def collect(one: EventBridgeCollector) -> Reading:
    return one.collect(time.time(), time.monotonic() + 60)


def found(reading: Reading) -> dict[tuple[str, ...], float]:
    assert reading.errors == []
    return {(one.metric.name, *one.labels): one.value for one in reading.samples}


def test_the_story_of_the_demo_is_read_as_it_happened(account: Account, url: str) -> None:
    account.publish(0)
    account.tell(0, LOST_AFTER + 1)

    samples = found(collect(collector(url)))

    assert samples["messages_in_total", "shop"] == EVENTS
    assert samples["messages_out_total", "shop", "loyalty"] == EVENTS - 1
    assert samples["dead_lettered_messages_total", STORE, "shop", "rule loyalty"] == 1
    assert samples["dead_letters", STORE, "shop"] == 1
    assert samples["dead_letter_failures_total", "shipping-dlq", "not taken: rule shipping of shop"] == 1
    assert samples["dead_letter_failures_total", "shop", "no dead-letter queue: rule audit"] == 0
    assert samples["delivery_failures_total", "shop", "audit", "throttled"] == 1
    assert samples["redeliveries_total", "shop", "loyalty"] == 3
    assert samples["delivery_latency_seconds", "shop", "invoices"] == pytest.approx(0.085)
    assert samples["configuration_fault", "shipping-dlq", "dead-letter queue does not admit EventBridge"] == 1
    assert samples["configuration_fault", "shop", "no dead-letter queue"] == 1
    assert samples["dead_letter_route", "shop", STORE] == 1


def test_events_reach_their_queue(account: Account, url: str) -> None:
    """The demo's events go their way by EventBridge, as far as moto has it."""
    account.publish(0)

    attributes = client("sqs", url).get_queue_attributes(
        QueueUrl=client("sqs", url).get_queue_url(QueueName="invoices")["QueueUrl"], AttributeNames=["All"]
    )["Attributes"]
    assert int(attributes["ApproximateNumberOfMessages"]) == EVENTS


def test_a_dead_letter_says_what_eventbridge_says(account: Account, url: str) -> None:
    account.dead_letter("loyalty", 7)

    queue = client("sqs", url).get_queue_url(QueueName=STORE)["QueueUrl"]
    (message,) = client("sqs", url).receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"]
    told = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert told["RULE_ARN"] == rule_arn("loyalty")
    assert told.keys() == {
        "RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "EXHAUSTED_RETRY_CONDITION", "RETRY_ATTEMPTS",
    }  # fmt: skip
    assert json.loads(message["Body"])["detail"] == {"order": 7}


def test_the_policy_of_the_docs_is_what_is_called_and_nothing_else(account: Account, url: str) -> None:
    one = collector(url)

    collect(one)

    assert one._account is not None
    policy = json.loads(re.search(r"```json eventbridge\n(.*?)```", DOCS.read_text(), re.S)[1])  # type: ignore[index]
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert one._account.actions == allowed - {"sts:AssumeRole"}


def test_nothing_is_taken_from_the_queues(account: Account, url: str) -> None:
    account.publish(0)
    account.dead_letter("loyalty", 7)
    one = collector(url)
    for _ in range(3):
        collect(one)

    for arn, count in ((queue_arn("invoices"), EVENTS), (queue_arn(STORE), 1)):
        name = arn.rpartition(":")[2]
        queue = client("sqs", url).get_queue_url(QueueName=name)["QueueUrl"]
        messages = []
        while (
            batch := client("sqs", url)
            .receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
            .get("Messages")
        ):
            messages += batch
        assert len(messages) == count
        assert {one["Attributes"]["ApproximateReceiveCount"] for one in messages} == {"1"}
