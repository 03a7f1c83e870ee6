"""The collector on what a RabbitMQ 4.0.5 answered, and on a management API that fails."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError
from recorded import Fault, Recorded, send, serving

from collectors.base import CollectError, Reading
from collectors.rabbitmq import RabbitCollector
from collectors.rabbitmq.broker import destination, key_of
from collectors.rabbitmq.settings import RabbitSettings

RECORDING = Path(__file__).parent / "recordings" / "rabbitmq" / "4.0.5.json"
NAMES = {"name": "r", "kind": "rabbitmq", "username": "monitor", "password": "secret-word"}


@pytest.fixture
def broker() -> Iterator[Recorded]:
    with serving(RECORDING) as recorded:
        yield recorded


@pytest.fixture
def collector(broker: Recorded) -> Iterator[RabbitCollector]:
    made = collecting(broker)
    yield made
    made.close()


def collecting(broker: Recorded, **settings: Any) -> RabbitCollector:
    given = {**NAMES, "url": broker.url, "prometheus_urls": [broker.url], **settings}
    return RabbitCollector(RabbitSettings.model_validate(given))


def read(collector: RabbitCollector, seconds: float = 5) -> Reading:
    return collector.collect(1_795_540_000.0, time.monotonic() + seconds)


def figures(reading: Reading) -> dict[tuple[str, ...], float]:
    return {(s.metric.name, *s.labels): s.value for s in reading.samples}


def test_a_broker_of_version_4_is_read_whole(collector: RabbitCollector) -> None:
    reading = read(collector)

    found = figures(reading)
    assert reading.errors == []
    assert found["dead_letters", "qq.dlq", "payments"] == 2
    assert found["dead_letter_route", "qq", "orders.dlq"] == 1
    assert found["backlog_messages", "st", "auditor"] == 0
    assert found["in_flight_messages", "payments", "consumers"] == 1
    assert found["deaths_total", "rejected", "at_most_once"] == 4
    assert found["dead_letter_failures_total", "", "expired"] == 1
    assert found["unroutable_messages_total", "", "dropped"] == 5
    assert found["node_up", "four@localhost"] == 1
    assert {key[1:] for key in found if key[0] == "configuration_fault"} == {
        ("pol.a", "nothing bound"),
        ("qq.dlq", "delivery limit without a dead-letter exchange of its own"),
        ("safe", "at-least-once without reject-publish"),
        ("safe", "nothing bound"),
        ("shop/lost", "exchange missing"),
    }


def test_a_small_broker_takes_five_requests_a_cycle(collector: RabbitCollector, broker: Recorded) -> None:
    read(collector)

    reading = read(collector)

    assert reading.requests == len([path for path in broker.asked[-5:] if path]) == 5


def test_the_age_of_a_dead_letter_is_a_lower_bound_after_the_first_look(collector: RabbitCollector) -> None:
    read(collector)

    later = collector.collect(1_795_540_060.0, time.monotonic() + 5)

    assert figures(later)["dead_letter_age_seconds", "qq.dlq"] == 60


def html(request: BaseHTTPRequestHandler) -> None:
    send(request, 200, "<html><body>Welcome</body></html>", "text/html")


def error_500(request: BaseHTTPRequestHandler) -> None:
    send(request, 500, '{"error":"oops","reason":"a node is busy"}')


def half(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"rabbitmq_version": "4.')


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    try:
        for _ in range(100):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


def silence(request: BaseHTTPRequestHandler) -> None:
    request.rfile.read(1)


def another(request: BaseHTTPRequestHandler) -> None:
    send(request, 200, "[1, 2]")


FAULTS = [
    (html, "that is not JSON"),
    (error_500, "answered 500 a node is busy"),
    (half, "peer closed connection"),
    (drip, "when the time was over"),
    (silence, "did not answer within"),
]


def patience(fault: Fault) -> float:
    """Seconds that a cycle gets: few where it is to run out of them, and enough for a busy machine where it is not."""
    return 1.5 if fault in (drip, silence) else 20


@pytest.mark.parametrize(("fault", "told"), [*FAULTS, (another, "something that is not RabbitMQ's")])
def test_a_management_api_that_fails_is_a_target_that_cannot_be_read(
    collector: RabbitCollector, broker: Recorded, fault: Fault, told: str
) -> None:
    broker.fail("/api/overview", fault)

    began = time.monotonic()
    with pytest.raises(CollectError, match=told) as caught:
        read(collector, patience(fault))

    assert time.monotonic() - began < patience(fault) + 2
    assert str(caught.value).startswith(f"cannot read {broker.url}: ")


PARTS = [
    ("/api/nodes", "nodes"),
    ("/api/queues?", "queues, page 1"),
    ("/api/bindings", "bindings"),
    ("/api/exchanges", "exchanges"),
    ("/api/policies", "policies"),
]


@pytest.mark.parametrize(
    ("path", "part", "fault", "told"),
    [(*part, *fault) for part in PARTS for fault in [*FAULTS, (another, "not understood")]]
    + [("/metrics", "plugin of ", *fault) for fault in FAULTS if fault[0] is not html],
)
def test_a_part_that_fails_is_named_while_the_rest_is_right(
    collector: RabbitCollector, broker: Recorded, path: str, part: str, fault: Fault, told: str
) -> None:
    broker.fail(path, fault)

    reading = read(collector, patience(fault))

    assert [error for error in reading.errors if error.part.startswith(part) and told in error.message]
    assert "unroutable_messages_total" in {s.metric.name for s in reading.samples}


def test_into_a_queue_of_dead_letters_came_what_the_agent_counted(collector: RabbitCollector, broker: Recorded) -> None:
    found = figures(read(collector))

    assert found["messages_in_total", "qq.dlq"] == found["dead_lettered_messages_total", "qq.dlq", "payments", ""] == 2


def test_a_page_that_fails_ends_its_queues_and_they_are_not_gone(collector: RabbitCollector, broker: Recorded) -> None:
    counted = ("dead_lettered_messages_total", "qq.dlq", "payments", "")
    read(collector)
    broker.fail("/api/queues?", error_500)
    assert counted not in figures(read(collector))
    broker.faults.clear()

    assert figures(read(collector))[counted] == 2


def test_a_broker_without_the_plugin_is_told_so(broker: Recorded) -> None:
    (path,) = [path for path in broker.answers if path.startswith("/api/overview")]
    overview = json.loads(str(broker.answers[path]["body"]))
    overview["listeners"] = [one for one in overview["listeners"] if "prometheus" not in one["protocol"]]
    broker.answers[path]["body"] = json.dumps(overview)
    collector = collecting(broker, prometheus_urls=None)

    reading = read(collector)
    collector.close()

    assert ("dead letters by reason of four@localhost", "rabbitmq_prometheus is off") in reading.skipped
    assert reading.errors == []


def test_queues_over_the_budget_are_named_and_dead_letters_come_first(broker: Recorded) -> None:
    collector = collecting(broker, queue_budget=3)
    reading = read(collector)
    collector.close()

    over = {one.what for one in reading.skipped if one.reason == "over the queue budget"}
    assert len(over) == 6 and not {"queue orders.dlq", "queue qq.dlq"} & over
    assert len({key[1] for key in figures(reading) if key[0] == "messages_in_total"}) == 3


def test_temporary_queues_have_a_budget_of_their_own(broker: Recorded) -> None:
    (path,) = [path for path in broker.answers if path.startswith("/api/queues?")]
    page = json.loads(str(broker.answers[path]["body"]))
    page["items"] += [{**page["items"][0], "name": f"amq.gen-{number}", "exclusive": True} for number in range(9)]
    broker.answers[path]["body"] = json.dumps(page)
    collector = collecting(broker, temporary_queue_budget=4)
    reading = read(collector)
    collector.close()

    assert len([one for one in reading.skipped if one.reason == "over the budget of temporary queues"]) == 5
    assert ("backlog_messages", "orders", "consumers") in figures(reading)


@pytest.mark.parametrize(
    ("key", "called"),
    [
        (("/", "orders"), "orders"),
        (("/", "a/b"), "%2F/a/b"),
        (("shop", "orders"), "shop/orders"),
        (("a/b", "c/d"), "a%2Fb/c/d"),
        (("%2F", "c"), "%252F/c"),
    ],
)
def test_every_queue_has_a_name_of_its_own(key: tuple[str, str], called: str) -> None:
    assert destination(key) == called
    assert key_of(called) == key


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"url": "127.0.0.1:15672"}, "is not a URL; expected http://host:port"),
        (
            {"url": "http://guest:guest@127.0.0.1:15672"},
            "no login belongs into the URL; expected username and password",
        ),
        ({"password": None}, "expected either password or password_file"),
        ({"password_file": "/nowhere"}, "the file /nowhere cannot be read"),
        ({"queues": {"include": ["("]}}, "is not a regular expression"),
        ({"topology_interval": "soon"}, "is not a duration"),
        ({"queue": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RabbitSettings.model_validate({**NAMES, "url": "http://127.0.0.1:15672", **change})

    assert told in str(caught.value)
    assert "secret-word" not in str(caught.value)


def unroutable_page(family: str, labels: str, count: int) -> str:
    """A trimmed page of the plugin, as 3.10.8 (by channel) and the documentation of 4.1 (by exchange) have it."""
    return f"""# TYPE rabbitmq_detailed_{family}_messages_published_total counter
