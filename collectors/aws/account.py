"""The way into an account: sessions and clients by the SDK's own means, bounded in time, counted. It only reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError
from botocore.session import Session

from collectors.aws.errors import AwsError, OutOfTimeError, action, explained
from collectors.aws.settings import AwsSettings
from collectors.base import CollectError

_CONNECT_SECONDS = 5.0
#: A request that was throttled or failed is sent so often in all, with pauses between.
_ATTEMPTS = 3


class Call(NamedTuple):
    """One request: of a client, in its own words."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


class Account:
    """Requests to one account and region, several at a time.

    `requests` counts those that were sent, repetitions too, and `actions` holds what a policy calls them.
    """

    def __init__(self, settings: AwsSettings) -> None:
        self.settings = settings
        self.requests = 0
        self.actions: set[str] = set()
        self._deadline = 0.0
        self._counting, self._making = threading.Lock(), threading.Lock()
        self._clients: dict[str, Any] = {}
        self._pool = ThreadPoolExecutor(settings.connections, thread_name_prefix=f"aws-{settings.name}")
        try:
            self._session = _session(settings, self._counted)
        except (BotoCoreError, ClientError) as error:
            raise CollectError(f"cannot use the profile {settings.profile!r}: {error}") from None
        self.region = settings.region or str(self._session.region_name or "")
        self.where = settings.endpoint_url or (f"AWS in {self.region}" if self.region else "AWS")

    def begin(self, deadline: float) -> None:
        """Let nothing be sent after the deadline, a time of `time.monotonic()`."""
        self._deadline = deadline

    @property
    def seconds_left(self) -> float:
        return self._deadline - time.monotonic()

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        """The answer to one request; raises AwsError."""
        return self.ask(Call(service, operation, parameters))

    def ask(self, call: Call) -> Any:
        """The answer to a request; raises AwsError."""
        try:
            return getattr(self.client(call.service), xform_name(call.operation))(**call.parameters)
        except (BotoCoreError, ClientError, ResponseParserError, OutOfTimeError) as error:
            raise explained(error, action(call.service, call.operation), self.where) from None

    def pages(self, service: str, operation: str, **parameters: Any) -> Iterator[Any]:
        """Every page of a list, as many as there are; raises AwsError."""
        try:
            yield from self.client(service).get_paginator(xform_name(operation)).paginate(**parameters)
        except (BotoCoreError, ClientError, ResponseParserError, OutOfTimeError) as error:
            raise explained(error, action(service, operation), self.where) from None

    def together(self, calls: Iterable[Call]) -> Iterator[Any]:
        """The answers to many requests in their order, some in flight at once; of a failed one its AwsError."""
        started = [(call, self._pool.submit(self.ask, call)) for call in calls]
        for call, future in started:
            yield self._awaited(call, future)

    def client(self, service: str) -> Any:
        """The client of a service, made at its first use."""
        with self._making:
            if service not in self._clients:
                self._clients[service] = self._session.client(
                    service, endpoint_url=self.settings.endpoint_url, config=_config(self.settings)
                )
            return self._clients[service]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.close()

    def _awaited(self, call: Call, future: Future[Any]) -> Any:
        called = action(call.service, call.operation)
        try:
            return future.result(timeout=max(0.0, self.seconds_left))
        except TimeoutError:
            future.cancel()
            return AwsError(f"{called}: {self.where} had not answered when the time was over", called)
        except AwsError as error:
            return error

    def _counted(self, event_name: str, **_others: Any) -> None:
        """Before every sending, be it a repetition: `event_name` is `before-send.<service>.<operation>`."""
        if self.seconds_left <= 0:
            raise OutOfTimeError
        _, service, operation = event_name.split(".", 2)
        with self._counting:
            self.requests += 1
            self.actions.add(action(_SERVICES.get(service, service), operation))


#: Names of services in events, where they are not those of their clients.
_SERVICES = {"eventbridge": "events", "cloudwatch-logs": "logs"}


def _must_be_of_aws(response_dict: Mapping[str, Any], **_others: Any) -> None:
    """Before it is parsed: of a page for people, such as a proxy's, the SDK would make an answer that holds nothing."""
    if response_dict["body"][:200].lstrip().lower().startswith((b"<html", b"<!doctype html")):
        raise ResponseParserError("HTML")


def _session(settings: AwsSettings, hook: Callable[..., None]) -> boto3.Session:
    core = _core(settings, hook)
    if settings.role_arn is not None:
        core._credentials = _role(settings, boto3.Session(botocore_session=_core(settings, hook)))
    return boto3.Session(botocore_session=core, region_name=settings.region)


def _core(settings: AwsSettings, hook: Callable[..., None]) -> Session:
    core = Session(profile=settings.profile)
    core.register("before-send", hook)
    core.register("before-parse", _must_be_of_aws)
    return core


def _role(settings: AwsSettings, base: boto3.Session) -> DeferredRefreshableCredentials:
    """Credentials of the role that are taken when they are first needed, and anew before they expire."""
    extra: dict[str, Any] = {"RoleSessionName": "eda-monitor"}
    if settings.external_id is not None:
        extra["ExternalId"] = settings.external_id

    def client(service: str, **options: Any) -> Any:
        where: dict[str, Any] = {"region_name": settings.region, "endpoint_url": settings.endpoint_url}
        return base.client(service, **{**options, **where, "config": _config(settings)})

    def taken() -> Any:
        source = base.get_credentials()
        if source is None:
            raise NoCredentialsError
        return AssumeRoleCredentialFetcher(client, source, settings.role_arn, extra).fetch_credentials()

    return DeferredRefreshableCredentials(method="assume-role", refresh_using=taken)


def _config(settings: AwsSettings) -> Config:
    return Config(
        connect_timeout=min(_CONNECT_SECONDS, settings.timeout),
        read_timeout=settings.timeout / 3,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=settings.connections,
        user_agent_extra="eda-monitor",
    )
