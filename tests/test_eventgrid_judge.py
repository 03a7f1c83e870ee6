"""Event Grid without a server: what answers mean, which figures are asked for, and which faults there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.mgmt.eventgrid import models
from pydantic import ValidationError

from collectors import metrics as m
from collectors.eventgrid import answers, judge
from collectors.eventgrid.answers import Series
from collectors.eventgrid.figures import FIGURES, Query, queries
from collectors.eventgrid.grid import EventSubscription, Grid, Kind, Resource, Store, attempts_within, named
from collectors.eventgrid.settings import EventGridSettings

GIVEN = {"name": "azure", "kind": "eventgrid", "subscription_id": "s1"}
ACCOUNT = "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/shopdead"
DEAD = Store(ACCOUNT, "dead", "")


def resource(name: str, kind: Kind = "topics", group: str = "g", **more: Any) -> Resource:
    id = f"/subscriptions/s1/resourceGroups/{group}/providers/Microsoft.EventGrid/{kind}/{name}"
    return Resource(id, kind, name, "West Europe", **more)


def grid(owner: Resource, *subscriptions: EventSubscription, topics: tuple[str, ...] = ()) -> Grid:
    found = Grid({owner.id: owner}, {owner.id: list(subscriptions)}, {owner.id: [(one, "Succeeded") for one in topics]})
    found.names = named(found.resources.values())
    return found


def query(kind: Kind, metric: str) -> Query:
    """The query that asks for a metric of Azure."""
    return next(one for one in queries(kind, None)[0] if metric in one.figures)


def series(owner: Resource, metric: str, points: dict[float, float], **dimensions: str) -> Series:
    is_mean = next(f for f in FIGURES[owner.kind] if metric in f.names).metric.kind == "gauge"
    told = list(points.items())
    return Series(
        owner.id.lower(),
        metric,
        {name.lower(): value for name, value in dimensions.items()},
        [] if is_mean else told,
        told if is_mean else [],
    )


def keys(known: Grid, owner: Resource, metric: str, **dimensions: str) -> list[tuple[str, ...]]:
    """The counters that a point of a metric of Azure counts for."""
    tally = judge.Reader(known).tally(query(owner.kind, metric), [series(owner, metric, {60.0: 1.0}, **dimensions)])
    return list(tally.points)


TOPIC = resource("orders")
BILLING = EventSubscription("billing", to="WebHook", store=DEAD)


@pytest.mark.parametrize(
    ("metric", "dimensions", "key"),
    [
        ("PublishSuccessCount", {}, ("messages_in_total", "orders")),
        (
            "PublishFailCount",
            {"ErrorType": "ClientError", "Error": "Unauthorized"},
            ("publish_failures_total", "publishers", "orders", "ClientError: Unauthorized"),
        ),
        ("UnmatchedEventCount", {}, ("unroutable_messages_total", "orders", "unmatched")),
        ("MatchedEventCount", {"EventSubscriptionName": "billing"}, ("messages_matched_total", "orders", "billing")),
        ("DeliverySuccessCount", {"EventSubscriptionName": "billing"}, ("messages_out_total", "orders", "billing")),
        (
            "DeliveryAttemptFailCount",
            {"EventSubscriptionName": "billing", "ErrorType": "Busy", "Error": "Busy"},
            ("delivery_failures_total", "orders", "billing", "Busy"),
        ),
        (
            "DeadLetteredCount",
            {"EventSubscriptionName": "billing", "DeadLetterReason": "TimeToLiveExceeded"},
            ("dead_lettered_messages_total", "shopdead/dead", "orders", "TimeToLiveExceeded (billing)"),
        ),
        (
            "DroppedEventCount",
            {"EventSubscriptionName": "billing", "DropReason": "MaxDeliveryAttemptsExceeded"},
            ("dead_letter_failures_total", "orders", "MaxDeliveryAttemptsExceeded (billing)"),
        ),
    ],
)
def test_a_metric_of_a_topic_in_the_vocabulary(metric: str, dimensions: dict[str, str], key: tuple[str, ...]) -> None:
    assert keys(grid(TOPIC, BILLING), TOPIC, metric, **dimensions) == [key]


def test_subscriptions_of_a_domain_and_of_its_topics_are_told_apart() -> None:
    domain = resource("shop", "domains")
    known = grid(domain, EventSubscription("all"), EventSubscription("one", "de"), topics=("de",))

    of_topic = keys(known, domain, "MatchedEventCount", Topic="de", EventSubscriptionName="one")
    of_domain = keys(known, domain, "MatchedEventCount", Topic="de", DomainEventSubscriptionName="all")

    assert of_topic == [("messages_matched_total", "shop/de", "one")]
    assert of_domain == [("messages_matched_total", "shop/de", "all")]


@pytest.mark.parametrize("is_pulled", [True, False])
def test_of_a_namespace_pulled_events_are_out_when_acknowledged_and_pushed_ones_when_received(is_pulled: bool) -> None:
    """To count both would count an event twice."""
    owner = resource("ns", "namespaces")
    known = grid(owner, EventSubscription("worker", "jobs", is_pulled=is_pulled))
    dimensions = {"Topic": "jobs", "EventSubscriptionName": "worker"}

    acknowledged = keys(known, owner, "SuccessfulAcknowledgedEvents", **dimensions)
    received = keys(known, owner, "SuccessfulReceivedEvents", **dimensions)

    out = [("messages_out_total", "ns/jobs", "worker")]
    assert (acknowledged, received) == ((out, []) if is_pulled else ([], out))


def test_dead_letters_of_a_subscription_that_is_not_known_yet_wait_for_it() -> None:
    """They would be counted again when their container is known."""
    dimensions = {"EventSubscriptionName": "new", "DeadLetterReason": "TimeToLiveExceeded"}

    assert keys(grid(TOPIC, BILLING), TOPIC, "DeadLetteredCount", **dimensions) == []


def test_dead_letters_whose_subscriptions_may_not_be_read_are_counted_all_the_same() -> None:
    known = grid(TOPIC)
    known.unread.add(TOPIC.id)
    dimensions = {"EventSubscriptionName": "billing", "DeadLetterReason": "TimeToLiveExceeded"}

    found = keys(known, TOPIC, "DeadLetteredCount", **dimensions)

    assert found == [("dead_lettered_messages_total", judge.SOMEWHERE, "orders", "TimeToLiveExceeded (billing)")]


def test_series_that_mean_the_same_are_summed_minute_by_minute() -> None:
    asked = query("topics", "PublishFailCount")
    found = [
        series(TOPIC, "PublishFailCount", {60.0: 2.0, 120.0: 1.0}, ErrorType="Busy"),
        series(TOPIC, "PublishFailCount", {60.0: 3.0}, Error="Busy"),
    ]

    tally = judge.Reader(grid(TOPIC)).tally(asked, found)

    assert tally.points == {("publish_failures_total", "publishers", "orders", "Busy"): {60.0: 5.0, 120.0: 1.0}}


def test_a_latency_is_that_of_the_last_minute_in_seconds() -> None:
    asked = query("topics", "DestinationProcessingDurationInMs")
    points = {60.0: 900.0, 120.0: 250.0}
    found = series(TOPIC, "DestinationProcessingDurationInMs", points, EventSubscriptionName="billing")

    tally = judge.Reader(grid(TOPIC, BILLING)).tally(asked, [found])

    assert tally.gauges == [m.DELIVERY_LATENCY_SECONDS.sample(0.25, "orders", "billing")]


def test_counters_of_destinations_and_groups_begin_before_they_count() -> None:
    reader = judge.Reader(grid(TOPIC, BILLING))

    begun = {key for one in queries("topics", None)[0] for key in reader.begun(one, [TOPIC])}

    assert begun == {
        ("messages_in_total", "orders"),
        ("unroutable_messages_total", "orders", "unmatched"),
        ("messages_matched_total", "orders", "billing"),
        ("messages_out_total", "orders", "billing"),
    }


def test_a_counter_that_is_new_is_told_as_0_first() -> None:
    old, new = ("messages_in_total", "a"), ("messages_in_total", "b")

    told = list(judge.counters([(old, 3.0), (new, 2.0)], {new}))

    assert told == [m.MESSAGES_IN_TOTAL.sample(3.0, "a"), m.MESSAGES_IN_TOTAL.sample(0.0, "b")]


@pytest.mark.parametrize(
    ("name", "defined"), [("SuccessfulAcknowlegedEvents", True), ("SuccessfulAcknowledgedEvents", False)]
)
def test_a_metric_goes_by_the_name_that_azure_has_defined(name: str, defined: bool) -> None:
    names = {one for figure in FIGURES["namespaces"] for one in figure.names} - {"SuccessfulAcknowledgedEvents"}

    asked, missing = queries("namespaces", names if defined else None)

    assert any(name in one.figures for one in asked)
    assert missing == []


def test_a_metric_that_azure_has_not_is_not_asked_for_and_is_named() -> None:
    names = {figure.names[0] for figure in FIGURES["topics"]} - {"DroppedEventCount"}

    asked, missing = queries("topics", names)

    assert not any("DroppedEventCount" in one.figures for one in asked)
    assert missing == ["DroppedEventCount"]


@pytest.mark.parametrize(("kind", "requests"), [("topics", 6), ("domains", 7), ("namespaces", 6)])
def test_metrics_that_are_split_alike_are_asked_for_together(kind: Kind, requests: int) -> None:
    assert len(queries(kind, None)[0]) == requests


@pytest.mark.parametrize(
    ("seconds", "attempts"), [(0, 1), (9, 1), (10, 2), (60, 3), (300, 4), (600, 5), (3600, 7), (86400, 11)]
)
def test_attempts_within_a_time_to_live(seconds: float, attempts: int) -> None:
    assert attempts_within(seconds) == attempts


@pytest.mark.parametrize(
    ("attempts", "minutes", "is_short"),
    [(30, 1440, False), (30, 60, False), (30, 10, False), (30, 5, True), (5, 5, True), (3, 1, False), (None, 1, True)],
)
def test_a_time_to_live_is_too_short_where_fewer_than_five_of_the_attempts_fit(
    attempts: int | None, minutes: int, is_short: bool
) -> None:
    assert judge.is_too_short(EventSubscription("s", attempts=attempts, lives=minutes * 60.0)) is is_short


def faults_of(found: Grid) -> set[tuple[str, ...]]:
    return {sample.labels for sample in judge.faults(found)}


def test_no_dead_letter_destination_is_no_fault() -> None:
    assert faults_of(grid(TOPIC, EventSubscription("billing", to="WebHook"))) == set()


def test_a_container_that_is_gone_is_a_fault_and_one_that_is_not_known_is_none() -> None:
    owner = resource("orders", principals={"": "p1"})
    found = grid(owner, BILLING)

    assert faults_of(found) == set()
    found.containers[DEAD.id] = False
    assert faults_of(found) == {("orders", "billing: container is gone")}


@pytest.mark.parametrize(
    ("principals", "writes", "fault"),
    [
        ({"": "p1"}, True, None),
        ({"": "p1"}, None, None),
        ({"": "p1"}, False, "billing: identity lacks the role"),
        ({}, None, "billing: identity is gone"),
    ],
)
def test_the_identity_that_writes_dead_letters_needs_its_role(
    principals: dict[str, str], writes: bool | None, fault: str | None
) -> None:
    found = grid(resource("orders", principals=principals), BILLING)
    if writes is not None:
        found.writers["p1", DEAD.id] = writes

    assert faults_of(found) == ({("orders", fault)} if fault else set())


def test_what_is_not_provisioned_is_a_fault() -> None:
    owner = resource("ns", "namespaces", state="Failed")
    found = grid(owner, EventSubscription("hook", "jobs", state="AwaitingManualAction"))
    found.topics[owner.id] = [("jobs", "Succeeded"), ("broken", "CreateFailed")]

    assert faults_of(found) == {
        ("ns", "provisioning state Failed"),
        ("ns/jobs", "hook: provisioning state AwaitingManualAction"),
        ("ns/broken", "provisioning state CreateFailed"),
    }


def test_a_partner_topic_that_is_not_activated_is_a_fault() -> None:
    assert faults_of(grid(resource("partner", "partnerTopics", active=False))) == {("partner", "not activated")}


def test_names_are_as_short_as_they_are_unique() -> None:
    found = [
        resource("mail"),
        resource("orders", group="a"),
        resource("orders", group="b"),
        resource("x", "domains", "c"),
        resource("x", "topics", "c"),
    ]

    assert sorted(named(found).values()) == [
        "mail", "orders (a)", "orders (b)", "x (domains in c)", "x (topics in c)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("roles", "writes"),
    [
        ([], False),
        (["ba92f5b4-2d11-453d-a403-e96b0029c9fe"], True),
        (["2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"], False),
        (["2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", "99999999-0000-0000-0000-000000000000"], None),
    ],
)
def test_which_roles_may_write_blobs(roles: list[str], writes: bool | None) -> None:
    path = "/subscriptions/s1/providers/Microsoft.Authorization/roleDefinitions"

    assert answers.may_write([{"properties": {"roleDefinitionId": f"{path}/{role}"}} for role in roles]) is writes


def test_a_subscription_of_a_topic_as_its_model_tells_it() -> None:
    said = models.EventSubscription.deserialize(
        {
            "name": "billing",
            "properties": {
                "provisioningState": "Succeeded",
                "destination": {"endpointType": "WebHook", "properties": {"endpointBaseUrl": "https://shop.example"}},
                "retryPolicy": {"maxDeliveryAttempts": 10, "eventTimeToLiveInMinutes": 60},
                "deadLetterWithResourceIdentity": {
                    "identity": {"type": "UserAssigned", "userAssignedIdentity": "/X/ID"},
                    "deadLetterDestination": {
                        "endpointType": "StorageBlob",
                        "properties": {"resourceId": ACCOUNT, "blobContainerName": "dead"},
                    },
                },
            },
        }
    )

    found = answers.subscription(said)

    store = Store(ACCOUNT, "dead", "/x/id")
    assert found == EventSubscription("billing", "", "WebHook", 10, 3600.0, "Succeeded", store)
    assert (store.name, store.account) == ("shopdead/dead", "shopdead")


@pytest.mark.parametrize(
    ("delivery", "is_pulled", "lives"),
    [
        ({"deliveryMode": "Queue", "queue": {"maxDeliveryCount": 10, "eventTimeToLive": "P7D"}}, True, 7 * 86400.0),
        ({"deliveryMode": "Push", "push": {"maxDeliveryCount": 10, "eventTimeToLive": "PT1H30M"}}, False, 5400.0),
        ({"deliveryMode": "Push", "push": {"maxDeliveryCount": 10}}, False, None),
    ],
)
def test_a_subscription_of_a_namespace_as_its_model_tells_it(
    delivery: dict[str, Any], is_pulled: bool, lives: float | None
) -> None:
    said = models.Subscription.deserialize({"name": "worker", "properties": {"deliveryConfiguration": delivery}})

    found = answers.of_namespace(said, "jobs")

    assert (found.topic, found.is_pulled, found.lives, found.attempts) == ("jobs", is_pulled, lives, 10)


def answered(**more: Any) -> dict[str, Any]:
    at = datetime(2026, 11, 26, 12, tzinfo=UTC)
    data = [{"timeStamp": (at + timedelta(minutes=n)).strftime("%Y-%m-%dT%H:%M:%SZ")} for n in range(2)]
    data[1]["total"] = 3.0  # type: ignore[assignment]
    metric = {
        "id": f"{TOPIC.id}/providers/Microsoft.Insights/metrics/PublishSuccessCount",
        "name": {"value": "PublishSuccessCount"},
        "timeseries": [{"metadatavalues": [{"name": {"value": "topic"}, "value": ""}], "data": data}],
        **more,
    }
    return {"interval": "PT1M", "value": [metric]}


def test_a_minute_without_a_value_is_no_point_and_an_empty_dimension_none() -> None:
    found = answers.answer({"values": [answered()]})

    minute = datetime(2026, 11, 26, 12, 1, tzinfo=UTC).timestamp()
    assert found.series == [Series(TOPIC.id.lower(), "PublishSuccessCount", {}, [(minute, 3.0)], [])]
    assert found.told == {(TOPIC.id.lower(), "PublishSuccessCount")}


def test_a_metric_that_failed_within_an_answer_is_not_told() -> None:
    """It has no series, and would be read as 0."""
    found = answers.answer({"values": [answered(errorCode="Throttled", timeseries=[])]})

    assert (found.told, found.failures) == (set(), ["PublishSuccessCount of orders: Throttled"])


def test_an_answer_in_other_steps_than_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"steps of PT1H, not of PT1M"):
        answers.answer({"values": [{**answered(), "interval": "PT1H"}]})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"subscription_id": []}, "at least 1 item"),
        ({"cloud": "moon"}, "'public', 'usgov' or 'china'"),
        ({"endpoints": {"management": "ftp://x"}}, "is not a URL; expected http://host:port"),
        ({"endpoints": {"metrics": "http://example.org"}}, "is not secured; expected https"),
        ({"endpoints": {"metrics": "https://user:word@example.org"}}, "no login belongs into the URL"),
        ({"max_results": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        EventGridSettings.model_validate(GIVEN | given)


def test_one_subscription_or_several() -> None:
    assert EventGridSettings.model_validate(GIVEN).subscription_id == ("s1",)
    assert EventGridSettings.model_validate(GIVEN | {"subscription_id": ["a", "b"]}).subscription_id == ("a", "b")
