"""EventBridge without an account: what answers mean, what is asked of CloudWatch, and which faults there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collectors import metrics as m
from collectors.eventbridge import answers, figures, judge
from collectors.eventbridge.answers import Archive, Bus, Queue, Rule, Target
from collectors.eventbridge.figures import Listed
from collectors.eventbridge.grid import Grid

HOME = "eu-central-1:123456789012"
DEAD, OTHER, WORK = (f"arn:aws:sqs:{HOME}:{name}" for name in ("dead", "other", "work"))
FUNCTION = f"arn:aws:lambda:{HOME}:function:bill"
OPEN = json.dumps(
    {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
    }
)


def rule(*targets: Target, name: str = "billing", bus: str = "shop", **more: Any) -> Rule:
    path = f"{bus}/" if bus != "default" else ""
    return Rule(bus, name, f"arn:aws:events:{HOME}:rule/{path}{name}", targets=targets, **more)


def queue(arn: str, **more: Any) -> Queue:
    return Queue(**({"arn": arn, "visible": 0, "in_flight": 0, "delayed": 0, "retention": 86_400} | POLICY | more))


POLICY = {"policy": OPEN, "key": None}


def grid(*rules: Rule, queues: dict[str, Queue | None] | None = None) -> Grid:
    buses = {name: Bus(name, f"arn:aws:events:{HOME}:event-bus/{name}") for name in {one.bus for one in rules}}
    known = {arn: queue(arn) for one in rules for arn in one.stores} | (queues or {})
    return Grid(buses, {one.key: one for one in rules}, known)


def keys(known: Grid, listed: Listed | None = None, p99: bool = False) -> dict[tuple[str, ...], figures.Wanted]:
    chosen = list(known.rules.values())
    return {one.key: one for one in figures.wanted(known, chosen, listed or Listed(), p99)}


def faults(known: Grid, listed: Listed | None = None) -> list[tuple[str, str, str]]:
    return [tuple(one) for one in judge.faults(known, listed or Listed())]  # type: ignore[misc]


def recent(name: str, **dimensions: str) -> dict[str, Any]:
    return {"MetricName": name, "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()]}


STORED = Target("1", FUNCTION, DEAD)
BARE = Target("1", FUNCTION)


def test_a_target_that_says_nothing_is_tried_185_times_in_24_hours() -> None:
    assert answers.target({"Id": "1", "Arn": FUNCTION}) == Target("1", FUNCTION, None, 185, 86_400)


def test_a_target_has_a_dead_letter_queue_and_a_retry_policy() -> None:
    told = {"Id": "1", "Arn": FUNCTION, "DeadLetterConfig": {"Arn": DEAD}, "RoleArn": "arn:aws:iam::1:role/r"}

    found = answers.target(told | {"RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}})

    assert found == Target("1", FUNCTION, DEAD, 0, 60, True)


def test_the_name_of_a_bus_of_a_partner_has_slashes() -> None:
    told = {"ArchiveName": "a", "EventSourceArn": f"arn:aws:events:{HOME}:event-bus/aws.partner/x.com/1"}

    assert answers.archive({**told, "State": "ENABLED"}).bus == "aws.partner/x.com/1"


@pytest.mark.parametrize(
    ("bus", "dimensions"),
    [("default", (("RuleName", "billing"),)), ("shop", (("EventBusName", "shop"), ("RuleName", "billing")))],
)
def test_a_rule_of_the_default_bus_has_its_name_alone_as_dimension(bus: str, dimensions: Any) -> None:
    assert figures.of_rule(rule(bus=bus)) == dimensions


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("TriggeredRules", ("messages_matched_total", "shop", "billing")),
        ("SuccessfulInvocationAttempts", ("messages_out_total", "shop", "billing")),
        ("RetryInvocationAttempts", ("redeliveries_total", "shop", "billing")),
        ("FailedInvocations", ("delivery_failures_total", "shop", "billing", "gave up")),
        ("ThrottledRules", ("delivery_failures_total", "shop", "billing", "throttled")),
        ("InvocationsSentToDlq", ("dead_lettered_messages_total", "dead", "shop", "rule billing")),
        (
            "InvocationsFailedToBeSentToDlq",
            ("dead_letter_failures_total", "dead", "not taken: rule billing of shop"),
        ),
        ("MatchedEvents", ("messages_in_total", "shop")),
        ("PutEventsEntriesCount", ("messages_published_total", "publishers", "all buses")),
        ("PutEventsFailedEntriesCount", ("publish_failures_total", "publishers", "all buses", "refused")),
        ("PutEventsApproximateThrottledCount", ("publish_failures_total", "publishers", "all buses", "throttled")),
    ],
)
def test_a_metric_of_eventbridge_in_the_vocabulary(name: str, key: tuple[str, ...]) -> None:
    assert keys(grid(rule(STORED)))[key].series.name == name


def test_every_key_fits_the_labels_of_its_metric() -> None:
    for name, *labels in keys(grid(rule(STORED), rule(BARE, bus="default")), p99=True):
        m.METRICS[name].sample(0.0, *labels)


def test_of_a_rule_without_a_dead_letter_queue_nothing_is_asked_that_it_cannot_have() -> None:
    names = {one.series.name for one in keys(grid(rule(BARE))).values()}

    assert not names & {"InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq"}


def test_of_a_disabled_rule_nothing_is_asked() -> None:
    found = keys(grid(rule(STORED, is_enabled=False)))

    assert not [key for key, one in found.items() if ("RuleName", "billing") in one.series.dimensions]


def test_several_dead_letter_queues_of_a_rule_are_both_named() -> None:
    found = keys(grid(rule(STORED, Target("2", FUNCTION, OTHER))))

    assert ("dead_lettered_messages_total", "dead or other", "shop", "rule billing") in found


def test_what_matters_most_comes_first_of_all_rules() -> None:
    found = [one.series.name for one in keys(grid(rule(STORED), rule(STORED, name="audit"))).values()]

    assert found[:4] == ["InvocationsFailedToBeSentToDlq"] * 2 + ["InvocationsSentToDlq"] * 2


def test_what_fails_of_late_is_hot() -> None:
    listed = Listed([recent("FailedInvocations", EventBusName="shop", RuleName="billing")])

    assert [one.series.name for one in keys(grid(rule(STORED)), listed).values() if one.hot] == ["FailedInvocations"]


def test_names_are_spelled_as_cloudwatch_lists_them() -> None:
    listed = Listed([recent("IngestiontoInvocationSuccessLatency", RuleName="x")])

    found = keys(grid(rule(STORED)), listed)["delivery_latency_seconds", "shop", "billing"]

    assert found.series.name == "IngestiontoInvocationSuccessLatency"


def test_the_slowest_deliveries_are_a_metric_more() -> None:
    asked = keys(grid(rule(STORED)), p99=True)["delivery_latency_p99_seconds", "shop", "billing"]

    assert asked.series.statistic == "p99"


def test_a_latency_is_told_in_seconds() -> None:
    key = ("delivery_latency_seconds", "shop", "billing")

    assert [one.value for one in judge.latencies([(key, 250.0)])] == [0.25]


def test_what_a_rule_without_any_dead_letter_queue_gave_up_is_lost() -> None:
    key = figures.given_up(rule(BARE))

    found = list(judge.counters([rule(BARE)], [(key, 7.0)]))

    assert [(one.metric.name, *one.labels, one.value) for one in found] == [
        ("delivery_failures_total", "shop", "billing", "gave up", 7.0),
        ("dead_letter_failures_total", "shop", "no dead-letter queue: rule billing", 7.0),
    ]


def test_what_a_rule_gave_up_is_not_lost_where_a_target_has_a_dead_letter_queue() -> None:
    """Which of its targets it was is not told."""
    one = rule(STORED, Target("2", FUNCTION))

    assert len(list(judge.counters([one], [(figures.given_up(one), 7.0)]))) == 1


def test_the_depth_of_a_dead_letter_queue_has_the_bus_as_its_source() -> None:
    known = grid(rule(STORED), queues={DEAD: queue(DEAD, visible=3, in_flight=2, delayed=1)})

    found = list(judge.depths(known, {figures.age_of("dead"): 400.0}))

    assert [(one.metric.name, one.labels, one.value) for one in found] == [
        ("dead_letters", ("dead", "shop"), 6),
        ("dead_letter_age_seconds", ("dead",), 400.0),
        ("dead_letter_retention_margin_seconds", ("dead",), 86_000.0),
    ]


def test_a_dead_letter_queue_of_two_buses_has_no_one_source() -> None:
    known = grid(rule(STORED), rule(STORED, bus="default"))

    assert [one.labels for one in judge.depths(known, {})] == [("dead", "")]


def test_a_dead_letter_queue_that_could_not_be_read_has_no_depth() -> None:
    known = grid(rule(STORED))
    del known.queues[DEAD]

    assert list(judge.depths(known, {})) == []


def test_who_reads_a_bus_and_where_its_dead_letters_go() -> None:
    found = list(judge.topology(grid(one := rule(STORED)), [one]))

    assert [(each.metric.name, each.labels, each.value) for each in found] == [
        ("consumers", ("shop", "billing"), 1),
        ("dead_letter_route", ("shop", "dead"), 1.0),
    ]


CLOSED = {"policy": None}
KEY_OF_AWS = "alias/aws/sqs"


@pytest.mark.parametrize(
    ("known", "fault"),
    [
        (grid(rule(STORED), queues={DEAD: None}), ("dead", "billing of shop", judge.GONE)),
        (grid(rule(STORED), queues={DEAD: queue(DEAD, **CLOSED)}), ("dead", "billing of shop", judge.NOT_ADMITTED)),
        (grid(rule(STORED), queues={DEAD: queue(DEAD, key=KEY_OF_AWS)}), ("dead", "billing of shop", judge.NO_KEY)),
        (grid(rule(Target("1", FUNCTION, f"{DEAD}.fifo"))), ("dead.fifo", "billing of shop", judge.FIFO)),
        (
            grid(rule(STORED, Target("2", FUNCTION, OTHER)), queues={OTHER: None}),
            ("other", "billing/2 of shop", judge.GONE),
        ),
        (grid(rule(Target("1", FUNCTION, None, 2))), ("shop", "billing", judge.EARLY)),
        (grid(rule(Target("1", FUNCTION, None, 185, 60))), ("shop", "billing", judge.EARLY)),
        (grid(rule()), ("shop", "billing", judge.NO_TARGET)),
        (grid(rule(Target("1", WORK, DEAD)), queues={WORK: None}), ("shop", "billing", judge.TARGET_GONE)),
        (
            grid(rule(Target("1", WORK, DEAD)), queues={WORK: queue(WORK, **CLOSED)}),
            ("shop", "billing", judge.TARGET_CLOSED),
        ),
    ],
)
def test_a_fault(known: Grid, fault: tuple[str, str, str]) -> None:
    assert faults(known) == [fault]


@pytest.mark.parametrize(
    "known",
    [
        grid(rule(STORED)),
        grid(rule(BARE)),
        grid(rule(Target("1", FUNCTION, DEAD, 0, 60))),
        grid(rule(STORED), queues={DEAD: queue(DEAD, key="arn:aws:kms:eu-central-1:1:key/own")}),
        grid(rule(Target("1", WORK, DEAD, has_role=True)), queues={WORK: queue(WORK, **CLOSED)}),
        grid(rule(STORED)._replace(targets=None)),
        grid(rule(is_enabled=False)),
    ],
    ids=["stored", "bare", "early but stored", "own key", "a role", "targets unknown", "disabled"],
)
def test_no_fault(known: Grid) -> None:
    assert faults(known) == []


def test_a_policy_that_admits_another_rule_alone_does_not_admit_this_one() -> None:
    policy = json.loads(OPEN)
    policy["Statement"]["Condition"] = {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:{HOME}:rule/shop/audit"}}
    known = grid(rule(STORED), queues={DEAD: queue(DEAD, policy=json.dumps(policy))})

    assert faults(known) == [("dead", "billing of shop", judge.NOT_ADMITTED)]


@pytest.mark.parametrize("name", ["TriggeredRules", "Invocations"])
def test_a_disabled_rule_that_had_traffic_of_late_is_a_fault(name: str) -> None:
    listed = Listed([recent(name, EventBusName="shop", RuleName="billing")])

    assert faults(grid(rule(STORED, is_enabled=False)), listed) == [("shop", "billing", judge.DISABLED)]


def test_the_queue_of_a_bus_itself_is_looked_at_too() -> None:
    known = grid(rule(STORED), queues={OTHER: None})
    known.buses["shop"] = known.buses["shop"]._replace(store=OTHER)

    assert faults(known) == [("other", "bus shop", judge.GONE)]


def test_an_archive_that_does_not_keep_is_a_fault() -> None:
    known = grid(rule(STORED))
    known.archives = [Archive("all", "shop", "UPDATE_FAILED", 7, "x"), Archive("some", "shop", "ENABLED", 7, "")]

    assert faults(known) == [("shop", "archive all", "UPDATE_FAILED")]


def test_a_fault_of_a_queue_is_told_once_and_one_of_a_rule_with_its_name() -> None:
    found = [
        judge.Fault("dead", "billing of shop", judge.GONE),
        judge.Fault("dead", "audit of shop", judge.GONE),
        judge.Fault("shop", "billing", judge.NO_TARGET),
    ]

    assert [one.labels for one in judge.told(found)] == [
        ("dead", "dead-letter queue is gone"),
        ("shop", "billing: no target"),
    ]


def test_targets_without_a_dead_letter_queue_are_named_but_for_rules_that_aws_made() -> None:
    known = grid(rule(BARE), rule(BARE, name="managed", owner="states.amazonaws.com"), rule(STORED, name="stored"))

    assert [one.name for one, _ in judge.without_store(known)] == ["billing"]


def test_a_bus_that_does_not_keep_all_that_it_gives_up_is_told_once() -> None:
    known = grid(rule(BARE), rule(BARE, name="audit"), rule(STORED, bus="default"))

    assert [one.labels for one in judge.not_kept(known)] == [("shop", "no dead-letter queue")]


def test_rules_over_the_budget_are_named() -> None:
    chosen, over = judge.within_budget(grid(rule(STORED), rule(STORED, name="audit")), 1)

    assert [one.name for one in chosen] == ["audit"]
    assert [tuple(one) for one in over] == [("rule billing of shop", "over the rule budget")]
