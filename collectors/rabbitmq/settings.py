"""What a target of kind "rabbitmq" takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from collectors.access import Access
from collectors.base import Duration, Filter, Pattern, Settings, http_url


class DeadLetterQueue(Settings):
    """A dead-letter queue declared by hand, beside those that the broker's own routes lead to."""

    destination: str
    source: str = ""


class RabbitSettings(Access):
    #: Of the management API, without `/api`.
    url: str
    username: str
    vhosts: Filter = Filter()
    queues: Filter = Filter()
    dead_letters: tuple[DeadLetterQueue, ...] = ()
    #: Queues whose messages expire on purpose: what they let go of is a retry or a delay, not a dead letter.
    retry_queues: tuple[Pattern, ...] = ()
    #: The Prometheus plugin of every node; found by itself where the nodes can be reached by their names.
    prometheus_urls: tuple[str, ...] | None = None
    #: Queues that get series, at most; dead-letter queues come first, exclusive and auto-named ones last.
    queue_budget: Annotated[int, Field(ge=0)] = 5000
    #: Of these, exclusive and auto-named queues.
    temporary_queue_budget: Annotated[int, Field(ge=0)] = 100
    #: Pages of 500 queues that are read with their statistics in a cycle; the others take turns.
    statistics_pages: Annotated[int, Field(ge=0)] = 2
    #: How often exchanges, bindings and virtual hosts are read.
    topology_interval: Duration = 60.0

    @field_validator("url", "prometheus_urls", mode="after")
    @classmethod
    def _is_http(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for url in (value,) if isinstance(value, str) else value or ():
            http_url(url, "username and password")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> RabbitSettings:
        if not self.has_password:
            raise ValueError("expected either password or password_file")
        return self
