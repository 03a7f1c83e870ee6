"""The broker's answers as values. Pure. Fields as in the HTTP API's own documentation, RabbitMQ 3.10 to 4.x."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from collectors.rabbitmq.broker import Binding, Exchange, Key, Node, Queue, Statistics, StreamConsumer

#: States of a queue in which its figures are not those of its messages.
UNKNOWN_STATES = frozenset({"down", "crashed", "stopped", "minority", "terminated"})
_AUTO_NAMED = ("amq.gen-", "amq_")
_NONE: dict[str, Any] = {}
_DEATHS = "rabbitmq_global_messages_dead_lettered_"


def version(text: str) -> tuple[int, ...]:
    """`(3, 10, 8)` of `3.10.8`; of a pre-release what stands before it."""
    return tuple(int(part) for part in text.split("-")[0].split("+")[0].split(".") if part.isdigit())


def queue(item: Mapping[str, Any], policies: Mapping[Key, dict[str, Any]]) -> Queue:
    """One queue of a list; raises KeyError or TypeError where it is not one."""
    vhost, name = item["vhost"], item["name"]
    state, kind = item.get("state") or "running", item.get("type") or "classic"
    known = state not in UNKNOWN_STATES
    return Queue(
        (vhost, name),
        kind.removeprefix("rabbit_").removesuffix("_queue") if "_" in kind else kind,
        state,
        bool(item.get("exclusive")) or name.startswith(_AUTO_NAMED),
        item.get("arguments") or _NONE,
        policy(item, policies),
        item.get("messages_ready") if known else None,
        item.get("messages_unacknowledged") if known else None,
        statistics(item) if known else None,
    )


def policy(item: Mapping[str, Any], policies: Mapping[Key, dict[str, Any]]) -> dict[str, Any]:
    """What its policies say of a queue: the effective one where it is told, else that of the name."""
    effective = item.get("effective_policy_definition")
    if isinstance(effective, dict) and effective:
        return effective
    name = item.get("policy")
    return policies.get((item["vhost"], name), _NONE) if name else _NONE


def statistics(item: Mapping[str, Any]) -> Statistics | None:
    """The statistics in an item; None where the broker keeps none, or was not asked for them."""
    if "consumers" not in item:
        return None
    counts = item.get("message_stats") or {}
    capacity, head = item.get("consumer_capacity"), item.get("head_message_timestamp")
    return Statistics(
        item["consumers"],
        float(capacity) if isinstance(capacity, int | float) else None,
        counts.get("publish", 0),
        counts.get("ack", 0) + counts.get("deliver_no_ack", 0) + counts.get("get_no_ack", 0),
        counts.get("redeliver", 0),
        float(head) if isinstance(head, int | float) and head > 0 else None,
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


def deaths(samples: Iterable[tuple[str, Mapping[str, str], float]]) -> dict[tuple[str, str], int]:
    """Messages that died, by reason and strategy, of the node's global counters."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for name, labels, value in samples:
        if name.startswith(_DEATHS):
            reason = name.removeprefix(_DEATHS).removesuffix("_total")
            if reason != "confirmed":
                found[reason, labels.get("dead_letter_strategy", "")] += int(value)
    return dict(found)


def unroutable(overview: Mapping[str, Any]) -> dict[str, int]:
    """Messages that no queue wanted, by what became of them; empty where the broker has not counted any message yet."""
    counts = overview.get("message_stats") or {}
    names = {"dropped": "drop_unroutable", "returned": "return_unroutable"}
    return {reason: int(counts.get(name, 0)) for reason, name in names.items()}
