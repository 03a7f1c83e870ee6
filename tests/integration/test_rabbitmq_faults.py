"""What the collector makes of a broker that fails: dead nodes, brokers that start again, statistics that are off."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from integration.conftest import or_skip
from test_rabbitmq import channel, collecting, dead_lettering, figures, read, reject, until

from collectors.base import CollectError
from monitor.demo import services
from monitor.demo.services import Node

pytestmark = pytest.mark.integration


@pytest.fixture
def own() -> Iterator[Node]:
    """A broker that a test may kill."""
    with or_skip(services.rabbitmq({"collect_statistics_interval": 500})) as node:
        yield node


def test_a_broker_that_starts_again_has_no_new_dead_letters(own: Node) -> None:
    with channel(own) as ch:
        queue, store = dead_lettering(ch)
        for _ in range(3):
            reject(ch, queue)
    counted, died = ("dead_lettered_messages_total", store, queue, ""), ("deaths_total", "rejected", "at_most_once")
    with collecting(own) as collector:
        before = until(collector, lambda f: f.get(counted) == 3)

        own.kill()
        with pytest.raises(CollectError, match="cannot read"):
            read(collector)
        own.start()

        seen = set()
        end = time.monotonic() + 6
        while time.monotonic() < end:
            seen.add(figures(read(collector)).get(counted))
        assert seen <= {3, None}
        after = until(collector, lambda f: f.get(("dead_letters", store, queue)) == 3)
        assert (after[counted], after[died]) == (3, before[died])


def test_the_agent_remembers_over_its_own_restart(own: Node) -> None:
    with channel(own) as ch, collecting(own) as first:
        queue, store = dead_lettering(ch)
        counted = ("dead_lettered_messages_total", store, queue, "")
        until(first, lambda f: counted in f)
        memory: dict[str, bytes] = {}
        reject(ch, queue)
        end = time.monotonic() + 10
        while figures(reading := read(first)).get(counted) != 1:
            assert time.monotonic() < end
            memory |= {key: blob for key, blob in reading.memory.items() if blob is not None}
        memory |= {key: blob for key, blob in reading.memory.items() if blob is not None}
        ch.queue_purge(store)
        reject(ch, queue)
        reject(ch, queue)

        with collecting(own) as second:
            second.restore(memory)
            until(second, lambda f: f.get(counted) == 2)


def test_a_queue_of_a_dead_node_is_unknown_and_the_rest_is_right() -> None:
    with or_skip(services.rabbitmq_cluster(2, {"collect_statistics_interval": 500})) as (one, two):
        with channel(two) as ch:
            ch.queue_declare("there", durable=True)
        with channel(one) as ch, collecting(one) as collector:
            ch.queue_declare("here", durable=True)
            until(collector, lambda f: {"here", "there"} <= {key[1] for key in f if key[0] == "backlog_messages"})

            two.kill()
            found = until(collector, lambda f: f.get(("node_up", two.name)) == 0)
            reading = read(collector)

        assert found["node_up", one.name] == 1
        assert found["backlog_messages", "here", "consumers"] == 0
        assert ("backlog_messages", "there", "consumers") not in figures(reading)
        assert ("queue there", "its figures are unknown: it is down") in reading.skipped


def test_a_memory_alarm_is_told() -> None:
    with (
        or_skip(services.rabbitmq({"vm_memory_high_watermark.absolute": "10MB"})) as node,
        collecting(node) as collector,
    ):
        until(collector, lambda f: f.get(("node_alarm", node.name, "memory")) == 1)


@pytest.fixture(scope="module")
def silent() -> Iterator[Node]:
    """A broker that keeps no statistics."""
    off = {"management_agent.disable_metrics_collector": "true", "collect_statistics_interval": 500}
    with or_skip(services.rabbitmq(off)) as node:
        yield node


def test_without_statistics_depth_is_known_and_the_rest_is_told(silent: Node) -> None:
    with channel(silent) as ch, collecting(silent) as collector:
        queue, store = dead_lettering(ch)
        until(collector, lambda f: ("dead_letters", store, queue) in f)
        reject(ch, queue)

        found = until(collector, lambda f: f.get(("dead_letters", store, queue)) == 1)

        assert found["dead_lettered_messages_total", store, queue, ""] == 1
        assert not {"consumers", "messages_out_total", "unroutable_messages_total"} & {key[0] for key in found}
        assert ("messages_in_total", queue) not in found
        told = {one.what: one.reason for one in read(collector).skipped}
        assert told["messages in and out, redeliveries, ages"] == "the broker keeps no statistics, or is not asked"
        assert told[f"dead letters by reason of {silent.name}"].endswith("name it in prometheus_urls")
        assert {"consumers", "unroutable messages"} <= told.keys()


def test_without_statistics_the_plugin_tells_consumers_and_unroutable_messages(silent: Node) -> None:
    plugin = f"http://127.0.0.1:{silent.ports['prometheus']}"
    with channel(silent) as ch, collecting(silent, prometheus_urls=(plugin,)) as collector:
        queue, _ = dead_lettering(ch)
        read(collector)
        ch.basic_consume(queue, lambda *_: None)
        ch.basic_publish("", "nowhere", b"lost")
        ch.connection.process_data_events(1)

        until(collector, lambda f: f.get(("consumers", queue, "consumers")) == 1)
        until(collector, lambda f: f.get(("unroutable_messages_total", "amq.default", "dropped")) == 1)
