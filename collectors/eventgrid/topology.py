"""What changes slowly: topics, domains and namespaces, their subscriptions, and where their dead letters go.

It is read step by step: a pass that is not done within the time or the requests of a cycle goes on in the next one, and
what Azure has throttled waits until it may be asked again. Until a pass is done, the one before holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from collectors.base import PartError, Reading, Skipped
from collectors.eventgrid import answers
from collectors.eventgrid.client import Client, ClientError
from collectors.eventgrid.grid import EventSubscription, Grid, Kind, Resource, Store, named
from collectors.eventgrid.settings import EventGridSettings

#: The member of the SDK's client that lists a type of resources.
_LISTED: dict[Kind, str] = {
    "topics": "topics",
    "domains": "domains",
    "systemTopics": "system_topics",
    "partnerTopics": "partner_topics",
    "namespaces": "namespaces",
}
#: Versions of the APIs that have no SDK here.
_STORAGE, _ROLES = "2023-05-01", "2022-04-01"
#: A step of a pass: it asks Azure, and may find further steps.
_Step = Callable[[], None]


class Topology:
    """Read every `topology_interval`; `grid` is what is known."""

    def __init__(self, client: Client, settings: EventGridSettings) -> None:
        self.settings = settings
        self.grid = Grid()
        self.errors: list[PartError] = []
        self.skipped: list[Skipped] = []
        self._client = client
        self._pass: _Pass | None = None
        self._began_at: float | None = None

    @property
    def is_sure(self) -> bool:
        """Whether what is not in `grid` is not there."""
        return (
            bool(self.grid.resources) and not self.errors and (self._pass is None or self._pass.grid is not self.grid)
        )

    def read(self, now: float, reading: Reading) -> None:
        """Begin a pass where one is due, and go on with it; raises ClientError where nobody may ask at all.

        Errors of a pass are told until the next one has better news.
        """
        if self._pass is None and (self._began_at is None or now - self._began_at >= self.settings.topology_interval):
            self._pass, self._began_at = _Pass(self._client, self.settings, self.grid), now
        if self._pass is not None:
            halted = self._go_on(self._pass)
            if halted is not None:
                reading.errors.append(PartError("topology", str(halted)))
        reading.errors += self.errors
        reading.skipped += self.skipped
        if self._pass is not None:
            reading.skipped.append(
                Skipped(f"{self._pass.left} steps of the topology", "they follow in the next cycles")
            )

    def _go_on(self, current: _Pass) -> ClientError | None:
        """What halted it, if anything did."""
        halted = current.go_on(self.settings.topology_requests)
        current.grid.names = named(current.grid.resources.values())
        if not current.left or not self.grid.resources:
            self.grid, self.errors, self.skipped = current.grid, current.errors, current.skipped
        if not current.left:
            self._pass = None
        return halted


class _Pass:
    def __init__(self, client: Client, settings: EventGridSettings, before: Grid) -> None:
        self.grid = Grid()
        self.errors: list[PartError] = []
        self.skipped: list[Skipped] = []
        self._client, self._settings, self._before = client, settings, before
        self._asked: set[tuple[str, ...]] = set()
        self._steps: deque[tuple[str, str, _Step, Callable[[ClientError], None]]] = deque()
        for subscription in settings.subscription_id:
            for kind in _LISTED:
                for group in settings.resource_group or (None,):
                    self._list(subscription, kind, group)

    @property
    def left(self) -> int:
        return len(self._steps)

    def go_on(self, requests: int) -> ClientError | None:
        """Ask until all is known or so many requests were sent; returns why it ended before."""
        end = self._client.requests + requests
        while self._steps and self._client.requests < end:
            scope, what, step, failed = self._steps[0]
            try:
                self._client.call(scope, step)
            except ClientError as error:
                if error.is_nobody:
                    raise
                if error.wait is not None or error.is_late:
                    return error
                self.errors.append(PartError(what, str(error)))
                failed(error)
            self._steps.popleft()
        return None

    def _add(
        self, scope: str, what: str, step: _Step, failed: Callable[[ClientError], None] = lambda error: None
    ) -> None:
        self._steps.append((scope, what, step, failed))

    def _list(self, subscription: str, kind: Kind, group: str | None) -> None:
        def step() -> None:
            operations = getattr(self._client.event_grid(subscription), _LISTED[kind])
            found = operations.list_by_resource_group(group) if group else operations.list_by_subscription()
            for said in list(found):
                self._found(answers.resource(kind, said))

        def failed(error: ClientError) -> None:
            """What was there before is thought to be there still."""
            for one in self._before.resources.values():
                if (one.subscription, one.kind) == (subscription, kind) and group in (None, one.group):
                    self._kept(one)

        where = f"of {group} in {subscription}" if group else f"of {subscription}"
        self._add(subscription, f"{kind} {where}", step, failed)

    def _kept(self, one: Resource) -> None:
        self.grid.resources[one.id] = one
        for of_all in ("subscriptions", "topics"):
            if one.id in getattr(self._before, of_all):
                getattr(self.grid, of_all)[one.id] = getattr(self._before, of_all)[one.id]

    def _found(self, one: Resource) -> None:
        if not self._settings.topics.admits(one.name):
            return
        self.grid.resources[one.id] = one
        grid = self._client.event_grid(one.subscription)
        listed: dict[Kind, Callable[[], Iterable[Any]]] = {
            "topics": lambda: grid.topic_event_subscriptions.list(one.group, one.name),
            "domains": lambda: grid.domain_event_subscriptions.list(one.group, one.name),
            "systemTopics": lambda: grid.system_topic_event_subscriptions.list_by_system_topic(one.group, one.name),
            "partnerTopics": lambda: grid.partner_topic_event_subscriptions.list_by_partner_topic(one.group, one.name),
        }
        if one.kind in listed:
            self._subscriptions(one, "", listed[one.kind], answers.subscription)
        if one.kind == "domains":
            self._topics(one, lambda: grid.domain_topics.list_by_domain(one.group, one.name), self._of_domain)
        if one.kind == "namespaces":
            self._topics(one, lambda: grid.namespace_topics.list_by_namespace(one.group, one.name), self._of_namespace)

    def _topics(self, one: Resource, listed: Callable[[], Iterable[Any]], then: Callable[..., None]) -> None:
        def step() -> None:
            found = [(said.name, said.provisioning_state or "") for said in listed()]
            self.grid.topics[one.id] = found
            self.grid.subscriptions.setdefault(one.id, [])
            then(one, [name for name, _ in found])

        self._add(one.subscription, f"topics of {one.name}", step, partial(self._unread, one, None))

    def _of_domain(self, one: Resource, topics: list[str]) -> None:
        grid, budget = self._client.event_grid(one.subscription), self._settings.domain_topic_budget
        for topic in topics[:budget]:
            listed = partial(grid.domain_topic_event_subscriptions.list, one.group, one.name, topic)
            self._subscriptions(one, topic, listed, answers.subscription)
        if len(topics) > budget:
            over = f"subscriptions of {len(topics) - budget} topics of {one.name}"
            self.skipped.append(Skipped(over, "beyond domain_topic_budget"))

    def _of_namespace(self, one: Resource, topics: list[str]) -> None:
        listing = self._client.event_grid(one.subscription).namespace_topic_event_subscriptions.list_by_namespace_topic
        for topic in topics:
            listed = partial(listing, one.group, one.name, topic)
            self._subscriptions(one, topic, listed, answers.of_namespace)

    def _subscriptions(
        self, one: Resource, topic: str, listed: Callable[[], Iterable[Any]], read: Callable[..., EventSubscription]
    ) -> None:
        def step() -> None:
            found = [read(said, topic) for said in listed()]
            self.grid.subscriptions.setdefault(one.id, []).extend(found)
            for subscription in found:
                if subscription.store is not None:
                    self._store(one, subscription.store)

        of = f"{one.name}/{topic}" if topic else one.name
        self._add(one.subscription, f"subscriptions of {of}", step, partial(self._unread, one, topic))

    def _unread(self, one: Resource, topic: str | None, error: ClientError) -> None:
        """What was known before of the subscriptions of a topic, or of all of them, is thought to be so still."""
        before = [x for x in self._before.subscriptions.get(one.id, ()) if topic in (None, x.topic)]
        if topic is None and one.id in self._before.topics:
            self.grid.topics[one.id] = self._before.topics[one.id]
        if before:
            self.grid.subscriptions.setdefault(one.id, []).extend(before)
        else:
            self.grid.unread.add(one.id)

    def _store(self, owner: Resource, store: Store) -> None:
        """Whether the container is there, and whether it can be written; each is asked for once."""
        scope = store.account_id.split("/")[2] if store.account_id.count("/") > 2 else owner.subscription
        if self._is_new(store.id):
            self._add(scope, f"container {store.name}", partial(self._container, store), partial(self._gone, store))
        principal = owner.principals.get(store.identity) if store.identity is not None else None
        if principal is not None and self._is_new(principal, store.id):
            self._add(scope, f"roles in {store.name}", partial(self._roles, principal, store))

    def _is_new(self, *key: str) -> bool:
        is_new = key not in self._asked
        self._asked.add(key)
        return is_new

    def _container(self, store: Store) -> None:
        self._client.get(store.id, **{"api-version": _STORAGE})
        self.grid.containers[store.id] = True

    def _gone(self, store: Store, error: ClientError) -> None:
        if error.is_missing:
            self.errors.pop()  # it is a fault of the configuration, not of the reading
            self.grid.containers[store.id] = False

    def _roles(self, principal: str, store: Store) -> None:
        path = f"{store.id}/providers/Microsoft.Authorization/roleAssignments"
        wanted = f"atScope() and assignedTo('{principal}')"
        said = self._client.get(path, **{"api-version": _ROLES, "$filter": wanted})
        writes = answers.may_write(said["value"])
        if writes is not None:
            self.grid.writers[principal, store.id] = writes
