"""Makes queues of what the broker says of them, and remembers what had no turn this time.

Most queues are what they were a cycle ago: of such a one the queue made then stands, the very same object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.rabbitmq import answers
from collectors.rabbitmq.answers import Counted
from collectors.rabbitmq.broker import Declaration, Key, Queue

#: An item of a list as it came, and the queue made of it.
_Made = tuple[dict[str, Any], Queue]


class Register:
    """The queues of one broker. Statistics and effective policies stand as they were read last."""

    def __init__(self) -> None:
        self._declared: dict[Key, Declaration] = {}
        self._listed: dict[Key, Declaration] = {}
        self._is_changed = False
        self._counted: dict[Key, Counted] = {}
        self._effective: dict[Key, tuple[object, dict[str, Any]]] = {}  # with the name of the policy
        self._paged: dict[Key, _Made] = {}
        self._plain: dict[Key, _Made] = {}
        self._policies: Mapping[Key, dict[str, Any]] = {}

    @property
    def has_statistics(self) -> bool:
        return bool(self._counted)

    def use(self, policies: Mapping[Key, dict[str, Any]]) -> None:
        """Take these policies, by virtual host and name, for what they say from now on."""
        if policies != self._policies:
            for outdated in (self._effective, self._paged, self._plain):
                outdated.clear()
        self._policies = policies

    def paged(self, key: Key, item: dict[str, Any]) -> Queue:
        """The queue of an item with statistics; raises KeyError or TypeError where it is not one."""
        made = self._paged.get(key)
        if made is None or made[0] != item:
            queue = answers.queue(item, self._declaration(key, item), answers.counted(item))
            if queue.statistics is not None:
                self._counted[key] = queue.consumers, queue.statistics
            self._plain.pop(key, None)
            made = self._paged[key] = item, queue
        return made[1]

    def plain(self, key: Key, item: dict[str, Any]) -> Queue:
        """The queue of an item without statistics, with those that were read last."""
        made = self._plain.get(key)
        if made is None or made[0] != item:
            nothing = None, None
            counted = self._counted.get(key, nothing) if item.get("messages_ready") is not None else nothing
            made = self._plain[key] = item, answers.queue(item, self._declaration(key, item), counted)
        return made[1]

    def keep(self, keys: Mapping[Key, Any]) -> None:
        """Forget all queues but these: they are gone. `keys` are of queues that were made here."""
        known: dict[Key, Any]
        if len(keys) == len(self._declared):
            return
        for key in self._declared.keys() - keys.keys():
            for known in (self._declared, self._counted, self._effective, self._paged, self._plain):
                known.pop(key, None)

    def declarations(self, queues: Mapping[Key, Queue]) -> dict[Key, Declaration]:
        """How these queues are declared; the same object as the last time where that is the same."""
        if self._is_changed or self._listed.keys() != queues.keys():
            self._listed = {key: queue.declared for key, queue in queues.items()}
            self._is_changed = False
        return self._listed

    def _declaration(self, key: Key, item: Mapping[str, Any]) -> Declaration:
        """How it is declared: the same object as long as that is the same."""
        declared = answers.declaration(item, self._policy(key, item))
        known = self._declared.get(key)
        if known == declared:
            return known
        self._declared[key] = declared
        self._is_changed = True
        return declared

    def _policy(self, key: Key, item: Mapping[str, Any]) -> dict[str, Any]:
        """What its policies say: an operator's too, of which only a page with statistics tells."""
        name = item.get("policy")
        if "effective_policy_definition" in item:
            self._effective[key] = name, answers.effective_policy(item)
        told_for, effective = self._effective.get(key, (None, {}))
        return effective if effective and told_for == name else self._policies.get((key[0], name or ""), {})
