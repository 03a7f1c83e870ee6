"""What Azure answered, as what it means. Pure: models of its SDKs go in, ours come out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from collectors.eventgrid.grid import EventSubscription, Kind, Resource, Store

if TYPE_CHECKING:
    from azure.mgmt.eventgrid import models

#: Partner topics that are not so get no events.
_ACTIVATED = "Activated"
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
#: Built-in roles that may write blobs, and those that may not; what another one may is not known.
#: Source: Microsoft's list of built-in roles for storage.
_WRITERS = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",  # Storage Blob Data Contributor
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",  # Storage Blob Data Owner
}
_OTHERS = {
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",  # Storage Blob Data Reader
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",  # Reader
    "b24988ac-6180-42a0-ab88-20f7382dd24c",  # Contributor: of the account, not of its blobs
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",  # Owner: likewise
}


def resource(kind: Kind, said: Any) -> Resource:
    """A topic, domain or namespace, of the model of its kind."""
    identity = said.identity
    principals = {} if identity is None or not identity.principal_id else {"": identity.principal_id}
    for name, one in ((identity and identity.user_assigned_identities) or {}).items():
        if one.principal_id:
            principals[name.lower()] = one.principal_id
    is_active = kind != "partnerTopics" or said.activation_state in (None, _ACTIVATED)
    return Resource(said.id, kind, said.name, said.location, said.provisioning_state or "", is_active, principals)


def subscription(said: models.EventSubscription, topic: str = "") -> EventSubscription:
    """A subscription of a topic or a domain."""
    with_identity = said.dead_letter_with_resource_identity
    store = None
    if with_identity is not None:
        store = _store(with_identity.dead_letter_destination, with_identity.identity)
    elif said.dead_letter_destination is not None:
        store = _store(said.dead_letter_destination)
    delivered = said.delivery_with_resource_identity
    to = delivered.destination if delivered is not None else said.destination
    retry = said.retry_policy
    return EventSubscription(
        said.name or "",
        topic,
        (to and to.endpoint_type) or "",
        retry.max_delivery_attempts if retry else None,
        retry.event_time_to_live_in_minutes * 60.0 if retry and retry.event_time_to_live_in_minutes else None,
        said.provisioning_state or "",
        store,
    )


def of_namespace(said: models.Subscription, topic: str) -> EventSubscription:
    """A subscription of a topic of a namespace."""
    delivery = said.delivery_configuration
    push = delivery.push if delivery else None
    about = push or (delivery.queue if delivery else None)
    dead = about.dead_letter_destination_with_resource_identity if about else None
    to = None
    if push is not None:
        delivered = push.delivery_with_resource_identity
        to = delivered.destination if delivered is not None else push.destination
    return EventSubscription(
        said.name or "",
        topic,
        (to and to.endpoint_type) or "",
        about.max_delivery_count if about else None,
        _seconds(about.event_time_to_live) if about else None,
        said.provisioning_state or "",
        _store(dead.dead_letter_destination, dead.identity) if dead else None,
        is_pulled=push is None,
    )


def _store(said: models.DeadLetterDestination | None, identity: models.EventSubscriptionIdentity | None = None) -> Any:
    """A container of a storage account; Event Grid has no other place for dead letters."""
    account, container = getattr(said, "resource_id", None), getattr(said, "blob_container_name", None)
    if not account or not container:
        return None
    return Store(account, container, None if identity is None else (identity.user_assigned_identity or "").lower())


def _seconds(said: timedelta | str | None) -> float | None:
    """Of a duration in ISO 8601, such as "P7D", which the SDK has parsed or not."""
    if isinstance(said, timedelta):
        return said.total_seconds()
    match = _DURATION.fullmatch(said or "")
    if match is None or not any(match.groups()):
        return None
    return float(sum(int(part or 0) * unit for part, unit in zip(match.groups(), (86400, 3600, 60, 1), strict=True)))


def may_write(assignments: Iterable[Mapping[str, Any]]) -> bool | None:
    """Whether one of an identity's roles lets it write blobs; None where a role of somebody's own may."""
    roles = {one["properties"]["roleDefinitionId"].rsplit("/", 1)[-1].lower() for one in assignments}
    if roles & _WRITERS:
        return True
    return False if roles <= _OTHERS else None


def definitions(said: Mapping[str, Any]) -> set[str]:
    """The names of the metrics that a resource has."""
    return {one["name"]["value"] for one in said["value"]}


class Series(NamedTuple):
    """What Azure Monitor has of one metric of one resource, split by its dimensions.

    `resource` is its lower-cased id; `dimensions` are without those that are empty. Points are
    (epoch seconds of the minute's begin, value).
    """

    resource: str
    metric: str
    dimensions: Mapping[str, str]
    totals: list[tuple[float, float]]
    means: list[tuple[float, float]]


class Answer(NamedTuple):
    """Series, and which metrics of which resources were answered for, by lower-cased id and name. `failures` say why
    others were not."""

    series: list[Series]
    told: set[tuple[str, str]]
    failures: list[str]


#: As Azure has it.
MINUTE = "PT1M"
_METRICS = "/providers/microsoft.insights/metrics/"
#: Values of a dimension where an event has none.
_NONE = {"", "none", "null", "unspecified", "unknown"}


def answer(said: Mapping[str, Any]) -> Answer:
    """Of the JSON of a batch of metrics. Raises ValueError where it is not of minutes."""
    found = Answer([], set(), [])
    for result in said["values"]:
        if result.get("interval", MINUTE) != MINUTE:
            raise ValueError(f"Azure Monitor answered in steps of {result['interval']}, not of {MINUTE}")
        for metric in result["value"]:
            owner, name = metric["id"].lower().partition(_METRICS)[0], metric["name"]["value"]
            if (error := metric.get("errorCode", "Success")) != "Success":
                found.failures.append(f"{name} of {owner.rsplit('/', 1)[-1]}: {error}")
            else:
                found.told.add((owner, name))
                found.series.extend(_series(one, owner, name) for one in metric["timeseries"])
    return found


def _series(said: Mapping[str, Any], owner: str, name: str) -> Series:
    told = {one["name"]["value"].lower(): one["value"] for one in said.get("metadatavalues", ())}
    return Series(
        owner,
        name,
        {dimension: value for dimension, value in told.items() if _is_told(value)},
        *(
            [(_epoch(x["timeStamp"]), float(x[what])) for x in said["data"] if what in x]
            for what in ("total", "average")
        ),
    )


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _is_told(value: str | None) -> bool:
    return value is not None and value.lower() not in _NONE
