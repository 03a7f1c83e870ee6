"""The collector against a real RabbitMQ, as a user who may do nothing but look."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from rstream import AMQPMessage, Consumer, ConsumerOffsetSpecification, MessageContext, OffsetType, Producer

from collectors.base import CollectError, Filter, Reading
from collectors.rabbitmq import RabbitCollector
from collectors.rabbitmq.settings import RabbitSettings
from monitor.demo.services import ADMIN, MONITOR, Node, permit_nothing

pytestmark = pytest.mark.integration

Figures = dict[tuple[str, ...], float]


@contextmanager
def collecting(node: Node, **settings: Any) -> Iterator[RabbitCollector]:
    given = {
        "name": "r",
        "kind": "rabbitmq",
        "url": node.url,
        "username": MONITOR[0],
        "password": MONITOR[1],
        **settings,
    }
    made = RabbitCollector(RabbitSettings(**given))
    try:
        yield made
    finally:
        made.close()


def read(collector: RabbitCollector) -> Reading:
    return collector.collect(time.time(), time.monotonic() + 10)


def figures(reading: Reading) -> Figures:
    return {(s.metric.name, *s.labels): s.value for s in reading.samples}


def until(collector: RabbitCollector, holds: Callable[[Figures], bool], seconds: float = 20) -> Figures:
    """Collect until the figures are so: statistics come up to some seconds late."""
    end = time.monotonic() + seconds
    while True:
        found = figures(read(collector))
        if holds(found):
            return found
        assert time.monotonic() < end, f"it never came to be so: {found}"
        time.sleep(0.2)


@contextmanager
def channel(node: Node, vhost: str = "/") -> Iterator[BlockingChannel]:
    where = pika.ConnectionParameters("127.0.0.1", node.amqp_port, vhost, pika.PlainCredentials(*ADMIN), heartbeat=600)
    connection = pika.BlockingConnection(where)
    yield connection.channel()
    if connection.is_open:
        connection.close()


def named(what: str) -> str:
    return f"{what}-{uuid.uuid4().hex[:6]}"


def publish(ch: BlockingChannel, queue: str, count: int, **properties: Any) -> None:
    for number in range(count):
        ch.basic_publish("", queue, b"event %d" % number, pika.BasicProperties(delivery_mode=2, **properties))


def dead_lettering(ch: BlockingChannel, **arguments: Any) -> tuple[str, str]:
    """A queue and the one that gets its dead letters."""
    queue = named("work")
    ch.queue_declare(f"{queue}.dlq", durable=True)
    routes = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{queue}.dlq"}
    ch.queue_declare(
        queue, durable=True, arguments={**routes, **{k.replace("_", "-"): v for k, v in arguments.items()}}
    )
    return queue, f"{queue}.dlq"


def listed(node: Node, queue: str, *columns: str) -> list[int]:
    """What `rabbitmqctl` says of a queue."""
    for line in node.ctl("list_queues", "--no-table-headers", "name", *columns).splitlines():
        name, *values = line.split("\t")
        if name == queue:
            return [int(value) for value in values]
    raise AssertionError(f"rabbitmqctl does not list {queue}")


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_backlog_in_flight_and_consumers_are_those_of_rabbitmqctl(rabbit: Node, kind: str) -> None:
    queue = named("orders")
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        ch.queue_declare(queue, durable=True, arguments={"x-queue-type": kind})
        publish(ch, queue, 7)
        ch.basic_qos(prefetch_count=3)
        ch.basic_consume(queue, lambda *_: None)
        ch.connection.process_data_events(1)

        found = until(collector, lambda f: f.get(("in_flight_messages", queue, "consumers")) == 3)

        names = ("backlog_messages", "in_flight_messages", "consumers")
        told = listed(rabbit, queue, "messages_ready", "messages_unacknowledged", "consumers")
        assert [found[name, queue, "consumers"] for name in names] == told == [4, 3, 1]
        found = until(collector, lambda f: f.get(("messages_in_total", queue)) == 7)
        assert 0 <= found["consumer_capacity", queue, "consumers"] <= 1


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_redelivered_and_acknowledged_messages_are_counted(rabbit: Node, kind: str) -> None:
    queue = named("orders")
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        ch.queue_declare(queue, durable=True, arguments={"x-queue-type": kind})
        publish(ch, queue, 1)
        take(ch, queue, lambda tag: ch.basic_nack(tag, requeue=True))
        take(ch, queue, ch.basic_ack)

        until(
            collector,
            lambda f: (
                (f.get(("redeliveries_total", queue, "consumers")), f.get(("messages_out_total", queue, "consumers")))
                == (1, 1)
            ),
        )


def take(ch: BlockingChannel, queue: str, settle: Callable[[int], object]) -> None:
    """Get one message, once there is one, and settle it."""
    end = time.monotonic() + 10
    while True:
        method, _, _ = ch.basic_get(queue)
        if method is not None:
            settle(method.delivery_tag)
            return
        assert time.monotonic() < end, f"{queue} stays empty"
        time.sleep(0.05)


def reject(ch: BlockingChannel, queue: str) -> None:
    publish(ch, queue, 1)
    take(ch, queue, lambda tag: ch.basic_reject(tag, requeue=False))


def expire(ch: BlockingChannel, queue: str) -> None:
    publish(ch, queue, 1, expiration="1")


def overflow(ch: BlockingChannel, queue: str) -> None:
    publish(ch, queue, 3)


def deliver_too_often(ch: BlockingChannel, queue: str) -> None:
    publish(ch, queue, 1)
    for _ in range(2):
        take(ch, queue, lambda tag: ch.basic_reject(tag, requeue=True))


@pytest.mark.parametrize(
    ("die", "reason", "arguments"),
    [
        (reject, "rejected", {}),
        (expire, "expired", {}),
        (overflow, "maxlen", {"x_max_length": 2}),
        (deliver_too_often, "delivery_limit", {"x_queue_type": "quorum", "x_delivery_limit": 1}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_cause_of_death_is_counted(
    rabbit: Node, die: Callable[[BlockingChannel, str], None], reason: str, arguments: dict[str, Any]
) -> None:
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        queue, store = dead_lettering(ch, **arguments)
        before = until(collector, lambda f: ("dead_letters", store, queue) in f)
        die(ch, queue)

        found = until(collector, lambda f: f.get(("dead_letters", store, queue)) == 1)

        assert listed(rabbit, store, "messages") == [1]
        assert found["dead_lettered_messages_total", store, queue, ""] == 1
        assert found["dead_letter_route", queue, store] == 1
        died = ("deaths_total", reason, "at_most_once")
        assert found[died] - before[died] == 1


def test_dead_letters_that_were_taken_out_stay_counted(rabbit: Node) -> None:
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        queue, store = dead_lettering(ch)
        for _ in range(3):
            reject(ch, queue)
        until(collector, lambda f: f.get(("dead_letters", store, queue)) == 3)
        for _ in range(2):
            take(ch, store, ch.basic_ack)

        found = until(collector, lambda f: f.get(("dead_letters", store, queue)) == 1)

        assert found["dead_lettered_messages_total", store, queue, ""] == 3
        until(collector, lambda f: f.get(("messages_out_total", store, "consumers")) == 2)
        assert figures(read(collector))["dead_lettered_messages_total", store, queue, ""] == 3


def test_the_oldest_dead_letter_has_an_age(rabbit: Node) -> None:
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        queue, store = dead_lettering(ch)
        until(collector, lambda f: ("dead_letters", store, queue) in f)
        reject(ch, queue)
        until(collector, lambda f: f.get(("dead_letters", store, queue)) == 1)

        later = collector.collect(time.time() + 60, time.monotonic() + 10)

        assert 60 <= figures(later)["dead_letter_age_seconds", store] < 65


def test_the_age_of_a_backlog_is_that_of_the_message_at_the_head(rabbit: Node) -> None:
    queue = named("orders")
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        ch.queue_declare(queue, durable=True)
        publish(ch, queue, 2, timestamp=int(time.time()) - 100)

        found = until(collector, lambda f: f.get(("backlog_age_seconds", queue, "consumers"), 0) > 0)

        assert 100 <= found["backlog_age_seconds", queue, "consumers"] < 125
        assert found["backlog_age_quality", queue, "consumers"] == 3


def test_an_age_that_cannot_be_known_is_told_and_not_zero(rabbit: Node) -> None:
    queue = named("orders")
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        ch.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        publish(ch, queue, 1)
        until(collector, lambda f: f.get(("backlog_messages", queue, "consumers")) == 1)

        reading = read(collector)

    assert ("backlog_age_seconds", queue, "consumers") not in figures(reading)
    assert (f"age of the backlog of {queue}", "the message at its head has no known time") in reading.skipped


def unroutable(found: Figures, reason: str) -> dict[str, float]:
    return {key[1]: value for key, value in found.items() if key[0] == "unroutable_messages_total" and key[2] == reason}


@pytest.mark.parametrize(("mandatory", "reason"), [(False, "dropped"), (True, "returned")])
@pytest.mark.parametrize("exchange", ["", "events"])
def test_unroutable_messages_are_counted_once_and_by_exchange(
    rabbit: Node, mandatory: bool, reason: str, exchange: str
) -> None:
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        if exchange:
            exchange = called = named(exchange)
            ch.exchange_declare(exchange, "topic", auto_delete=True)
        else:
            called = "amq.default"
        before = unroutable(figures(read(collector)), reason)

        for _ in range(3):
            ch.basic_publish(exchange, named("nowhere"), b"lost", mandatory=mandatory)

        found = until(collector, lambda f: unroutable(f, reason).get(called, 0) == before.get(called, 0) + 3)
        assert sum(unroutable(found, reason).values()) == sum(before.values()) + 3
        until(collector, lambda f: broker_total(rabbit, reason) == sum(unroutable(f, reason).values()))


def broker_total(node: Node, reason: str) -> int:
    """What the broker's own overview counts."""
    counts = node.api("GET", "/overview")["message_stats"]
    return int(counts.get({"dropped": "drop_unroutable", "returned": "return_unroutable"}[reason], 0))


