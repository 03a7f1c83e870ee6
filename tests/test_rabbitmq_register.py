"""Queues made of items, and what is remembered of those that had no turn."""

from __future__ import annotations

from typing import Any

from collectors.rabbitmq.broker import Key
from collectors.rabbitmq.register import Register

KEY: Key = ("/", "orders")


def plain(**fields: Any) -> dict[str, Any]:
    """An item without statistics."""
    return {"vhost": "/", "name": "orders", "messages_ready": 3, "messages_unacknowledged": 0, **fields}


def paged(**fields: Any) -> dict[str, Any]:
    """An item with statistics."""
    return plain(consumers=2, effective_policy_definition={}, **fields)


def test_a_queue_that_stands_as_it_did_is_the_same_object() -> None:
    register = Register()

    assert register.plain(KEY, plain()) is register.plain(KEY, plain())
    assert register.paged(KEY, paged()) is register.paged(KEY, paged())


def test_a_queue_that_only_gets_messages_is_declared_by_the_same_object() -> None:
    register = Register()
    declared = register.declarations({KEY: register.plain(KEY, plain())})

    assert register.declarations({KEY: register.plain(KEY, plain(messages_ready=4))}) is declared


def test_a_queue_that_is_declared_anew_is_seen() -> None:
    register = Register()
    register.declarations({KEY: register.plain(KEY, plain())})

    queue = register.plain(KEY, plain(arguments={"x-max-length": 5}))

    assert register.declarations({KEY: queue})[KEY].limit("max-length") == 5


def test_statistics_stand_until_their_next_turn() -> None:
    register = Register()
    register.plain(KEY, plain())
    register.paged(KEY, paged(message_stats={"publish": 7}))

    queue = register.plain(KEY, plain())

    assert queue.consumers == 2
    assert queue.statistics is not None and queue.statistics.published == 7


def test_a_queue_that_cannot_be_known_has_no_old_statistics() -> None:
    register = Register()
    register.paged(KEY, paged())

    queue = register.plain(KEY, plain(state="down"))

    assert (queue.ready, queue.consumers, queue.statistics) == (None, None, None)


def test_what_an_operators_policy_limits_stays_known_between_turns() -> None:
    register = Register()
    register.use({("/", "mine"): {"max-length": 100}})
    register.paged(KEY, paged(policy="mine") | {"effective_policy_definition": {"max-length": 50}})

    assert register.plain(KEY, plain(policy="mine")).declared.limit("max-length") == 50


def test_a_policy_that_says_something_else_counts_at_once() -> None:
    register = Register()
    register.use({("/", "mine"): {"max-length": 100}})
    register.paged(KEY, paged(policy="mine") | {"effective_policy_definition": {"max-length": 100}})

    register.use({("/", "mine"): {"max-length": 9}})

    assert register.plain(KEY, plain(policy="mine")).declared.limit("max-length") == 9


def test_another_policy_counts_at_once() -> None:
    register = Register()
    register.use({("/", "mine"): {"max-length": 100}, ("/", "other"): {"max-length": 9}})
    register.paged(KEY, paged(policy="mine") | {"effective_policy_definition": {"max-length": 100}})

    assert register.plain(KEY, plain(policy="other")).declared.limit("max-length") == 9


def test_a_queue_that_is_gone_comes_again_without_a_past() -> None:
    register = Register()
    register.paged(KEY, paged())
    register.keep({})

    assert register.plain(KEY, plain()).consumers is None
