"""SQS and SNS of an account, at a moto server: what is read is what boto3 answers, and nothing else is done."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from aws import REGION
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from collectors import metrics as m
from collectors.base import CollectError, Metric, Reading
from collectors.sqs import SqsCollector, fetch
from collectors.sqs.settings import SqsSettings
from monitor.demo.traffic.aws import Shop

pytestmark = pytest.mark.integration
ACCOUNT = "123456789012"
SENT_TO = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"


@pytest.fixture
def url(aws_url: str) -> str:
    return aws_url


def client(service: str, url: str) -> Any:
    return boto3.client(service, REGION, endpoint_url=url)


def collector(url: str, **options: Any) -> SqsCollector:
    chosen = {"name": "shop", "kind": "sqs", "region": REGION, "endpoint_url": url, "move_tasks": False, **options}
    return SqsCollector(SqsSettings.model_validate(chosen))


def read(one: SqsCollector, now: float | None = None) -> Reading:
    return one.collect(time.time() if now is None else now, time.monotonic() + 30)


def told(reading: Reading, metric: Metric) -> dict[tuple[str, ...], float]:
    return {sample.labels: sample.value for sample in reading.samples if sample.metric is metric}


def queue(url: str, name: str, dead_letters: str | None = None, **attributes: str) -> str:
    if dead_letters is not None:
        policy = {"deadLetterTargetArn": SENT_TO + dead_letters, "maxReceiveCount": 3}
        attributes["RedrivePolicy"] = json.dumps(policy)
    return str(client("sqs", url).create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def counted(url: str, namespace: str, name: str, dimension: tuple[str, str], value: float, ago: float = 60) -> None:
    """A point of CloudWatch, as AWS itself would have put it there: moto puts none."""
    point = {
        "MetricName": name,
        "Dimensions": [dict(zip(("Name", "Value"), dimension, strict=True))],
        "Timestamp": datetime.fromtimestamp(time.time() - ago, UTC),
        "Value": value,
    }
    client("cloudwatch", url).put_metric_data(Namespace=namespace, MetricData=[point])


@st.composite
def estates(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Queues, some with a dead-letter queue among those before them, messages that wait and that are taken."""
    found: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        fifo = draw(st.booleans())
        alike = [one["name"] for one in found if one["fifo"] == fifo]
        found.append(
            {
                "name": f"q{number}" + (".fifo" if fifo else ""),
                "fifo": fifo,
                "dead_letters": draw(st.sampled_from([None, *alike])),
                "retention": draw(st.integers(60, 1_209_600)),
                "sent": draw(st.integers(0, 12)),
                "taken": draw(st.integers(0, 5)),
                "delayed": 0 if fifo else draw(st.integers(0, 3)),
            }
        )
    return found


def filled(url: str, one: dict[str, Any]) -> None:
    attributes = {"MessageRetentionPeriod": str(one["retention"]), **({"FifoQueue": "true"} if one["fifo"] else {})}
    at, sqs = queue(url, one["name"], one["dead_letters"], **attributes), client("sqs", url)
    for number in range(one["sent"]):
        fifo = {"MessageGroupId": str(number), "MessageDeduplicationId": str(number)} if one["fifo"] else {}
        sqs.send_message(QueueUrl=at, MessageBody="x", **fifo)
    for _ in range(one["delayed"]):
        sqs.send_message(QueueUrl=at, MessageBody="x", DelaySeconds=900)
    for _ in range(one["taken"]):
        sqs.receive_message(QueueUrl=at, VisibilityTimeout=900)


@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(estates())
def test_what_is_read_is_what_boto3_answers(moto: str, estate: list[dict[str, Any]]) -> None:
    httpx.post(f"{moto}/moto-api/reset")
    for one in estate:
        filled(moto, one)
    one = collector(moto)
    reading = read(one)
    one.close()

    sqs = client("sqs", moto)
    sources: dict[str, set[str]] = {}
    depths: dict[str, tuple[int, int, int]] = {}
    for at in sqs.list_queues()["QueueUrls"]:
        name, found = at.rpartition("/")[2], sqs.get_queue_attributes(QueueUrl=at, AttributeNames=["All"])["Attributes"]
        kinds = ("", "NotVisible", "Delayed")
        depths[name] = tuple(int(found[f"ApproximateNumberOfMessages{kind}"]) for kind in kinds)  # type: ignore[assignment]
        feeding = sqs.list_dead_letter_source_queues(QueueUrl=at)["queueUrls"]
        if feeding:
            sources[name] = {one.rpartition("/")[2] for one in feeding}

    ordinary = {name: depth for name, depth in depths.items() if name not in sources}
    assert not reading.errors
    assert told(reading, m.BACKLOG_MESSAGES) == {(name, "consumers"): depth[0] for name, depth in ordinary.items()}
    assert told(reading, m.IN_FLIGHT_MESSAGES) == {(name, "consumers"): depth[1] for name, depth in ordinary.items()}
    assert told(reading, m.DELAYED_MESSAGES) == {(name,): depth[2] for name, depth in depths.items()}
    only = {name: next(iter(found)) if len(found) == 1 else "" for name, found in sources.items()}
    assert told(reading, m.DEAD_LETTERS) == {(name, only[name]): sum(depths[name]) for name in sources}
    ways = {(source, name): 1.0 for name, found in sources.items() for source in found}
    assert told(reading, m.DEAD_LETTER_ROUTE) == ways


