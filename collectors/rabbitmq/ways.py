"""The ways of dead letters: from every queue over its dead-letter exchange to the queues that get them. Pure.

What RabbitMQ does with a dead letter: https://www.rabbitmq.com/docs/dlx. Where more than one way is possible, because
the routing key of a message is not known or the exchange's type is none of the standard ones, all of them are taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from collectors.rabbitmq.broker import Binding, Declaration, Key, Layout


class Way(NamedTuple):
    """Where a queue's dead letters go; `broken` says why they get nowhere."""

    exchange: str
    targets: frozenset[Key]
    broken: str = ""


def ways(layout: Layout) -> dict[Key, Way]:
    """The way of every queue that has a dead-letter exchange."""
    inbound = _inbound_keys(layout)
    return {
        key: _way(layout, queue, exchange, inbound.get(key))
        for key, queue in layout.queues.items()
        if (exchange := queue.text("dead-letter-exchange")) is not None
    }


def _way(layout: Layout, queue: Declaration, exchange: str, inbound: frozenset[str] | None) -> Way:
    vhost, name = queue.key
    own = queue.text("dead-letter-routing-key")
    keys = frozenset({own}) if own is not None else inbound
    if exchange == "":
        names = keys if keys is not None else frozenset({name})
        found = frozenset((vhost, one) for one in names if (vhost, one) in layout.queues)
    elif (vhost, exchange) not in layout.exchanges:
        return Way(exchange, frozenset(), "exchange missing")
    else:
        found = frozenset(key for key in _reached(layout, vhost, exchange, keys, set()) if key in layout.queues)
    return Way(exchange, found, "" if found else "nothing bound")


def _reached(layout: Layout, vhost: str, exchange: str, keys: frozenset[str] | None, seen: set[str]) -> set[Key]:
    """The queues that an exchange routes to, over other exchanges too; `keys` None stands for any routing key."""
    if exchange in seen or (vhost, exchange) not in layout.exchanges:
        return set()
    seen.add(exchange)
    kind, alternate = layout.exchanges[vhost, exchange]
    found: set[Key] = set()
    for binding in layout.bindings.get((vhost, exchange), ()):
        if keys is None or any(_matches(kind, binding, key) for key in keys):
            if binding.to_queue:
                found.add((vhost, binding.target))
            else:
                found |= _reached(layout, vhost, binding.target, keys, seen)
    if alternate is not None and not found:
        found |= _reached(layout, vhost, alternate, keys, seen)
    return found


def _matches(kind: str, binding: Binding, key: str) -> bool:
    if kind == "direct":
        return binding.routing_key == key
    if kind == "topic":
        return _topic_matches(binding.routing_key.split("."), key.split("."))
    return True


def _topic_matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """`*` stands for one word, `#` for any number of them."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_topic_matches(pattern[1:], words[at:]) for at in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _topic_matches(pattern[1:], words[1:])


def _inbound_keys(layout: Layout) -> dict[Key, frozenset[str] | None]:
    """The routing keys that messages of a queue which dies with them can have; None where they can have any."""
    found: dict[Key, frozenset[str] | None] = {
        key: frozenset({key[1]})
        for key, queue in layout.queues.items()
        if queue.text("dead-letter-exchange") is not None and queue.text("dead-letter-routing-key") is None
    }
    for (vhost, exchange), bindings in layout.bindings.items() if found else ():
        kind = layout.exchanges[vhost, exchange].type if (vhost, exchange) in layout.exchanges else ""
        for binding in bindings:
            key = (vhost, binding.target)
            known = found.get(key)
            if binding.to_queue and known is not None:
                exact = kind == "direct" or (kind == "topic" and not re.search(r"[*#]", binding.routing_key))
                found[key] = known | {binding.routing_key} if exact else None
    return found


def onwards(key: Key, ways: Mapping[Key, Way]) -> set[Key]:
    """Every queue that dead letters of this one can come to."""
    seen: set[Key] = set()
    open_ = list(ways[key].targets)
    while open_:
        at = open_.pop()
        if at not in seen:
            seen.add(at)
            open_ += ways[at].targets if at in ways else ()
    return seen
