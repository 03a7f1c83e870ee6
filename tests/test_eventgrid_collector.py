"""The collector with Azure's own SDKs, over HTTP, on a simulation of Azure that is late, throttles and fails."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collectors.base import CollectError, Reading
from collectors.eventgrid import EventGridCollector
from collectors.eventgrid.client import Client
from collectors.eventgrid.settings import EventGridSettings
from monitor.demo.services.azurite import ACCOUNT
from monitor.demo.services.event_grid import (
    BLOB_DATA_CONTRIBUTOR,
    GROUP,
    SUBSCRIPTION,
    SimulatedAzure,
    refuse,
    send,
    simulated_azure,
)
from monitor.demo.traffic import blobs
from monitor.demo.traffic.event_grid import declared

BEGAN = 1_795_540_020.0  # a whole minute
STORAGE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Storage/storageAccounts/shopdead"
CONTAINER = f"{STORAGE}/blobServices/default/containers/dead"
WRITER = f"/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/{BLOB_DATA_CONTRIBUTOR}"
LISTS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.EventGrid"
BATCH = f"/subscriptions/{SUBSCRIPTION}/metrics:getbatch"
DEAD = {
    "identity": {"type": "SystemAssigned"},
    "deadLetterDestination": {
        "endpointType": "StorageBlob",
        "properties": {"resourceId": STORAGE, "blobContainerName": "dead"},
    },
}
HOOK = {"endpointType": "WebHook", "properties": {"endpointBaseUrl": "https://shop.example"}}


class Clock:
    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def azure(clock: Clock) -> Iterator[SimulatedAzure]:
    """A topic with a subscription that has a place for its dead letters."""
    served = SimulatedAzure(clock, delay=120)
    topic = served.add("topics", "orders", identity={"type": "SystemAssigned", "principalId": "p1"})
    served.subscribe(topic, "billing", destination=HOOK, deadLetterWithResourceIdentity=DEAD)
    served.documents[CONTAINER.lower()] = {"id": CONTAINER}
    roles = f"{CONTAINER}/providers/Microsoft.Authorization/roleAssignments".lower()
    served.lists[roles] = [{"properties": {"roleDefinitionId": WRITER}}]
    with simulated_azure(served):
        yield served


@pytest.fixture
def collector(azure: SimulatedAzure) -> Iterator[EventGridCollector]:
    made = collecting(azure)
    yield made
    made.close()


def collecting(azure: SimulatedAzure, **settings: Any) -> EventGridCollector:
    given = {
        "name": "azure",
        "kind": "eventgrid",
        "subscription_id": SUBSCRIPTION,
        "endpoints": {"management": azure.url, "metrics": azure.url},
        **settings,
    }
    return EventGridCollector(EventGridSettings.model_validate(given))


def read(collector: EventGridCollector, clock: Clock, seconds: float = 10) -> Reading:
    """A cycle; the next one is a minute later."""
    reading = collector.collect(clock.now, time.monotonic() + seconds)
    clock.now += 60
    return reading


def figures(reading: Reading) -> dict[tuple[str, ...], float]:
    return {(one.metric.name, *one.labels): one.value for one in reading.samples}


def topic_of(azure: SimulatedAzure, name: str = "orders") -> str:
    return next(one["id"] for one in azure.lists[f"{LISTS}/topics".lower()] if one["name"] == name)


def published(reading: Reading) -> float | None:
    return figures(reading).get(("messages_in_total", "orders"))


def gives(status: int, code: str = "Failed", **headers: str) -> Any:
    return lambda request: refuse(request, status, code, "it is so", **headers)


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


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "InvalidAuthenticationToken"), (403, "AuthorizationFailed"), (404, "SubscriptionNotFound")],
)
def test_a_target_of_which_nothing_may_be_read_says_why(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock, status: int, code: str
) -> None:
    azure.faults["/"] = gives(status, code)

    with pytest.raises(
        CollectError, match=rf"cannot read Azure: topics of {SUBSCRIPTION}: Azure answered {status}: {code}"
    ):
        read(collector, clock)


def test_one_type_that_may_not_be_read_is_named_and_the_others_are_right(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    azure.faults[f"{LISTS}/namespaces"] = gives(403, "AuthorizationFailed")

    reading = read(collector, clock)

    assert published(reading) == 0
    assert [one.part for one in reading.errors] == [f"namespaces of {SUBSCRIPTION}"]


def test_a_query_that_fails_leaves_its_figures_unknown_and_the_others_right(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    azure.faults["PublishSuccessCount"] = gives(500, "InternalServerError")

    reading = read(collector, clock)

    assert published(reading) is None
    assert figures(reading)["messages_out_total", "orders", "billing"] == 0
    assert [one.message for one in reading.errors] == ["Azure answered 500: InternalServerError: it is so"]


def test_a_metric_that_fails_within_an_answer_is_unknown_and_not_0(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    azure.failing["UnmatchedEventCount"] = "Throttled"

    reading = read(collector, clock)

    assert ("unroutable_messages_total", "orders", "unmatched") not in figures(reading)
    assert published(reading) == 0
    assert [one.message for one in reading.errors] == ["UnmatchedEventCount of orders: Throttled"]


def test_what_failed_for_a_while_is_read_again_whole(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    read(collector, clock)
    azure.faults[BATCH] = gives(503)
    for _ in range(20):
        azure.count(topic_of(azure), "PublishSuccessCount", 3)
        assert published(read(collector, clock)) is None
    azure.faults.clear()
    clock.now += 240

    assert published(read(collector, clock)) == 60


def test_who_throttles_is_left_alone_until_the_time_is_over(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    read(collector, clock)
    azure.faults[BATCH] = gives(429, "TooManyRequests", Retry_After="3600")
    first = read(collector, clock)
    azure.faults.clear()

    second = read(collector, clock)

    assert (first.requests, second.requests) == (1, 0)
    assert published(second) is None
    assert any("asked again in 3" in one.message for one in second.errors)


def test_a_topology_that_is_throttled_goes_on_where_it_was(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    azure.faults[f"{LISTS}/domains"] = gives(429, "TooManyRequests", Retry_After="0")
    first = read(collector, clock)
    azure.faults.clear()
    before = len(azure.asked)

    second = read(collector, clock)

    assert [one.part for one in first.errors] == ["topology"]
    assert published(first) == 0  # the topic was found before
    assert second.errors == []
    assert f"{LISTS}/topics?" not in " ".join(azure.asked[before:])
    assert ("messages_out_total", "orders", "billing") in figures(second)


def test_a_topology_larger_than_its_requests_follows_in_the_next_cycles(azure: SimulatedAzure, clock: Clock) -> None:
    for number in range(20):
        azure.add("topics", f"t{number}")
    collector = collecting(azure, topology_requests=10)

    readings = [read(collector, clock) for _ in range(4)]

    collector.close()
    assert [one.what for one in readings[0].skipped] == ["18 steps of the topology"]
    assert readings[-1].skipped == []
    assert ("dead_letter_route", "orders", "shopdead/dead") in figures(readings[-1])


def test_what_is_known_stays_known_while_the_topology_cannot_be_read(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    read(collector, clock)
    azure.faults[LISTS] = gives(500)
    azure.faults[f"{topic_of(azure)}/eventSubscriptions"] = gives(500)
    clock.now += 600

    reading = read(collector, clock)

    assert len(reading.errors) == 5
    assert published(reading) == 0
    assert ("dead_letter_route", "orders", "shopdead/dead") in figures(reading)


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


def cut(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"values": [')
    request.wfile.flush()
    request.close_connection = True


def gateway(request: BaseHTTPRequestHandler) -> None:
    request.send_error(502, "Bad Gateway")  # as HTML


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (cut, "the answer broke off"),
        (hangs_up, ""),
        (gateway, "Azure answered 502: Bad Gateway"),
        (lambda request: send(request, 200, {"nothing": 1}), "the answer is not understood"),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_its_part(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock, fault: Any, told: str
) -> None:
    azure.faults[BATCH] = fault

    reading = read(collector, clock)

    assert len(reading.errors) == 6
    assert all(told in one.message for one in reading.errors)
    assert published(reading) is None


def test_an_answer_that_comes_drop_by_drop_ends_with_the_time(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock
) -> None:
    def drips(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        try:
            for _ in range(1000):
                request.wfile.write(b" ")
                request.wfile.flush()
                time.sleep(0.02)
        except OSError:
            pass

    read(collector, clock)
    azure.faults[BATCH] = drips
    began = time.monotonic()

    reading = read(collector, clock, seconds=0.5)

    assert time.monotonic() - began < 2
    assert reading.errors[-1].message == "no time was left: raise timeout"
    assert any("when the time was over" in one.message for one in reading.errors)


def test_without_an_identity_nothing_is_asked(
    azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    collector = collecting(azure, endpoints={"management": "https://127.0.0.1:1"})

    with pytest.raises(CollectError, match=r"^cannot read Azure: no identity: \w") as raised:
        read(collector, clock)

    collector.close()
    assert "\n" not in str(raised.value)


def test_no_identity_is_looked_for_where_the_address_is_one_of_tests(
    azure: SimulatedAzure, collector: EventGridCollector, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "_identity", lambda self: pytest.fail("an identity was looked for"))

    assert read(collector, clock).errors == []


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
