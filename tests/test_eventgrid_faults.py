"""The collector where Azure fails, throttles, refuses, breaks off or is slow: the rest is right, and nothing is 0."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from eventgrid_shop import (
    BATCH,
    LISTS,
    Clock,
    a_shop,
    collecting,
    figures,
    gives,
    published,
    read,
    topic_of,
)

from collectors.base import CollectError
from collectors.eventgrid import EventGridCollector
from collectors.eventgrid.client import Client
from monitor.demo.services.event_grid import (
    SUBSCRIPTION,
    SimulatedAzure,
    send,
)


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
