"""Dead letters of SQS that a task moves back, at ElasticMQ."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from aws import REGION, nobody
from conftest import or_skip

from collectors import metrics as m
from collectors.base import Metric
from collectors.sqs import SqsCollector
from collectors.sqs.settings import SqsSettings
from monitor.demo import services

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with nobody(), or_skip(services.elasticmq()) as url:
        yield url


@pytest.fixture
def sqs(url: str) -> Any:
    return boto3.client("sqs", REGION, endpoint_url=url)


@pytest.fixture
def collector(url: str) -> Iterator[SqsCollector]:
    """It is SQS alone: no topics, and no CloudWatch."""
    options = {"name": "shop", "kind": "sqs", "region": REGION, "endpoint_url": url, "metrics_budget": 0}
    one = SqsCollector(SqsSettings.model_validate(options))
    yield one
    one.close()


def told(one: SqsCollector, metric: Metric, now: float) -> dict[tuple[str, ...], float]:
    reading = one.collect(now, time.monotonic() + 30)
    assert {error.part for error in reading.errors} <= {"topics"}
    return {sample.labels: sample.value for sample in reading.samples if sample.metric is metric}


def died(sqs: Any, count: int) -> tuple[str, str]:
    """A queue whose dead letters lie in another; returns the other's URL and ARN."""
    store = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=store, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    source = sqs.create_queue(QueueName="orders", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    for _ in range(count):
        sqs.send_message(QueueUrl=source, MessageBody="x")
    for _ in range(3 * count):
        sqs.receive_message(QueueUrl=source, VisibilityTimeout=0)
    return store, arn


def test_a_task_that_moves_dead_letters_back_is_seen_running_and_counted_to_its_end(
    sqs: Any, collector: SqsCollector
) -> None:
    _, arn = died(sqs, 4)
    now = time.time()
    first = told(collector, m.DEAD_LETTERED_MESSAGES_TOTAL, now)
    sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=1)
    running = told(collector, m.REDRIVES_RUNNING, now + 400)
    end = time.monotonic() + 30
    while sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]["Status"] != "COMPLETED":
        assert time.monotonic() < end
        time.sleep(0.2)
    now += 800

    assert first == {("orders-dlq", "orders", ""): 4}
    assert running == {("orders-dlq",): 1}
    assert told(collector, m.REDRIVEN_MESSAGES_TOTAL, now) == {
        ("orders-dlq", "orders", "sent"): 4,
        ("orders-dlq", "orders", "failed"): 0,
    }
    assert told(collector, m.DEAD_LETTERS, now) == {("orders-dlq", "orders"): 0}
    assert told(collector, m.BACKLOG_MESSAGES, now) == {("orders", "consumers"): 4}