def test_counters_and_ages_come_from_cloudwatch(url: str) -> None:
    at = queue(url, "orders")
    client("sqs", url).send_message(QueueUrl=at, MessageBody="x")
    for name, value in (("NumberOfMessagesSent", 7.0), ("NumberOfMessagesDeleted", 6.0)):
        counted(url, "AWS/SQS", name, ("QueueName", "orders"), value)
    counted(url, "AWS/SQS", "ApproximateAgeOfOldestMessage", ("QueueName", "orders"), 90.0)

    reading = read(collector(url))

    assert told(reading, m.MESSAGES_IN_TOTAL) == {("orders",): 7}
    assert told(reading, m.MESSAGES_OUT_TOTAL) == {("orders", "consumers"): 6}
    assert told(reading, m.DELIVERIES_TOTAL) == {("orders", "consumers"): 0}
    assert told(reading, m.BACKLOG_AGE_SECONDS) == {("orders", "consumers"): 90}
    assert told(reading, m.RETENTION_MARGIN_SECONDS) == {("orders", "consumers"): 345_600 - 90}


def test_counters_go_on_after_a_restart_and_count_no_point_twice(url: str) -> None:
    queue(url, "orders")
    counted(url, "AWS/SQS", "NumberOfMessagesSent", ("QueueName", "orders"), 7.0, ago=240)
    before = collector(url)
    memory = {name: blob for name, blob in read(before).memory.items() if blob is not None}
    counted(url, "AWS/SQS", "NumberOfMessagesSent", ("QueueName", "orders"), 5.0, ago=60)
    after = collector(url)
    after.restore(memory)

    assert told(read(after), m.MESSAGES_IN_TOTAL) == {("orders",): 12}


def test_dead_letters_that_a_consumer_could_not_handle_are_counted(url: str) -> None:
    queue(url, "orders-dlq")
    at, sqs = queue(url, "orders", "orders-dlq"), client("sqs", url)
    one = collector(url)
    read(one)
    sqs.send_message(QueueUrl=at, MessageBody="x")
    for _ in range(5):
        sqs.receive_message(QueueUrl=at, VisibilityTimeout=0)

    assert told(read(one), m.DEAD_LETTERED_MESSAGES_TOTAL) == {("orders-dlq", "orders", ""): 1}


def test_a_topic_tells_what_becomes_of_its_messages_and_a_filter_is_no_fault(url: str) -> None:
    sns, it = client("sns", url), ("TopicName", "orders")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    queue(url, "billing-dlq")
    attributes = {
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": SENT_TO + "billing-dlq"}),
        "FilterPolicy": json.dumps({"kind": ["paid"]}),
    }
    queue(url, "billing")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=SENT_TO + "billing", Attributes=attributes)
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://user:secret@example.org/hook?token=1")
    for name, value in {
        "NumberOfMessagesPublished": 10.0,
        "NumberOfNotificationsDelivered": 9.0,
        "NumberOfNotificationsFailed": 4.0,
        "NumberOfNotificationsRedrivenToDlq": 3.0,
        "NumberOfNotificationsFailedToRedriveToDlq": 1.0,
        "NumberOfNotificationsFilteredOut-MessageAttributes": 6.0,
    }.items():
        counted(url, "AWS/SNS", name, it, value)

    reading = read(collector(url))

    assert told(reading, m.MESSAGES_IN_TOTAL)["topic/orders",] == 10
    assert told(reading, m.MESSAGES_OUT_TOTAL)["topic/orders", "subscriptions"] == 9
    assert told(reading, m.DELIVERY_FAILURES_TOTAL) == {("topic/orders", "subscriptions", "failed"): 4}
    assert told(reading, m.DEAD_LETTERS_SENT_TOTAL) == {("sns", "billing-dlq", "topic/orders", ""): 3}
    lost = {("topic/orders", "not written to the dead-letter queue"): 1.0}
    assert told(reading, m.DEAD_LETTER_FAILURES_TOTAL) == lost
    assert told(reading, m.UNROUTABLE_MESSAGES_TOTAL)["topic/orders", "filtered out by attributes"] == 6
    assert told(reading, m.SUBSCRIPTIONS) == {
        ("topic/orders", "dead_letters"): 1,
        ("topic/orders", "none"): 1,
        ("topic/orders", "pending"): 0,
    }
    assert ("topic/orders", "billing-dlq") in told(reading, m.DEAD_LETTER_ROUTE)
    assert "secret" not in repr(reading.samples)


