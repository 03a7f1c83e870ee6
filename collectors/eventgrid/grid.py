"""What there is in Event Grid: topics, domains and namespaces, and who subscribes to them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

#: Types of resources, as they stand in their ids after `Microsoft.EventGrid/`.
Kind = Literal["topics", "domains", "systemTopics", "partnerTopics", "namespaces"]
PROVIDER = "Microsoft.EventGrid"
#: Delays before each further attempt of a push delivery, in seconds; after the last one it is repeated.
#: Source: Microsoft's page on delivery and retry.
DELAYS = (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200)


@dataclass(frozen=True, slots=True)
class Resource:
    """A topic, domain or namespace. `state` is its provisioning state; `principals` are the object ids of its
    identities, by the lower-cased id of a user-assigned one and by "" of its own."""

    id: str
    kind: Kind
    name: str
    location: str
    state: str = ""
    active: bool = True
    principals: Mapping[str, str] = field(default_factory=dict)

    @property
    def subscription(self) -> str:
        """The id of the Azure subscription."""
        return self.id.split("/")[2]

    @property
    def group(self) -> str:
        """The resource group."""
        return self.id.split("/")[4]

    @property
    def region(self) -> str:
        """The location as it stands in addresses: "West Europe" is `westeurope`."""
        return self.location.lower().replace(" ", "")


class Store(NamedTuple):
    """A container for dead letters. `identity` writes them: None is Event Grid's own access, "" the topic's own
    identity, else the lower-cased id of a user-assigned one."""

    account_id: str
    container: str
    identity: str | None = None

    @property
    def account(self) -> str:
        return self.account_id.rsplit("/", 1)[-1]

    @property
    def name(self) -> str:
        """What the destination of dead letters is called."""
        return f"{self.account}/{self.container}"

    @property
    def id(self) -> str:
        """The id of the container, by which it and its roles are asked for."""
        return f"{self.account_id}/blobServices/default/containers/{self.container}"


@dataclass(frozen=True, slots=True)
class EventSubscription:
    """A subscription of a resource or, where `topic` says so, of one of its topics. `lives` is the time to live of an
    event, in seconds; `to` is the type of its endpoint, "" where its events are pulled."""

    name: str
    topic: str = ""
    to: str = ""
    attempts: int | None = None
    lives: float | None = None
    state: str = ""
    store: Store | None = None
    is_pulled: bool = False

    @property
    def attempts_in_time(self) -> int | None:
        """How many attempts fit into the time to live: whether an event lives is looked at before each of them."""
        return None if self.lives is None else attempts_within(self.lives)


def attempts_within(seconds: float) -> int:
    """How many attempts of a push delivery begin within so many seconds of the first."""
    attempts, at = 1, float(DELAYS[0])
    while at <= seconds:
        attempts += 1
        at += DELAYS[min(attempts, len(DELAYS)) - 1]
    return attempts


class Stream(NamedTuple):
    """A subscription in its place: the names of the destination and of the group."""

    destination: str
    resource: Resource
    subscription: EventSubscription


@dataclass(slots=True)
class Grid:
    """What was found. `subscriptions` and `topics` are by the id of their resource; a resource of which neither is
    known is not in them. Topics of domains and namespaces are (name, provisioning state)."""

    resources: dict[str, Resource] = field(default_factory=dict)
    subscriptions: dict[str, list[EventSubscription]] = field(default_factory=dict)
    topics: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    #: Names of the resources by their ids.
    names: dict[str, str] = field(default_factory=dict)
    #: Resources whose subscriptions could not be read.
    unread: set[str] = field(default_factory=set)
    #: Containers by their id: whether they are there; those that could not be asked for are not in it.
    containers: dict[str, bool] = field(default_factory=dict)
    #: Whether an identity may write into a container: by the ids of both; what is not known is not in it.
    writers: dict[tuple[str, str], bool] = field(default_factory=dict)

    def streams(self) -> Iterator[Stream]:
        for owner, subscriptions in self.subscriptions.items():
            if owner in self.resources:
                for one in subscriptions:
                    yield Stream(destination(self.names[owner], one.topic), self.resources[owner], one)

    def stores(self) -> dict[tuple[str, str], Store]:
        """Where dead letters go, by destination and subscription."""
        return {
            (one.destination, one.subscription.name): one.subscription.store
            for one in self.streams()
            if one.subscription.store is not None
        }


def destination(resource: str, topic: str) -> str:
    """What a topic of a domain or a namespace is called."""
    return f"{resource}/{topic}" if topic else resource


def named(resources: Iterable[Resource]) -> dict[str, str]:
    """What each is called, by its id: its name, with its group and its type only where others have the same."""
    found = list(resources)
    ways = [
        {one.id: one.name for one in found},
        {one.id: f"{one.name} ({one.group})" for one in found},
        {one.id: f"{one.name} ({one.kind} in {one.group})" for one in found},
    ]
    taken = [Counter(way.values()) for way in ways]
    return {
        one.id: next(
            (way[one.id] for way, names in zip(ways, taken, strict=True) if names[way[one.id]] == 1),
            f"{one.name} ({one.kind} in {one.group} of {one.subscription})",
        )
        for one in found
    }