rabbitmq_detailed_{family}_messages_published_total{{{labels}vhost="/",exchange="events"}} 9
rabbitmq_detailed_{family}_messages_unroutable_returned_total{{{labels}vhost="/",exchange="events"}} 0
rabbitmq_detailed_{family}_messages_unroutable_dropped_total{{{labels}vhost="/",exchange="events"}} {count}
rabbitmq_build_info{{rabbitmq_version="4.1.0"}} 1
"""


@pytest.mark.parametrize(
    ("version", "family", "named", "labels"),
    [
        ("4.0.5", "channel_exchange_metrics", "channel", 'channel="<0.832.0>",'),
        ("4.1.0", "exchange_metrics", "exchange", ""),
    ],
)
def test_unroutable_messages_are_told_by_exchange(
    broker: Recorded, collector: RabbitCollector, version: str, family: str, named: str, labels: str
) -> None:
    (path,) = [path for path in broker.answers if path.startswith("/api/overview")]
    overview = json.loads(str(broker.answers[path]["body"])) | {"rabbitmq_version": version}
    page = f"/metrics/detailed?family={family}"

    def tell(dropped: int, by_exchange: int) -> None:
        overview["message_stats"]["drop_unroutable"] = dropped
        broker.answers[path]["body"] = json.dumps(overview)
        broker.answers[page] = {"status": 200, "body": unroutable_page(named, labels, by_exchange)}

    tell(5, 2)
    read(collector)
    tell(9, 5)
    found = figures(read(collector))

    assert found["unroutable_messages_total", "events", "dropped"] == 3
    assert found["unroutable_messages_total", "", "dropped"] == 6
    asked = broker.asked.count(page)
    read(collector)
    assert broker.asked.count(page) == asked == 2


def test_an_exchanges_page_that_fails_is_asked_for_again(broker: Recorded, collector: RabbitCollector) -> None:
    broker.fail("/metrics/detailed", error_500)

    for _ in range(2):
        reading = read(collector)
        assert [error.part for error in reading.errors] == [f"plugin of {broker.url} at {broker.url}, exchanges"]
        assert figures(reading)["unroutable_messages_total", "", "dropped"] == 5


def many(count: int) -> Fault:
    """Answers with so many queues, by pages or all at once."""
    items = [
        {"vhost": "/", "name": f"q{number:05}", "messages_ready": number, "messages_unacknowledged": 0}
        for number in range(count)
    ]

    def answer(request: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(request.path).query)
        if "page" not in query:
            send(request, 200, json.dumps(items))
            return
        page, size = int(query["page"][0]), int(query["page_size"][0])
        told = [{**one, "consumers": 1} for one in items[(page - 1) * size : page * size]]
        send(request, 200, json.dumps({"items": told, "page_count": -(-count // size)}))

    return answer


def of_metric(reading: Reading, name: str) -> dict[str, float]:
    return {sample.labels[0]: sample.value for sample in reading.samples if sample.metric.name == name}


def test_thousands_of_queues_are_all_counted_and_their_statistics_take_turns(
    broker: Recorded, collector: RabbitCollector
) -> None:
    broker.fail("/api/queues?", many(2700))

    readings = [read(collector) for _ in range(3)]

    assert [sum(of_metric(one, "backlog_messages").values()) for one in readings] == [sum(range(2700))] * 3
    assert [len(of_metric(one, "consumers")) for one in readings] == [1000, 2000, 2700]
    assert readings[-1].requests == 6


def test_of_thousands_of_queues_those_that_were_read_in_time_are_right(
    broker: Recorded, collector: RabbitCollector
) -> None:
    broker.fail("/api/queues?", many(2700))
    broker.fail("/api/queues?disable_stats", drip)
    broker.faults = dict(reversed(broker.faults.items()))

    began = time.monotonic()
    reading = read(collector, 2)

    assert time.monotonic() - began < 3
    assert len(of_metric(reading, "backlog_messages")) == 1000
    assert "queues, all at once" in {error.part for error in reading.errors}
