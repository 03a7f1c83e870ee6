"""A cycle over 5,000 queues of one RabbitMQ, against only reading the same answers and against /metrics/per-object."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pika
from prometheus_client.parser import text_string_to_metric_families

from collectors.rabbitmq import RabbitCollector
from collectors.rabbitmq.api import Api
from collectors.rabbitmq.pages import PAGE, PLAIN
from collectors.rabbitmq.settings import RabbitSettings
from monitor.demo import services
from monitor.demo.services import ADMIN, MONITOR, Node

QUEUES, STORES, ROUNDS = 5000, 100, 15
#: How long the broker is watched with and without the agent, and how often the agent looks.
WATCHED, INTERVAL = 45.0, 15.0
#: How often the broker takes its statistics.
STATISTICS_INTERVAL = 5.0


def fill(node: Node) -> None:
    """Declare the queues; every hundredth ones dead letters go to a queue of their own, and hold some messages."""
    stores = [{"name": f"q{number}.dlq", "arguments": {}} for number in range(STORES)]
    route = {"x-dead-letter-exchange": ""}
    work = [
        {
            "name": f"q{number}",
            "arguments": {**route, "x-dead-letter-routing-key": f"q{number}.dlq"} if number < STORES else {},
        }
        for number in range(QUEUES - STORES)
    ]
    common = {"vhost": "/", "durable": True, "auto_delete": False}
    node.api("POST", "/definitions", queues=[{**common, **one} for one in stores + work])
    login = pika.PlainCredentials(*ADMIN)
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", node.amqp_port, credentials=login))
    channel = connection.channel()
    for number in range(0, QUEUES - STORES, 10):
        channel.basic_publish("", f"q{number}", b"event")
    connection.close()


#: A path of the management API, and its query.
Request = tuple[str, dict[str, str]]


def asked(cycle: Callable[[], object]) -> list[Request]:
    """What a cycle asks the management API for."""
    requests: list[Request] = []
    get = Api.get

    def noting(api: Api, path: str, deadline: float, **query: object) -> Any:
        requests.append((path, {name: str(value) for name, value in query.items()}))
        return get(api, path, deadline, **query)

    with patch.object(Api, "get", noting):
        cycle()
    return requests


def only_read(client: httpx.Client, requests: list[Request]) -> None:
    """The same answers as a cycle reads, and nothing made of them."""
    for path, query in requests:
        json.loads(client.get(path, params=query).content)


def publish_everywhere(node: Node) -> None:
    """A message into every queue, and time for the broker to notice."""
    login = pika.PlainCredentials(*ADMIN)
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", node.amqp_port, credentials=login))
    channel = connection.channel()
    for name in [f"q{number}.dlq" for number in range(STORES)] + [f"q{number}" for number in range(QUEUES - STORES)]:
        channel.basic_publish("", name, b"event")
    connection.close()
    time.sleep(STATISTICS_INTERVAL + 1)


def all_pages(client: httpx.Client) -> None:
    """All queues in pages without statistics."""
    for page in range(1, QUEUES // PAGE + 1):
        query = {"page": page, "page_size": PAGE, "disable_stats": "true", "enable_queue_totals": "true"}
        json.loads(client.get("/queues", params={**query, "columns": PLAIN}).content)


def per_object(node: Node) -> int:
    """What a Prometheus would do with the plugin's page of every object."""
    text = httpx.get(f"http://127.0.0.1:{node.ports['prometheus']}/metrics/per-object", timeout=120).text
    return sum(len(family.samples) for family in text_string_to_metric_families(text))


def measured(
    what: Callable[[], object], rounds: int, before: Callable[[], object] = lambda: None
) -> tuple[float, float]:
    """Median seconds of CPU of this process, and of the clock; without what is done `before`."""
    cpu, wall = [], []
    for _ in range(rounds):
        before()
        began, at = time.process_time(), time.monotonic()
        what()
        cpu.append(time.process_time() - began)
        wall.append(time.monotonic() - at)
    return statistics.median(cpu), statistics.median(wall)


def broker_cpu(pid: int, during: Callable[[], None]) -> float:
    """Share of one core that the broker took meanwhile."""

    def ticks() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before, began = ticks(), time.monotonic()
    during()
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began)


def main() -> None:
    with services.rabbitmq() as node:
        fill(node)
        time.sleep(10)
        settings = {"name": "r", "kind": "rabbitmq", "url": node.url, "username": MONITOR[0], "password": MONITOR[1]}
        collector = RabbitCollector(RabbitSettings.model_validate(settings))

        def cycle() -> int:
            return collector.collect(time.time(), time.monotonic() + 60).requests

        def look() -> None:
            end = time.monotonic() + WATCHED
            while time.monotonic() < end:
                cycle()
                time.sleep(INTERVAL)

        first = cycle()
        client = httpx.Client(auth=MONITOR, base_url=f"{node.url}/api", timeout=60)
        same = asked(cycle)
        rows = {
            "full cycle": measured(cycle, ROUNDS),
            "the same answers, only read": measured(lambda: only_read(client, same), ROUNDS),
            "full cycle, every queue changed": measured(cycle, 5, lambda: publish_everywhere(node)),
            "its answers, only read": measured(lambda: only_read(client, same), 5),
            "all pages, only read": measured(lambda: all_pages(client), ROUNDS),
            "/metrics/per-object, parsed": measured(lambda: per_object(node), 2),
        }
        idle = broker_cpu(node.pid, lambda: time.sleep(WATCHED))
        watched = broker_cpu(node.pid, look)
        requests = cycle()
        collector.close()
        client.close()
    base = rows["the same answers, only read"][0]
    print(f"\nRabbitMQ, {QUEUES} queues, of them {STORES} for dead letters\n")
    print(f"{'':32} {'CPU':>9} {'wall':>9} {'CPU ratio':>10}")
    for name, (cpu, wall) in rows.items():
        print(f"{name:32} {cpu * 1e3:6.0f} ms {wall * 1e3:6.0f} ms {cpu / base:10.2f}")
    print(f"requests: {requests} a cycle, {first} the first")
    print(f"the broker's own CPU: {idle:.1%} of a core idle, {watched:.1%} with a cycle every {INTERVAL:.0f} s")


if __name__ == "__main__":
    main()
