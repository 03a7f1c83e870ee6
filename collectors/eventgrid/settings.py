"""What a target of kind "eventgrid" takes."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from collectors.base import Duration, Filter, Settings, TargetSettings, http_url
from collectors.eventgrid.containers import DeadLetterContainer, DeadLetterReads

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _endpoint(value: str) -> str:
    url = urlsplit(http_url(value, "client_id, or what the chain of Azure's credentials finds"))
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise ValueError(f"{value!r} is not secured; expected https, or a server of tests on this machine")
    return value.rstrip("/")


#: One name or a list of them.
Several = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_several)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]


class Endpoints(Settings):
    """Other addresses than those of the cloud. To one over http nobody's token is sent."""

    management: Endpoint | None = None
    #: `{region}` in it stands for the region that is asked.
    metrics: Endpoint | None = None


class EventGridSettings(TargetSettings):
    #: Azure computes its metrics every minute.
    interval: Duration = 60.0
    timeout: Duration = 30.0
    #: Of Azure: the accounts to which resources belong.
    subscription_id: Annotated[Several, Field(min_length=1)]
    #: Only these; else all.
    resource_group: Several = ()
    #: By the names of topics, domains and namespaces.
    topics: Filter = Filter()
    cloud: Literal["public", "usgov", "china"] = "public"
    #: Of a user-assigned managed identity, where the machine has several.
    client_id: str | None = None
    endpoints: Endpoints = Endpoints()
    #: How often topics, subscriptions and their settings are read.
    topology_interval: Duration = 600.0
    #: Requests for them in a cycle, at most; what is left follows in the next ones.
    topology_requests: Annotated[int, Field(ge=1)] = 200
    #: How long after the begin of a minute the last of its events is counted.
    lateness: Duration = 300.0
    #: Series of a resource that an answer may hold; left to itself, Azure cuts at 10 and says nothing.
    max_results: Annotated[int, Field(ge=1)] = 1000
    #: Topics of a domain whose subscriptions are read.
    domain_topic_budget: Annotated[int, Field(ge=0)] = 100
    #: Whose blobs are listed, and read as far as `dead_letter_reads` has it.
    dead_letter_containers: tuple[DeadLetterContainer, ...] = ()
    dead_letter_reads: DeadLetterReads = DeadLetterReads()

    @field_validator("dead_letter_containers")
    @classmethod
    def _are_different(cls, value: tuple[DeadLetterContainer, ...]) -> tuple[DeadLetterContainer, ...]:
        names = [one.name for one in value]
        if len(set(names)) < len(names):
            raise ValueError("a container is named twice; expected each once")
        return value
