"""EventBridge of an account in memory: what a collect brings, in which requests, and what is said of failures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from aws import ENVIRONMENT, REGION
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import settings as configured
from hypothesis import strategies as st
from moto import mock_aws
from moto.moto_api._internal import moto_api_backend

from collectors import metrics as m
from collectors.base import CollectError, Reading
from collectors.eventbridge import EventBridgeCollector

ACCOUNT = "123456789012"
OPEN = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": "*",
}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


def collector(**options: Any) -> EventBridgeCollector:
    given = {"name": "shop", "kind": "eventbridge", "region": REGION, "latency_p99": False, "metrics_budget": 100_000}
    return EventBridgeCollector(EventBridgeCollector.Settings.model_validate(given | options))


def collect(one: EventBridgeCollector, now: float | None = None) -> Reading:
    return one.collect(time.time() if now is None else now, time.monotonic() + 60)


def found(reading: Reading) -> dict[tuple[str, ...], float]:
    return {(one.metric.name, *one.labels): one.value for one in reading.samples}


def arn(queue: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


def make_queue(name: str) -> str:
    attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [OPEN]})}
    return str(boto3.client("sqs", REGION).create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def make_rule(name: str, bus: str = "default", store: str | None = "dead", **more: Any) -> None:
    events = boto3.client("events", REGION)
    if bus not in {one["Name"] for one in events.list_event_buses()["EventBuses"]}:
        events.create_event_bus(Name=bus)
    events.put_rule(Name=name, EventBusName=bus, EventPattern='{"source": ["shop"]}', **more)
    target = {"Id": "1", "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:bill"}
    if store is not None:
        target["DeadLetterConfig"] = {"Arn": arn(store)}  # type: ignore[assignment]
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])


def put(name: str, value: float, at: float, **dimensions: str) -> None:
    data = {
        "MetricName": name,
        "Value": value,
        "Timestamp": datetime.fromtimestamp(at, UTC),
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    boto3.client("cloudwatch", REGION).put_metric_data(Namespace="AWS/Events", MetricData=[data])


def refusing(
    monkeypatch: pytest.MonkeyPatch, operation: str, code: str, refuses: Callable[[Any], bool] = lambda parameters: True
) -> None:
    """Let AWS refuse an operation, as far as its parameters are such."""
    actual = boto3.session.botocore.client.BaseClient._make_api_call

    def call(client: Any, name: str, parameters: Any) -> Any:
        if name == operation and refuses(parameters):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, name)
        return actual(client, name, parameters)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", call)


def test_figures_of_rules_of_the_default_bus_and_of_another() -> None:
    now = time.time()
    make_queue("dead")
    make_rule("billing")
    make_rule("billing", "shop")
    put("InvocationsSentToDlq", 3, now - 120, RuleName="billing")
    put("InvocationsSentToDlq", 5, now - 120, EventBusName="shop", RuleName="billing")

    samples = found(collect(collector(), now))

    assert samples["dead_lettered_messages_total", "dead", "default", "rule billing"] == 3
    assert samples["dead_lettered_messages_total", "dead", "shop", "rule billing"] == 5
    assert samples["delivery_failures_total", "shop", "billing", "throttled"] == 0


def test_the_depth_of_a_dead_letter_queue() -> None:
    url = make_queue("dead")
    make_rule("billing")
    for _ in range(4):
        boto3.client("sqs", REGION).send_message(QueueUrl=url, MessageBody="{}")

    assert found(collect(collector()))["dead_letters", "dead", "default"] == 4


def test_a_dead_letter_queue_that_is_gone_is_a_fault_and_no_error() -> None:
    url = make_queue("dead")
    make_rule("billing")
    one = collector()
    collect(one)
    boto3.client("sqs", REGION).delete_queue(QueueUrl=url)

    reading = collect(one)

    assert found(reading)["configuration_fault", "dead", "dead-letter queue is gone"] == 1
    assert reading.errors == []
    assert not [one for one in reading.samples if one.metric is m.DEAD_LETTERS]


def test_buses_and_rules_that_the_filters_leave_out_are_not_there() -> None:
    make_rule("billing", "shop", None)
    make_rule("audit", "shop", None)
    make_rule("billing", "other", None)

    reading = collect(collector(buses={"include": ["shop"]}, rules={"exclude": ["audit"]}))

    assert {one.labels for one in reading.samples if one.metric is m.CONSUMERS} == {("shop", "billing")}


def test_all_pages_of_rules_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(130):
        make_rule(f"r{number}", store=None)

    reading = collect(collector())

    assert len([one for one in reading.samples if one.metric is m.CONSUMERS]) == 130


def test_targets_over_the_topology_budget_follow_in_the_next_cycle_and_figures_wait_for_them() -> None:
    for name in ("a", "b", "c"):
        make_rule(name, store=None)
    one, now = collector(topology_budget=2), time.time()

    first, second = collect(one, now), collect(one, now + 60)

    assert "targets of 1 rules" in {skipped.what for skipped in first.skipped}
    assert not [each for each in first.samples if each.metric is m.MESSAGES_MATCHED_TOTAL]
    assert len([each for each in second.samples if each.metric is m.MESSAGES_MATCHED_TOTAL]) == 3


def test_topology_is_read_seldom() -> None:
    make_queue("dead")
    for name in ("a", "b", "c"):
        make_rule(name)
    one, now = collector(metrics_budget=0), time.time()
    collect(one, now)

    reading = collect(one, now + 60)

    assert reading.requests == 1  # the dead-letter queue
    assert found(reading)["consumers", "default", "a"] == 1


def test_a_throttled_rule_is_asked_for_again_in_the_next_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    make_rule("a", store=None)
    make_rule("b", store=None)
    one, now = collector(), time.time()
    with monkeypatch.context() as patch:
        refusing(patch, "ListTargetsByRule", "ThrottlingException", lambda parameters: parameters["Rule"] == "b")
        first = collect(one, now)

    second = collect(one, now + 60)

    assert [skipped.what for skipped in first.skipped] == ["targets of 1 rules"]
    assert first.errors == []
    assert ("consumers", "default", "b") in found(second)


def test_one_rule_that_may_not_be_read_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    make_rule("a", store=None)
    make_rule("b", store=None)
    refusing(monkeypatch, "ListTargetsByRule", "AccessDeniedException", lambda parameters: parameters["Rule"] == "b")

    reading = collect(collector())

    assert [tuple(error) for error in reading.errors] == [
        ("targets of b of default", "not allowed: the policy needs events:ListTargetsByRule: no")
    ]
    assert ("consumers", "default", "a") in found(reading)
    assert ("messages_matched_total", "default", "a") in found(reading)


def test_a_dead_letter_queue_that_may_not_be_read_has_no_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    make_queue("dead")
    make_rule("billing")
    one = collector()
    collect(one)
    refusing(monkeypatch, "GetQueueAttributes", "AccessDenied")

    reading = collect(one)

    assert not [each for each in reading.samples if each.metric is m.DEAD_LETTERS]
    assert [error.message for error in reading.errors] == ["not allowed: the policy needs sqs:GetQueueAttributes: no"]


def test_buses_that_cannot_be_listed_any_more_stay_as_they_were_known(monkeypatch: pytest.MonkeyPatch) -> None:
    make_rule("billing", store=None)
    one, now = collector(), time.time()
    collect(one, now)
    refusing(monkeypatch, "ListEventBuses", "InternalException")

    reading = collect(one, now + 3600)

    assert [error.part for error in reading.errors] == ["buses"]
    assert ("consumers", "default", "billing") in found(reading)


def test_an_account_that_cannot_be_read_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, "ListEventBuses", "ExpiredTokenException")

    with pytest.raises(CollectError, match="cannot read AWS in eu-central-1: events:ListEventBuses: the credentials"):
        collect(collector())


def test_a_rule_that_is_gone_has_no_series_any_more() -> None:
    make_rule("billing", store=None)
    one, now = collector(), time.time()
    collect(one, now)
    events = boto3.client("events", REGION)
    events.remove_targets(Rule="billing", Ids=["1"])
    events.delete_rule(Name="billing")

    reading = collect(one, now + 3600)

    assert not [each for each in reading.samples if "billing" in each.labels]


def test_counters_go_on_over_a_restart_of_the_agent() -> None:
    now = time.time()
    make_rule("billing", store=None)
    put("FailedInvocations", 3, now - 120, RuleName="billing")
    first = collect(collector(), now)
    put("FailedInvocations", 2, now + 240, RuleName="billing")
    again = collector()
    again.restore({key: blob for key, blob in first.memory.items() if blob is not None})

    assert found(collect(again, now + 300))["delivery_failures_total", "default", "billing", "gave up"] == 5


def test_with_a_metrics_budget_of_0_cloudwatch_is_not_asked() -> None:
    make_rule("billing", store=None)
    one = collector(metrics_budget=0)

    reading = collect(one)

    assert one._account is not None
    assert not {action for action in one._account.actions if action.startswith("cloudwatch:")}
    assert found(reading)["consumers", "default", "billing"] == 1


def test_check_says_what_loses_events_and_what_a_month_costs() -> None:
    make_rule("billing", store=None)
    make_rule("audit", "shop", "nowhere")

    told = [one.what for one in collector(metrics_budget=5000).check(time.monotonic() + 60)]

    assert told[0] == "AWS in eu-central-1 answers: 2 buses, 2 rules"
    assert "nowhere: audit of shop: dead-letter queue is gone" in told
    assert "1 targets have no dead-letter queue: billing of default" in told
    assert any(one.startswith("reading it costs about $") for one in told)


_NAMES = st.text("abcdefgh-_.0123456789", min_size=1, max_size=20)
_TARGETS = st.lists(st.tuples(st.sampled_from(["dead", "other", None]), st.integers(0, 185)), max_size=4)
_RULES = st.dictionaries(_NAMES, st.tuples(_TARGETS, st.booleans()), max_size=5)


def test_rules_targets_and_routes_are_those_that_boto3_tells_while_all_of_them_change() -> None:
    one = collector(topology_interval="1s", metrics_budget=0)
    events, later = boto3.client("events", REGION), iter(range(0, 10_000, 60))

    @configured(max_examples=30, deadline=None)
    @given(st.dictionaries(st.sampled_from(["default", "shop", "partner.x"]), _RULES, max_size=3))
    def same(topology: dict[str, Any]) -> None:
        moto_api_backend.reset()
        _make(events, topology)

        samples = found(collect(one, time.time() + next(later)))

        consumers, routes = _told(events)
        assert {key: value for key, value in samples.items() if key[0] == "consumers"} == consumers
        assert {key for key in samples if key[0] == "dead_letter_route"} == routes

    same()


def _make(events: Any, topology: dict[str, Any]) -> None:
    for bus, rules in topology.items():
        if bus != "default":
            events.create_event_bus(Name=bus)
        for name, (targets, enabled) in rules.items():
            events.put_rule(Name=name, EventBusName=bus, EventPattern="{}", State="ENABLED" if enabled else "DISABLED")
            for number, (store, attempts) in enumerate(targets):
                made: dict[str, Any] = {
                    "Id": str(number),
                    "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f",
                    "RetryPolicy": {"MaximumRetryAttempts": attempts},
                }
                if store is not None:
                    made["DeadLetterConfig"] = {"Arn": arn(store)}
                events.put_targets(Rule=name, EventBusName=bus, Targets=[made])


def _told(events: Any) -> tuple[dict[tuple[str, ...], int], set[tuple[str, ...]]]:
    """Consumers and routes, by a loop over boto3's own answers."""
    consumers, routes = {}, set()
    for bus in events.list_event_buses()["EventBuses"]:
        for rule in events.list_rules(EventBusName=bus["Name"])["Rules"]:
            told = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus["Name"])["Targets"]
            consumers["consumers", bus["Name"], rule["Name"]] = len(told) if rule["State"] == "ENABLED" else 0
            stores = (one["DeadLetterConfig"]["Arn"] for one in told if "DeadLetterConfig" in one)
            routes |= {("dead_letter_route", bus["Name"], store.rpartition(":")[2]) for store in stores}
    return consumers, routes