def test_deaths_with_nowhere_to_go_are_lost_and_counted(rabbit: Node) -> None:
    queue = named("shipments")
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        ch.queue_declare(queue, durable=True, arguments={"x-dead-letter-exchange": "nowhere"})
        before = figures(read(collector))
        reject(ch, queue)

        lost = ("dead_letter_failures_total", "", "rejected")
        found = until(collector, lambda f: f[lost] == before[lost] + 1)

        assert found["configuration_fault", queue, "exchange missing"] == 1


def test_dead_letters_that_nobody_confirmed_wait_in_their_source(rabbit: Node) -> None:
    queue, exchange = named("invoices"), named("dlx")
    safely = {"x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        ch.exchange_declare(exchange, "fanout")
        ch.queue_declare(queue, durable=True, arguments={**safely, "x-dead-letter-exchange": exchange})
        reject(ch, queue)

        found = until(collector, lambda f: f.get(("dead_letters_waiting", queue)) == 1)

        assert found["configuration_fault", queue, "nothing bound"] == 1


def test_a_policy_says_where_dead_letters_go(rabbit: Node) -> None:
    queue, exchange = named("policed"), named("dlx")
    with channel(rabbit) as ch, collecting(rabbit, statistics_pages=0) as collector:
        ch.exchange_declare(exchange, "fanout")
        ch.queue_declare(f"{queue}-dead")
        ch.queue_bind(f"{queue}-dead", exchange)
        ch.queue_declare(queue)
        definition = {"dead-letter-exchange": exchange}
        rabbit.api("PUT", f"/policies/%2F/{queue}", pattern=f"^{queue}$", definition=definition)

        until(collector, lambda f: f.get(("dead_letter_route", queue, f"{queue}-dead")) == 1)


def test_the_backlog_of_a_stream_is_that_of_its_consumers(rabbit: Node) -> None:
    stream = named("audit")

    async def consume_some(then: Callable[[], None]) -> None:
        login = {"host": "127.0.0.1", "port": rabbit.ports["stream"], "username": ADMIN[0], "password": ADMIN[1]}
        async with Producer(**login) as producer:
            await producer.create_stream(stream)
            await producer.send_batch(stream, [AMQPMessage(body=b"event") for _ in range(20)])
        consumer = Consumer(**login)
        await consumer.start()

        async def handle(message: AMQPMessage, context: MessageContext) -> None:
            pass

        last = ConsumerOffsetSpecification(OffsetType.FIRST, None)
        await consumer.subscribe(stream, handle, offset_specification=last, properties={"name": "auditor"})
        await asyncio.to_thread(then)
        await consumer.close()

    with collecting(rabbit) as collector:

        def check() -> None:
            found = until(collector, lambda f: ("backlog_messages", stream, "auditor") in f)
            assert 0 <= found["backlog_messages", stream, "auditor"] <= 20
            assert ("backlog_messages", stream, "consumers") not in found

        asyncio.run(consume_some(check))


def test_looking_changes_nothing_in_a_queue(rabbit: Node) -> None:
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        queue, store = dead_lettering(ch)
        reject(ch, queue)
        for _ in range(3):
            until(collector, lambda f: f.get(("dead_letters", store, queue)) == 1)

        method, properties, _ = ch.basic_get(store)

        assert method is not None and not method.redelivered
        assert properties is not None and properties.headers is not None
        assert properties.headers["x-death"][0]["count"] == 1


def test_the_tag_monitoring_and_an_empty_permission_are_enough(rabbit: Node) -> None:
    with collecting(rabbit) as collector:
        findings = collector.check(time.monotonic() + 10)

        assert all(finding.ok for finding in findings), findings
        assert read(collector).errors == []


def test_a_virtual_host_without_permission_is_named_with_the_command_that_grants_it(rabbit: Node) -> None:
    vhost = named("shop")
    rabbit.api("PUT", f"/vhosts/{vhost}")
    with channel(rabbit) as ch, collecting(rabbit) as collector:
        ch.queue_declare(named("orders"))

        assert (f"virtual host {vhost}", "denied") in read(collector).skipped
        (finding,) = [one for one in collector.check(time.monotonic() + 10) if not one.ok]
        assert finding.hint == f"rabbitmqctl set_permissions -p '{vhost}' monitor '^$' '^$' '^$'"
    permit_nothing(rabbit, vhost)
    with collecting(rabbit) as collector:
        assert not [one for one in read(collector).skipped if one.reason == "denied"]
    rabbit.api("DELETE", f"/vhosts/{vhost}")


def test_queues_of_other_virtual_hosts_are_called_with_their_virtual_host(rabbit: Node) -> None:
    vhost = named("shop")
    rabbit.api("PUT", f"/vhosts/{vhost}")
    rabbit.api("PUT", f"/permissions/{vhost}/{ADMIN[0]}", configure=".*", write=".*", read=".*")
    permit_nothing(rabbit, vhost)
    try:
        with channel(rabbit, vhost) as ch, collecting(rabbit, vhosts=Filter(include=(vhost,))) as collector:
            ch.queue_declare("a/b c", durable=True)
            publish(ch, "a/b c", 1)

            found = until(collector, lambda f: f.get(("backlog_messages", f"{vhost}/a/b c", "consumers")) == 1)

            assert {key[1] for key in found if key[0] == "backlog_messages"} == {f"{vhost}/a/b c"}
    finally:
        rabbit.api("DELETE", f"/vhosts/{vhost}")


def test_a_user_without_the_tag_is_told_which_one_is_missing(rabbit: Node) -> None:
    rabbit.api("PUT", "/users/manager", password="m", tags="management")
    rabbit.api("PUT", "/permissions/%2F/manager", configure="^$", write="^$", read="^$")
    with collecting(rabbit, username="manager", password="m") as collector:
        findings = collector.check(time.monotonic() + 10)

    assert "rabbitmqctl set_user_tags manager monitoring" in {finding.hint for finding in findings if not finding.ok}


def test_a_wrong_password_is_told_without_showing_it(rabbit: Node) -> None:
    with collecting(rabbit, password="very-wrong") as collector, pytest.raises(CollectError) as caught:
        read(collector)

    assert f"cannot read {rabbit.url}: user monitor is refused: wrong name or password" in str(caught.value)
    assert "very-wrong" not in str(caught.value)


def test_the_management_api_is_read_over_tls(rabbit: Node, certificates: Path) -> None:
    secure = f"https://127.0.0.1:{rabbit.ports['https']}"
    with collecting(rabbit, url=secure, ssl_cafile=certificates / "ca.pem") as collector:
        assert ("node_up", rabbit.name) in figures(read(collector))
    with collecting(rabbit, url=secure) as collector, pytest.raises(CollectError, match="certificate verify failed"):
        read(collector)


def test_filters_are_part_of_the_request(rabbit: Node) -> None:
    mark = named("kept")
    with channel(rabbit) as ch:
        for name in (f"{mark}-1", f"{mark}-2", f"{mark}-no"):
            ch.queue_declare(name)
        wanted = Filter(include=(f"{mark}.*",), exclude=(".*-no",))
        with collecting(rabbit, queues=wanted) as collector:
            found = until(collector, lambda f: len([key for key in f if key[0] == "backlog_messages"]) == 2)

    assert {key[1] for key in found if key[0] == "backlog_messages"} == {f"{mark}-1", f"{mark}-2"}
