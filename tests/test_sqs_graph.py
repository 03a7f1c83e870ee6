"""Which queues hold dead letters, and what is wrong with the ways into them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collectors.sqs import answers
from collectors.sqs.estate import Estate, Queue, Subscription
from collectors.sqs.graph import Graph, drawn

HERE = "arn:aws:sqs:eu-central-1:123456789012:"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:orders"
DAY = 86_400.0
OPEN = json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"}})


def queue(name: str, dead_letters: str | None = None, **changes: Any) -> Queue:
    arn = None if dead_letters is None else HERE + dead_letters
    return Queue(name, HERE + name, name.endswith(".fifo"), 4 * DAY, arn, None if arn is None else 3)._replace(
        **{"policy": OPEN, **changes}
    )


def store(name: str = "dlq", **changes: Any) -> Queue:
    return queue(name, **{"retention": 14 * DAY, **changes})


def subscription(endpoint: str = "billing", dead_letters: str | None = "dlq", **changes: Any) -> Subscription:
    arn = None if dead_letters is None else HERE + dead_letters
    one = Subscription(
        "topic/orders", TOPIC, "sqs", f"sqs:{endpoint}", HERE + endpoint, known=True, dead_letter_arn=arn
    )
    return one._replace(**changes)


def graph(*queues: Queue, subscriptions: tuple[Subscription, ...] = (), **changes: Any) -> Graph:
    known = {one.name: one for one in queues}
    estate = Estate(known, {one.arn for one in queues}, subscriptions=list(subscriptions), **changes)
    return drawn(estate, {"declared": "lambda"})


def faults(*queues: Queue, subscriptions: tuple[Subscription, ...] = (), **changes: Any) -> set[tuple[str, str]]:
    return graph(*queues, subscriptions=subscriptions, **changes).faults


@pytest.mark.parametrize(
    ("found", "stores"),
    [
        (graph(queue("a", "b"), store("b")), {"b": {"a"}}),
        (graph(queue("a", "c"), queue("b", "c"), store("c")), {"c": {"a", "b"}}),
        (graph(queue("a.fifo", "b.fifo"), store("b.fifo")), {"b.fifo": {"a.fifo"}}),
        (graph(queue("a", "gone")), {}),
        (graph(queue("orders"), store("orders-dlq")), {"orders-dlq": {"orders"}}),
        (graph(queue("orders.fifo"), store("orders-dlq.fifo")), {"orders-dlq.fifo": {"orders.fifo"}}),
        (graph(store("resize_dead_letter_queue")), {"resize_dead_letter_queue": set()}),
        (graph(store("x", takes_dead_letters=True)), {"x": set()}),
        (graph(store("declared")), {"declared": {"lambda"}}),
        (graph(store("x"), sources={"x": {"hidden"}}), {"x": {"hidden"}}),
        (graph(queue("billing"), store(), subscriptions=(subscription(),)), {"dlq": {"topic/orders"}}),
        (graph(queue("orders"), queue("dlqueue")), {}),
    ],
)
def test_queues_of_dead_letters_and_their_sources(found: Graph, stores: dict[str, set[str]]) -> None:
    assert found.stores == stores


def test_one_source_is_named_and_several_are_not() -> None:
    assert graph(queue("a", "dlq"), store()).source("dlq") == "a"
    assert graph(queue("a", "dlq"), queue("b", "dlq"), store()).source("dlq") == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (faults(queue("a", "dlq"), store()), set()),
        (faults(queue("a")), {("a", "no dead-letter queue")}),
        (faults(queue("a", "dlq", max_receives=1), store()), {("a", "maxReceiveCount 1")}),
        (faults(queue("a", "gone")), {("a", "dead-letter queue is gone")}),
        (
            faults(queue("a", "dlq"), store(retention=4 * DAY)),
            {("dlq", "retention not longer than its source's")},
        ),
        (faults(queue("a.fifo", "b.fifo"), store("b.fifo", retention=DAY)), set()),
    ],
)
def test_faults_of_queues(found: set[tuple[str, str]], said: set[tuple[str, str]]) -> None:
    assert found == said


BILLING = queue("billing", "dlq")
MANAGED = {"key": "alias/aws/sqs"}
CLOSED = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "kms:*"}})
SHUT = {"policy": None}


@pytest.mark.parametrize(
    ("queues", "one", "said"),
    [
        ((BILLING, store()), subscription(), set()),
        ((BILLING, store()), subscription(dead_letters=None), {("topic/orders", "no dead-letter queue")}),
        ((BILLING, store()), subscription(dead_letters="gone"), {("topic/orders", "dead-letter queue is gone")}),
        ((BILLING, store()), subscription(dead_letters=None, pending=True), set()),
        ((BILLING, store()), subscription(dead_letters=None, known=False), set()),
        ((BILLING._replace(**SHUT), store()), subscription(), {("billing", "its policy does not admit SNS")}),
        ((BILLING, store(**SHUT)), subscription(), {("dlq", "its policy does not admit SNS")}),
        ((BILLING, store(**MANAGED)), subscription(), {("dlq", "encrypted with a key that SNS may not use")}),
        ((BILLING, store(key="mine")), subscription(), {("dlq", "encrypted with a key that SNS may not use")}),
        ((BILLING, store(key="not known")), subscription(), set()),
    ],
)
def test_faults_of_topics(queues: tuple[Queue, ...], one: Subscription, said: set[tuple[str, str]]) -> None:
    assert faults(*queues, subscriptions=(one,), key_policies={"mine": CLOSED}) == said


def test_an_account_of_which_not_all_queues_are_known_has_none_missing() -> None:
    estate = Estate({"a": queue("a", "dlq")}, there=None)

    assert drawn(estate, {}).faults == set()


def test_a_queue_says_itself_whose_dead_letters_it_takes() -> None:
    allows = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [HERE + "a"]})

    assert answers.queue("x", {"QueueArn": HERE + "x", "RedriveAllowPolicy": allows}).takes_dead_letters
    assert not answers.queue("x", {"QueueArn": HERE + "x"}).takes_dead_letters


@pytest.mark.parametrize(
    ("endpoint", "protocol", "called"),
    [
        (HERE + "billing", "sqs", "sqs:billing"),
        ("arn:aws:lambda:eu-central-1:123456789012:function:resize", "lambda", "lambda:resize"),
        ("https://user:secret@example.org/hook?token=1", "https", "https:example.org"),
        ("who@example.org", "email", "email"),
        ("+4915112345678", "sms", "sms"),
        (HERE + "billing", "", "sqs:billing"),
        ("https://example.org/x", "", "https:example.org"),
        ("+4915112345678", "", "other"),
    ],
)
def test_an_endpoint_is_called_without_what_is_secret_in_it(endpoint: str, protocol: str, called: str) -> None:
    assert answers.endpoint_called(endpoint, protocol) == called
