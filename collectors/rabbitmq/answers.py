"""The broker's answers as values. Pure. Fields as in the HTTP API's own documentation, RabbitMQ 3.10 to 4.x."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from collectors.rabbitmq.broker import (
    Binding,
    Declaration,
    Exchange,
    Key,
    Node,
    Queue,
    Statistics,
    StreamConsumer,
    UnroutableCounter,
)

#: States of a queue in which its figures are not those of its messages.
UNKNOWN_STATES = frozenset({"down", "crashed", "stopped", "minority", "terminated"})
_AUTO_NAMED = ("amq.gen-", "amq_")
_NONE: dict[str, Any] = {}
_DEATHS = "rabbitmq_global_messages_dead_lettered_"
_UNROUTABLE = "rabbitmq_global_messages_unroutable_"

#: Name, labels and value in a page of the plugin.
Line = tuple[str, Mapping[str, str], float]

#: Consumers and statistics of a queue.
Counted = tuple[int | None, Statistics | None]


def version(text: str) -> tuple[int, ...]:
    """`(3, 10, 8)` of `3.10.8`; of a pre-release what stands before it."""
    return tuple(int(part) for part in text.split("-")[0].split("+")[0].split(".") if part.isdigit())


def declaration(item: Mapping[str, Any], policy: dict[str, Any]) -> Declaration:
    """How a queue of a list was declared; raises KeyError or TypeError where it is not one."""
    name, kind = item["name"], item.get("type") or "classic"
    return Declaration(
        (item["vhost"], name),
        kind.removeprefix("rabbit_").removesuffix("_queue") if "_" in kind else kind,
        bool(item.get("exclusive")) or name.startswith(_AUTO_NAMED),
        item.get("arguments") or _NONE,
        policy,
    )


def queue(item: Mapping[str, Any], declared: Declaration, counted: Counted) -> Queue:
    """How it stands, with what was counted of it; unknown in a state in which it can't be known."""
    state = item.get("state") or "running"
    if state in UNKNOWN_STATES:
        return Queue(declared, state)
    return Queue(declared, state, item.get("messages_ready"), item.get("messages_unacknowledged"), *counted)


def effective_policy(item: Mapping[str, Any]) -> dict[str, Any]:
    """What its policies say of a queue, an operator's included; empty where there are none, or it is not told."""
    effective = item.get("effective_policy_definition")
    return effective if isinstance(effective, dict) else _NONE


def counted(item: Mapping[str, Any]) -> Counted:
    """Consumers and statistics in an item; None where the broker keeps none, or was not asked for them."""
    if "consumers" not in item:
        return None, None
    counts = item.get("message_stats") or {}
    capacity, head = item.get("consumer_capacity"), item.get("head_message_timestamp")
    return item["consumers"], Statistics(
        float(capacity) if isinstance(capacity, int | float) else None,
        counts.get("publish", 0),
        counts.get("ack", 0) + counts.get("deliver_no_ack", 0) + counts.get("get_no_ack", 0),
        counts.get("redeliver", 0),
        float(head) if isinstance(head, int | float) and head > 0 else None,
        int(item.get("messages_dlx") or 0),
    )


def node(item: Mapping[str, Any]) -> Node:
    alarms = {
        "memory": bool(item.get("mem_alarm")),
        "disk": bool(item.get("disk_free_alarm")),
        "partition": bool(item.get("partitions")),
    }
    return Node(item["name"], bool(item.get("running")), alarms)


def exchanges(items: Iterable[Mapping[str, Any]]) -> dict[Key, Exchange]:
    found = {}
    for item in items:
        alternate = (item.get("arguments") or {}).get("alternate-exchange")
        found[item["vhost"], item["name"]] = Exchange(item.get("type", ""), alternate)
    return found


def bindings(items: Iterable[Mapping[str, Any]]) -> dict[Key, list[Binding]]:
    """By virtual host and exchange. The default exchange's are left out: it routes to every queue by its name."""
    found: dict[Key, list[Binding]] = defaultdict(list)
    for item in items:
        if item["source"]:
            one = Binding(item["destination"], item["destination_type"] == "queue", item.get("routing_key", ""))
            found[item["vhost"], item["source"]].append(one)
    return dict(found)


def stream_consumer(item: Mapping[str, Any]) -> StreamConsumer:
    owner, properties = item["queue"], item.get("properties") or {}
    name = properties.get("name") if isinstance(properties, dict) else None
    return StreamConsumer((owner["vhost"], owner["name"]), name or "unnamed", max(0, int(item["offset_lag"])))


def is_global(name: str) -> bool:
    """Whether the name is that of a global counter that is read."""
    return name.startswith((_DEATHS, _UNROUTABLE))


def deaths(samples: Iterable[Line]) -> dict[tuple[str, str], int]:
    """Messages that died, by reason and strategy, of the node's global counters."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for name, labels, value in samples:
        if name.startswith(_DEATHS):
            reason = name.removeprefix(_DEATHS).removesuffix("_total")
            if reason != "confirmed":
                found[reason, labels.get("dead_letter_strategy", "")] += int(value)
    return dict(found)


def unroutable_of_node(samples: Iterable[Line]) -> dict[str, int]:
    """Messages that no queue wanted, by what became of them, of the node's global counters."""
    found: dict[str, int] = defaultdict(int)
    for name, _, value in samples:
        if name.startswith(_UNROUTABLE):
            found[name.removeprefix(_UNROUTABLE).removesuffix("_total")] += int(value)
    return dict(found)


def unroutable_by_exchange(samples: Iterable[Line]) -> dict[UnroutableCounter, int]:
    """The same by exchange and channel, of the families `exchange_metrics` and `channel_exchange_metrics`."""
    found = {}
    for name, labels, value in samples:
        if value and "exchange" in labels:
            reason = name.removesuffix("_total").rpartition("_")[2]
            exchange = labels["vhost"], labels["exchange"]
            found[UnroutableCounter(labels.get("channel", ""), exchange, reason)] = int(value)
    return found


def consumers(samples: Iterable[Line]) -> Iterator[tuple[Key, int]]:
    """Consumers by queue, of the family `queue_consumer_count`."""
    for _, labels, value in samples:
        if "queue" in labels:
            yield (labels["vhost"], labels["queue"]), int(value)


def unroutable(overview: Mapping[str, Any]) -> dict[str, int]:
    """Messages that no queue wanted, by what became of them; 0 where the broker has not counted any message yet."""
    counts = overview.get("message_stats") or {}
    names = {"dropped": "drop_unroutable", "returned": "return_unroutable"}
    return {reason: int(counts.get(name, 0)) for reason, name in names.items()}
