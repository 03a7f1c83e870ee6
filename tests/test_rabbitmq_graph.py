"""Where dead letters go, as a table of brokers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from collectors.rabbitmq.broker import Binding, Broker, Declaration, Exchange, Key, Queue
from collectors.rabbitmq.graph import Graph, drawn


def queue(name: str, consumers: int | None = None, depth: int = 0, kind: str = "classic", **settings: Any) -> Queue:
    """A queue whose declaration says `settings`; one that is called `policy` is its policy."""
    policy = settings.pop("policy", {})
    arguments = {f"x-{key.replace('_', '-')}": value for key, value in settings.items()}
    return Queue(Declaration(("/", name), kind, False, arguments, policy), "running", depth, 0, consumers)


def broker(*queues: Queue, version: tuple[int, ...] = (3, 10, 8), **exchanges: tuple[str, ...]) -> Broker:
    """`exchanges` are (type, "routing key > queue", …); a target that is an exchange is bound to it."""
    made = Broker(
        version=version, queues={one.key: one for one in queues}, declared={one.key: one.declared for one in queues}
    )
    for name, (kind, *bindings) in exchanges.items():
        alternate = next((one.removeprefix("else ") for one in bindings if one.startswith("else ")), None)
        made.exchanges["/", name] = Exchange(kind, alternate)
        made.bindings["/", name] = [
            Binding(target, target not in exchanges, key)
            for key, target in (one.split(" > ") for one in bindings if " > " in one)
        ]
    return made


def graph(
    of: Broker, worked: tuple[str, ...] = (), retries: str = "-", declared: dict[Key, Key | None] | None = None
) -> Graph:
    return drawn(of, {("/", name) for name in worked}, lambda key: bool(re.fullmatch(retries, key[1])), declared or {})


def targets(of: Graph, name: str) -> set[str]:
    return {target for _, target in of.ways["/", name].targets}


def stores(of: Graph) -> dict[str, set[str]]:
    return {name: {source for _, source in sources} for (_, name), sources in of.stores.items()}


def faults(of: Graph) -> set[tuple[str, str]]:
    return {(name, reason) for (_, name), reason in of.faults}


@pytest.mark.parametrize(
    ("exchange", "key", "found"),
    [
        (("direct", "orders > a", "other > b"), "orders", {"a"}),
        (("direct", "orders > a", "orders > b"), "orders", {"a", "b"}),
        (("fanout", "anything > a", " > b"), "orders", {"a", "b"}),
        (("topic", "order.* > a", "order.# > b"), "order.created", {"a", "b"}),
        (("topic", "order.* > a", "order.# > b"), "order.eu.created", {"b"}),
        (("topic", "order.* > a", "order.# > b"), "order", {"b"}),
        (("topic", "#.created > a", "# > b"), "created", {"a", "b"}),
        (("topic", "a.#.z > a"), "a.b.c.z", {"a"}),
        (("topic", "a+b > a"), "aab", set()),
        (("headers", "anything > a"), "orders", {"a"}),
        (("x-consistent-hash", "1 > a", "1 > b"), "orders", {"a", "b"}),
        (("direct", "other > a", "else rest"), "orders", {"b"}),
    ],
)
def test_an_exchange_routes_as_rabbitmq_does(exchange: tuple[str, ...], key: str, found: set[str]) -> None:
    source = queue("work", dead_letter_exchange="dlx", dead_letter_routing_key=key)

    drawn = graph(broker(source, queue("a"), queue("b"), dlx=exchange, rest=("fanout", " > b")))

    assert targets(drawn, "work") == found


def test_exchanges_are_followed_over_exchanges_and_round_in_circles() -> None:
    source = queue("work", dead_letter_exchange="one", dead_letter_routing_key="k")

    drawn = graph(broker(source, queue("a"), one=("fanout", " > two"), two=("fanout", " > one", " > a")))

    assert targets(drawn, "work") == {"a"}


def test_without_a_key_of_its_own_a_message_dies_with_the_keys_that_brought_it() -> None:
    source = queue("work", dead_letter_exchange="dlx")
    of = broker(
        source, queue("a"), queue("b"), events=("direct", "created > work"), dlx=("direct", "created > a", "paid > b")
    )

    assert targets(graph(of), "work") == {"a"}


def test_where_any_key_may_have_brought_it_all_ways_are_possible() -> None:
    source = queue("work", dead_letter_exchange="dlx")
    of = broker(
        source, queue("a"), queue("b"), events=("topic", "order.* > work"), dlx=("direct", "created > a", "paid > b")
    )

    assert targets(graph(of), "work") == {"a", "b"}


def test_the_default_exchange_leads_to_the_queue_of_the_name() -> None:
    of = broker(queue("work", dead_letter_exchange="", dead_letter_routing_key="dead"), queue("dead"))

    assert stores(graph(of)) == {"dead": {"work"}}


def test_a_policy_counts_where_the_declaration_says_nothing() -> None:
    by_policy = {"dead-letter-exchange": "", "dead-letter-routing-key": "a"}
    of = broker(
        queue("one", policy=by_policy),
        queue("two", dead_letter_routing_key="b", policy=by_policy),
        queue("a"),
        queue("b"),
    )

    drawn = graph(of)

    assert (targets(drawn, "one"), targets(drawn, "two")) == ({"a"}, {"b"})


def test_a_chain_of_dead_letters_is_two_stores() -> None:
    of = broker(
        queue("work", dead_letter_exchange="", dead_letter_routing_key="first"),
        queue("first", dead_letter_exchange="", dead_letter_routing_key="second"),
        queue("second"),
    )

    assert stores(graph(of)) == {"first": {"work"}, "second": {"first"}}


def retrying(**settings: Any) -> Broker:
    """work → wait, which gives its messages back after a while."""
    return broker(
        queue("work", consumers=1, dead_letter_exchange="", dead_letter_routing_key="wait"),
        queue("wait", consumers=0, dead_letter_exchange="", dead_letter_routing_key="work", **settings),
    )


def test_a_queue_that_gives_back_after_a_while_is_for_retries_and_holds_no_dead_letters() -> None:
    drawn = graph(retrying(message_ttl=1000))

    assert drawn.retries == {("/", "wait")}
    assert stores(drawn) == {}
    assert faults(drawn) == set()


def test_dead_letters_that_come_back_at_once_are_a_cycle() -> None:
    assert faults(graph(retrying())) == {("work", "cycle"), ("wait", "cycle")}


def test_a_queue_from_which_messages_expire_into_work_is_a_delay() -> None:
    of = broker(
        queue("later", consumers=0, message_ttl=1000, dead_letter_exchange="", dead_letter_routing_key="work"),
        queue("work", consumers=2),
    )

    assert stores(graph(of)) == {}


def test_a_queue_that_ever_had_a_consumer_is_no_delay() -> None:
    of = broker(
        queue("slow", consumers=0, message_ttl=1000, dead_letter_exchange="", dead_letter_routing_key="given-up"),
        queue("given-up", consumers=1),
    )

    assert stores(graph(of, worked=("slow",))) == {"given-up": {"slow"}}


def test_a_target_that_is_named_for_dead_letters_makes_no_delay() -> None:
    of = broker(
        queue("slow", consumers=0, message_ttl=1000, dead_letter_exchange="", dead_letter_routing_key="slow.dlq"),
        queue("slow.dlq", consumers=1),
    )

    assert stores(graph(of)) == {"slow.dlq": {"slow"}}


def test_retry_queues_can_be_declared() -> None:
    of = broker(queue("later", dead_letter_exchange="", dead_letter_routing_key="work"), queue("work"))

    assert stores(graph(of, retries="later")) == {}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("orders.dlq", "orders"), ("orders-dlq", "orders"), ("orders_error", "orders"), ("orders_skipped", "orders"),
        ("orders.parkingLot", "orders"), ("orders-dead-letter", "orders"), ("other.dlq", None), ("error", None),
        ("EasyNetQ_Default_Error_Queue", None),
    ],
)  # fmt: skip
def test_queues_are_known_by_the_names_that_frameworks_give(name: str, source: str | None) -> None:
    assert stores(graph(broker(queue("orders"), queue(name)))) == {name: {source} if source else set()}


@pytest.mark.parametrize("name", ["orders", "errors-report", "dlq-reader-jobs", "undead"])
def test_other_names_say_nothing(name: str) -> None:
    assert stores(graph(broker(queue(name)))) == {}


def test_a_store_can_be_declared_with_its_source() -> None:
    of = broker(queue("orders"), queue("bin"))

    assert stores(graph(of, declared={("/", "bin"): ("/", "orders"), ("/", "absent"): None})) == {"bin": {"orders"}}


TO_DEAD = {"dead_letter_exchange": "", "dead_letter_routing_key": "dead"}


@pytest.mark.parametrize(
    ("of", "fault"),
    [
        (broker(queue("work", dead_letter_exchange="gone")), ("work", "exchange missing")),
        (
            broker(queue("work", dead_letter_exchange="dlx"), queue("a"), dlx=("direct", "x > a")),
            ("work", "nothing bound"),
        ),
        (broker(queue("work", dead_letter_exchange="", dead_letter_routing_key="no")), ("work", "nothing bound")),
        (
            broker(queue("work", kind="quorum", dead_letter_strategy="at-least-once", **TO_DEAD), queue("dead")),
            ("work", "at-least-once without reject-publish"),
        ),
        (
            broker(queue("work", **TO_DEAD), queue("dead", kind="quorum", delivery_limit=5)),
            ("dead", "delivery limit without a dead-letter exchange of its own"),
        ),
        (
            broker(queue("work", **TO_DEAD), queue("dead", kind="quorum"), version=(4, 0, 5)),
            ("dead", "delivery limit without a dead-letter exchange of its own"),
        ),
        (
            broker(queue("work", message_ttl=2000, **TO_DEAD), queue("dead", message_ttl=1000)),
            ("dead", "retention shorter than its source's"),
        ),
        (broker(queue("work", **TO_DEAD), queue("dead", max_length=9, depth=9)), ("dead", "full")),
    ],
)
def test_what_loses_dead_letters_is_a_fault(of: Broker, fault: tuple[str, str]) -> None:
    assert faults(graph(of, worked=("work",))) == {fault}


@pytest.mark.parametrize(
    "of",
    [
        broker(
            queue("work", kind="quorum", dead_letter_strategy="at-least-once", overflow="reject-publish", **TO_DEAD),
            queue("dead"),
        ),
        broker(queue("work", **TO_DEAD), queue("dead", kind="quorum")),
        broker(queue("work", **TO_DEAD), queue("dead", kind="quorum", delivery_limit=-1), version=(4, 1, 0)),
        broker(queue("work", message_ttl=1000, **TO_DEAD), queue("dead", message_ttl=1000)),
        broker(queue("work", **TO_DEAD), queue("dead", max_length=9, depth=8)),
        broker(queue("work")),
    ],
)
def test_what_loses_none_is_not(of: Broker) -> None:
    assert faults(graph(of, worked=("work",))) == set()


def test_of_two_limits_the_lower_counts() -> None:
    assert queue("a", message_ttl=5, policy={"message-ttl": 3}).declared.limit("message-ttl") == 3


def test_a_graph_stands_while_nobody_declares_anything_and_only_full_queues_are_looked_for() -> None:
    of = broker(queue("work", **TO_DEAD), queue("dead", max_length=9, depth=8))
    before = graph(of)
    of.queues["/", "dead"] = of.queues["/", "dead"]._replace(ready=9)

    after = drawn(of, (), lambda _: False, {}, before)

    assert after.ways is before.ways and after.stores is before.stores
    assert faults(after) == {("dead", "full")}


def test_a_graph_is_drawn_anew_when_somebody_begins_to_read() -> None:
    of = broker(
        queue("later", consumers=0, message_ttl=1000, dead_letter_exchange="", dead_letter_routing_key="work"),
        queue("work", consumers=0),
    )
    before = graph(of)
    of.queues["/", "work"] = of.queues["/", "work"]._replace(consumers=1)

    assert stores(before) == {"work": {"later"}}
    assert stores(drawn(of, (), lambda _: False, {}, before)) == {}