def test_the_logs_of_deliveries_tell_of_every_subscription(url: str) -> None:
    client("sns", url).create_topic(Name="orders")
    logs, group = client("logs", url), f"sns/{REGION}/{ACCOUNT}/orders"
    for name, status, code in ((group, "SUCCESS", 200), (group + "/Failure", "FAILURE", 503)):
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="s")
        of = {"destination": "https://user:secret@example.org/hook", "dwellTimeMs": 250, "statusCode": code}
        event = {"timestamp": int((time.time() - 60) * 1000), "message": json.dumps({"delivery": of, "status": status})}
        logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[event] * 3)
    one, now = collector(url, delivery_logs=True), time.time()
    read(one, now)

    reading = read(one, now + 60)  # what was read before is read again, and counted once

    assert told(reading, m.DELIVERY_FAILURES_TOTAL)["topic/orders", "https:example.org", "503"] == 3
    assert told(reading, m.DELIVERY_LATENCY_SECONDS) == {("topic/orders", "https:example.org"): 0.25}


def test_the_traffic_of_the_demo_tells_what_becomes_of_a_message_that_cannot_be_delivered(url: str) -> None:
    shop = Shop(url)
    shop.publish(0, is_poison=False)
    shop.handle("billing")
    shop.give_up(0, is_kept=True)
    shop.give_up(1, is_kept=False)
    shop.tell(waiting=30)

    reading = read(collector(url))

    assert told(reading, m.DEAD_LETTERS)["parcels-dlq", "topic/parcels"] == 1
    assert told(reading, m.DEAD_LETTERS_SENT_TOTAL) == {("sns", "parcels-dlq", "topic/parcels", ""): 1}
    assert told(reading, m.DEAD_LETTER_FAILURES_TOTAL)["topic/parcels", "not written to the dead-letter queue"] == 1
    assert told(reading, m.MESSAGES_OUT_TOTAL)["billing", "consumers"] == 1
    faults = {("audit", "no dead-letter queue"), ("topic/parcels", "no dead-letter queue")}
    assert set(told(reading, m.CONFIGURATION_FAULT)) == faults


def test_lists_are_read_to_their_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs, sns = client("sqs", url), client("sns", url)
    for number in range(23):
        sqs.create_queue(QueueName=f"q{number}")
    for number in range(110):
        sns.create_topic(Name=f"t{number}")
    monkeypatch.setattr(fetch, "QUEUES_A_PAGE", 5)

    found = read(collector(url, metrics_budget=0, queues={"exclude": ["q[3-9].*"]}))

    assert len(told(found, m.DELAYED_MESSAGES)) == 16
    assert len(told(found, m.SUBSCRIPTIONS)) == 3 * 110


def test_a_queue_that_is_deleted_ends_and_is_no_error(url: str) -> None:
    at = queue(url, "orders")
    queue(url, "other")
    one = collector(url)
    read(one)
    client("sqs", url).delete_queue(QueueUrl=at)

    reading = read(one)

    assert not reading.errors
    assert set(told(reading, m.BACKLOG_MESSAGES)) == {("other", "consumers")}


def test_quiet_cycles_ask_for_depths_alone(url: str) -> None:
    queue(url, "orders-dlq")
    queue(url, "orders", "orders-dlq")
    one, now = collector(url), time.time()
    read(one, now)

    assert read(one, now + 60).requests == 2


def test_nobody_there_is_a_failed_scrape() -> None:
    with pytest.raises(CollectError, match=r"sqs:ListQueues: http://127.0.0.1:9 cannot be reached"):
        read(collector("http://127.0.0.1:9", timeout="3s"))


def test_the_policy_in_the_documentation_is_what_is_used(url: str) -> None:
    """The agent's policy has every action that is called, and none that is not."""
    kms = client("kms", url)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    queue(url, "orders-dlq")
    queue(url, "orders", "orders-dlq", KmsMasterKeyId=key)
    sns, logs = client("sns", url), client("logs", url)
    topic = sns.create_topic(Name="orders")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=SENT_TO + "orders")
    logs.create_log_group(logGroupName=f"sns/{REGION}/{ACCOUNT}/orders/Failure")
    role = f"arn:aws:iam::{ACCOUNT}:role/watcher"
    one = collector(url, move_tasks=True, delivery_logs=True, role_arn=role)
    read(one)

    assert one._account is not None
    page = Path(__file__).parents[2].joinpath("docs/aws.md").read_text(encoding="utf-8")
    policy = json.loads(page.split("```json sqs\n")[1].split("```")[0])
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert one._account.actions == allowed


def test_check_says_what_is_there_what_is_wrong_and_what_it_costs(url: str) -> None:
    queue(url, "orders-dlq")
    queue(url, "orders", "orders-dlq")
    queue(url, "plain")

    said = [finding.what for finding in collector(url).check(time.monotonic() + 30)]

    assert "3 queues, of them for dead letters: orders-dlq" in said
    assert "plain: no dead-letter queue" in said
    assert "orders-dlq: retention not longer than its source's" in said
    assert any("a month" in one for one in said)
