"""The collector with Azure's own SDKs, over HTTP, on a simulation of Azure that is late, throttles and fails."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from eventgrid_shop import (
    CONTAINER,
    HOOK,
    LISTS,
    STORAGE,
    Clock,
    a_shop,
    collecting,
    figures,
    gives,
    published,
    read,
    topic_of,
)

from collectors.eventgrid import EventGridCollector
from monitor.demo.services.azurite import ACCOUNT
from monitor.demo.services.event_grid import (
    SUBSCRIPTION,
    SimulatedAzure,
    send,
    simulated_azure,
)
from monitor.demo.traffic import blobs
from monitor.demo.traffic.event_grid import declared


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def azure(clock: Clock) -> Iterator[SimulatedAzure]:
    with a_shop(clock) as served:
        yield served


@pytest.fixture
def collector(azure: SimulatedAzure) -> Iterator[EventGridCollector]:
    made = collecting(azure)
    yield made
    made.close()


def test_a_topic_is_read_whole(azure: SimulatedAzure, collector: EventGridCollector, clock: Clock) -> None:
    topic = topic_of(azure)
    azure.count(topic, "PublishSuccessCount", 7)
    azure.count(topic, "PublishFailCount", 2, ErrorType="ClientError", Error="Unauthorized")
    azure.count(topic, "MatchedEventCount", 6, EventSubscriptionName="billing")
    azure.count(topic, "DeliverySuccessCount", 3, EventSubscriptionName="billing")
    azure.count(topic, "DeliveryAttemptFailCount", 9, EventSubscriptionName="billing", Error="Busy", ErrorType="Busy")
    azure.count(topic, "DeadLetteredCount", 2, EventSubscriptionName="billing", DeadLetterReason="TimeToLiveExceeded")
    azure.count(topic, "DroppedEventCount", 1, EventSubscriptionName="billing", DropReason="TimeToLiveExceeded")
    azure.count(topic, "UnmatchedEventCount", 4)
    azure.count(topic, "DestinationProcessingDurationInMs", 250, EventSubscriptionName="billing")
    azure.count(topic, "PublishSuccessLatencyInMs", 40)

    readings = [read(collector, clock) for _ in range(5)]

    assert [one.errors for one in readings] == [[]] * 5
    assert figures(readings[-1]) == {
        ("messages_in_total", "orders"): 7,
        ("publish_failures_total", "publishers", "orders", "ClientError: Unauthorized"): 2,
        ("messages_matched_total", "orders", "billing"): 6,
        ("messages_out_total", "orders", "billing"): 3,
        ("delivery_failures_total", "orders", "billing", "Busy"): 9,
        ("dead_lettered_messages_total", "shopdead/dead", "orders", "TimeToLiveExceeded (billing)"): 2,
        ("dead_letter_failures_total", "orders", "TimeToLiveExceeded (billing)"): 1,
        ("unroutable_messages_total", "orders", "unmatched"): 4,
        ("delivery_latency_seconds", "orders", "billing"): 0.25,
        ("publish_latency_seconds", "orders"): 0.04,
        ("dead_letter_route", "orders", "shopdead/dead"): 1,
    }


def test_a_loss_is_told_as_0_and_then_counted(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    """Else the first one were no increase, and nobody woken."""
    key = ("dead_letter_failures_total", "orders", "TimeToLiveExceeded (billing)")
    azure.count(
        topic_of(azure), "DroppedEventCount", 3, EventSubscriptionName="billing", DropReason="TimeToLiveExceeded"
    )

    told = [figures(read(collector, clock)).get(key) for _ in range(6)]

    assert told == [None, None, None, 0, 3, 3]


def test_domains_namespaces_and_system_topics_are_read(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    domain, namespace = azure.add("domains", "shop"), azure.add("namespaces", "ns")
    azure.subscribe(azure.add_topic(domain, "de"), "one", destination=HOOK)
    azure.subscribe(domain, "all", destination=HOOK)
    queue = {"deliveryMode": "Queue", "queue": {"maxDeliveryCount": 10, "eventTimeToLive": "P7D"}}
    azure.subscribe(azure.add_topic(namespace, "jobs"), "worker", deliveryConfiguration=queue)
    azure.subscribe(azure.add("systemTopics", "blobs"), "thumbnails", destination=HOOK)
    azure.count(domain, "DeliverySuccessCount", 2, Topic="de", EventSubscriptionName="one")
    azure.count(domain, "DeliverySuccessCount", 5, Topic="de", DomainEventSubscriptionName="all")
    azure.count(namespace, "SuccessfulAcknowledgedEvents", 4, Topic="jobs", EventSubscriptionName="worker")
    azure.count(namespace, "SuccessfulReceivedEvents", 6, Topic="jobs", EventSubscriptionName="worker")
    clock.now += 240
    read(collector, clock)

    reading = read(collector, clock)

    found = {key[1:]: value for key, value in figures(reading).items() if key[0] == "messages_out_total"}
    assert found == {
        ("orders", "billing"): 0, ("shop/de", "one"): 2, ("shop/de", "all"): 5, ("shop", "all"): 0,
        ("ns/jobs", "worker"): 4, ("blobs", "thumbnails"): 0,
    }  # fmt: skip
    assert [one.what for one in reading.skipped] == ["backlog of worker on ns/jobs"]


def test_a_cycle_takes_six_requests_for_up_to_fifty_topics(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    for number in range(49):
        azure.add("topics", f"t{number}")
    first = read(collector, clock)

    second = read(collector, clock)

    lists, subscriptions, container, definitions = 5, 50, 2, 1
    assert first.requests == lists + subscriptions + container + definitions + 6
    assert second.requests == 6
    assert len(azure.asked) == first.requests + second.requests


def test_more_than_fifty_topics_and_other_regions_are_batches_of_their_own(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    for number in range(50):
        azure.add("topics", f"t{number}")
    azure.add("topics", "far", location="East US")
    read(collector, clock)

    assert read(collector, clock).requests == 18


def test_several_azure_subscriptions_are_read(azure: SimulatedAzure, clock: Clock) -> None:
    other = SUBSCRIPTION.replace("1", "2")
    item = {**azure.lists[f"{LISTS}/topics".lower()][0]}
    item |= {"id": item["id"].replace(SUBSCRIPTION, other), "name": "mail"}
    azure.lists[f"{LISTS}/topics".lower().replace(SUBSCRIPTION, other)] = [item]
    collector = collecting(azure, subscription_id=[SUBSCRIPTION, other])

    found = figures(read(collector, clock))

    collector.close()
    assert {key[1] for key in found if key[0] == "messages_in_total"} == {"orders", "mail"}
    assert {path.split("/")[2] for path in azure.asked if "getBatch" in path} == {SUBSCRIPTION, other}


def test_lists_are_read_page_by_page(azure: SimulatedAzure, collector: EventGridCollector, clock: Clock) -> None:
    azure.page = 2
    for number in range(6):
        azure.add("topics", f"t{number}")

    found = figures(read(collector, clock))

    assert len([key for key in found if key[0] == "messages_in_total"]) == 7
    assert sum("skiptoken" in path for path in azure.asked) == 3


def test_only_the_topics_and_groups_that_are_asked_for(azure: SimulatedAzure, clock: Clock) -> None:
    azure.add("topics", "mail")
    azure.add("topics", "orders-test")
    azure.add("topics", "orders", of="elsewhere")
    collector = collecting(azure, resource_group="shop", topics={"include": ["orders.*"], "exclude": [".*-test"]})

    found = figures(read(collector, clock))

    collector.close()
    assert {key[1] for key in found if key[0] == "messages_in_total"} == {"orders"}


@pytest.mark.parametrize("seed", range(6))
def test_every_event_is_counted_once_however_late_and_however_often_the_agent_begins_anew(
    azure: SimulatedAzure, clock: Clock, seed: int
) -> None:
    """Also over pauses of up to two hours."""
    chance = random.Random(seed)
    topic, memory, sent = topic_of(azure), dict[str, bytes](), 0
    azure.delay = chance.choice([0, 60, 200])
    collector, told = collecting(azure), list[float]()
    for _ in range(40):
        for _ in range(chance.randrange(4)):
            number = chance.randrange(100)
            azure.count_at(clock.now + chance.randrange(60), topic, "PublishSuccessCount", number)
            sent += number
        if chance.random() < 0.2:
            collector.close()
            collector = collecting(azure)
            collector.restore(memory)
            clock.now += chance.choice([0, 600, 7200])
        reading = read(collector, clock)
        note(memory, reading.memory)
        told.append(published(reading) or 0.0)
    for _ in range(6):
        told.append(published(read(collector, clock)) or 0.0)
    collector.close()

    assert told[-1] == sent
    assert told == sorted(told)


def note(memory: dict[str, bytes], changes: Mapping[str, bytes | None]) -> None:
    """As the store keeps what a collector remembers."""
    for key, value in changes.items():
        if value is None:
            memory.pop(key, None)
        else:
            memory[key] = value


def test_what_was_longer_ago_than_the_reach_is_told_as_left_out(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    read(collector, clock)
    clock.now += 8 * 3600

    skipped = read(collector, clock).skipped

    assert [one.reason for one in skipped] == ["too long ago"]
    assert skipped[0].what.endswith("minutes while the agent was away")


def test_a_topology_larger_than_its_requests_follows_in_the_next_cycles(azure: SimulatedAzure, clock: Clock) -> None:
    for number in range(20):
        azure.add("topics", f"t{number}")
    collector = collecting(azure, topology_requests=10)

    readings = [read(collector, clock) for _ in range(4)]

    collector.close()
    assert [one.what for one in readings[0].skipped] == ["18 steps of the topology"]
    assert readings[-1].skipped == []
    assert ("dead_letter_route", "orders", "shopdead/dead") in figures(readings[-1])


def test_series_of_what_is_gone_end(azure: SimulatedAzure, collector: EventGridCollector, clock: Clock) -> None:
    mail = azure.add("topics", "mail")
    azure.subscribe(mail, "sender", destination=HOOK)
    before = figures(read(collector, clock))
    azure.lists[f"{LISTS}/topics".lower()].pop()
    azure.lists[f"{topic_of(azure)}/eventSubscriptions".lower()].clear()
    clock.now += 600

    after = figures(read(collector, clock))

    assert {key[1] for key in before} == {"orders", "mail"}
    assert [key for key in after if "mail" in key or "billing" in key] == []
    assert ("messages_in_total", "orders") in after


@pytest.mark.parametrize("missing", [True, False])
def test_a_container_that_is_gone_is_a_fault_and_no_error(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock, missing: bool
) -> None:
    if missing:
        del azure.documents[CONTAINER.lower()]

    reading = read(collector, clock)

    assert (("configuration_fault", "orders", "billing: container is gone") in figures(reading)) is missing
    assert reading.errors == []


def test_an_identity_without_the_role_is_a_fault(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    azure.lists[f"{CONTAINER}/providers/Microsoft.Authorization/roleAssignments".lower()] = []

    found = figures(read(collector, clock))

    assert ("configuration_fault", "orders", "billing: identity lacks the role") in found


def test_a_container_that_may_not_be_looked_for_is_unknown(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    azure.faults[STORAGE] = gives(403, "AuthorizationFailed")

    reading = read(collector, clock)

    assert not [key for key in figures(reading) if key[0] == "configuration_fault"]
    assert {one.part for one in reading.errors} == {"container shopdead/dead", "roles in shopdead/dead"}


def test_dead_letters_of_a_container_that_cannot_be_read_are_counted_by_azure_monitor(
    azure: SimulatedAzure, clock: Clock
) -> None:
    why = "TimeToLiveExceeded"
    azure.count(topic_of(azure), "DeadLetteredCount", 2, EventSubscriptionName="billing", DeadLetterReason=why)
    azure.faults["/shopdead/dead?"] = gives(403, "AuthorizationPermissionMismatch")
    account = f"DefaultEndpointsProtocol=http;AccountName=shopdead;AccountKey=a2V5;BlobEndpoint={azure.url}/shopdead;"
    container = {"container": "dead", "connection_string": account}
    collector = collecting(azure, dead_letter_containers=[container])

    readings = [read(collector, clock) for _ in range(5)]

    collector.close()
    assert figures(readings[-1])["dead_lettered_messages_total", "shopdead/dead", "orders", f"{why} (billing)"] == 2
    assert [one.part for one in readings[-1].errors] == ["dead letters in shopdead/dead"]


def test_series_that_azure_may_have_held_back_are_told(azure: SimulatedAzure, clock: Clock) -> None:
    for number in range(5):
        azure.count(topic_of(azure), "PublishFailCount", 1, Error=f"error {number}")
    clock.now += 240
    collector = collecting(azure, max_results=3)

    reading = read(collector, clock)

    collector.close()
    asked = [parse_qs(urlsplit(path).query) for path in azure.asked if "getBatch" in path]
    assert {one["top"][0] for one in asked if "filter" in one} == {"3"}
    assert [tuple(one) for one in reading.skipped] == [("series of PublishFailCount of orders", "max_results")]


def test_only_reads_are_asked_for(azure: SimulatedAzure, collector: EventGridCollector, clock: Clock) -> None:
    """And none of an event, which would lock it."""
    read(collector, clock)

    paths = {urlsplit(path).path.rsplit("/", 1)[-1] for path in azure.asked}
    assert paths == {
        "topics", "domains", "systemTopics", "partnerTopics", "namespaces", "eventSubscriptions", "dead",
        "roleAssignments", "metricDefinitions", "metrics:getBatch",
    }  # fmt: skip


def test_a_metric_that_azure_has_not_is_named_and_no_0(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    azure.defined["topics"] = tuple(one for one in azure.defined["topics"] if one != "UnmatchedEventCount")

    reading = read(collector, clock)

    assert [tuple(one) for one in reading.skipped] == [
        ("UnmatchedEventCount of topics", "Azure Monitor has no such metric")
    ]
    assert ("unroutable_messages_total", "orders", "unmatched") not in figures(reading)
    assert published(reading) == 0


@pytest.mark.parametrize("fault", [gives(403, "AuthorizationFailed"), lambda one: send(one, 200, {"value": []})])
def test_where_the_definitions_are_not_told_metrics_go_by_their_documented_names(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock, fault: Any
) -> None:
    azure.faults["metricDefinitions"] = fault

    assert published(read(collector, clock)) == 0


def test_check_says_what_is_there_what_is_wrong_and_what_is_kept_nowhere(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    azure.subscribe(topic_of(azure), "audit", destination=HOOK, retryPolicy={"eventTimeToLiveInMinutes": 1})
    azure.faults[f"{LISTS}/namespaces"] = gives(403, "AuthorizationFailed")

    found = collector.check(time.monotonic() + 10)

    told = [(one.ok, one.what) for one in found]
    assert told == [
        (True, "1 topics, with 2 subscriptions"),
        (True, "orders: audit: time to live too short"),
        (True, "audit on orders has no dead-letter destination"),
        (False, f"namespaces of {SUBSCRIPTION}: Azure answered 403: AuthorizationFailed: it is so"),
    ]
    assert found[-1].hint == "docs/azure.md lists the least roles that the agent's identity needs"


def test_a_collector_that_was_closed_connects_anew(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    read(collector, clock)
    collector.close()
    collector.close()

    assert published(read(collector, clock)) == 0


def test_dead_letters_of_the_demo_go_where_its_blobs_are(clock: Clock) -> None:
    with simulated_azure(SimulatedAzure(clock)) as azure:
        declared(azure)
        collector = collecting(azure)
        reading = read(collector, clock)
        collector.close()

    found, store = figures(reading), f"{ACCOUNT}/{blobs.CONTAINER}"
    assert reading.errors == []
    assert {key[1:] for key in found if key[0] == "dead_letter_route"} == {("orders", store), ("shop/orders", store)}
    assert not [key for key in found if key[0] == "configuration_fault"]
