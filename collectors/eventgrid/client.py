"""Azure's SDKs, each call bounded in time and size, never tried again within a cycle, and its failure one line."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import requests
import urllib3
from azure.core import PipelineClient
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline import policies as azure
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from azure.identity import AzureAuthorityHosts, DefaultAzureCredential
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from azure.mgmt.eventgrid import EventGridManagementClient
from azure.monitor.querymetrics import MetricsClient
from azure.storage.blob import ContainerClient

from collectors.eventgrid.containers import DeadLetterContainer
from collectors.eventgrid.settings import EventGridSettings

#: No answer of Azure is so large; what is larger is not read to its end.
MAX_BYTES = 64 * 1024 * 1024
#: The longest that one call may take of a cycle's time, in seconds.
CALL_SECONDS = 10.0
#: How long nothing is asked after Azure said "too many requests" and not for how long.
PAUSE_SECONDS = 60.0


class Cloud(NamedTuple):
    """Where a cloud is: `metrics` is of a region. Source: Microsoft's lists of endpoints of its clouds."""

    management: str
    metrics: str
    audience: str
    authority: str


CLOUDS = {
    "public": Cloud(
        "https://management.azure.com",
        "https://{region}.metrics.monitor.azure.com",
        "https://metrics.monitor.azure.com",
        AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
    ),
    "usgov": Cloud(
        "https://management.usgovcloudapi.net",
        "https://{region}.metrics.monitor.azure.us",
        "https://metrics.monitor.azure.us",
        AzureAuthorityHosts.AZURE_GOVERNMENT,
    ),
    "china": Cloud(
        "https://management.chinacloudapi.cn",
        "https://{region}.metrics.monitor.azure.cn",
        "https://metrics.monitor.azure.cn",
        AzureAuthorityHosts.AZURE_CHINA,
    ),
}


class ClientError(Exception):
    """A call that brought nothing. `status` is that of the answer, if there was one; `wait` the seconds that Azure
    wants to be left alone. `is_nobody` says that the agent has no identity, so that nothing can be asked, `is_late`
    that it was not asked, for there was no time."""

    is_nobody = is_late = False

    def __init__(self, message: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(message)
        self.status, self.wait = status, wait

    @property
    def is_refused(self) -> bool:
        return self.status in (401, 403)

    @property
    def is_missing(self) -> bool:
        return self.status == 404


T = TypeVar("T")


class Client:
    """Calls of one target; counted. Nothing is asked of what wants to be left alone."""

    def __init__(self, settings: EventGridSettings) -> None:
        cloud = CLOUDS[settings.cloud]
        self._management = settings.endpoints.management or cloud.management
        self._metrics = settings.endpoints.metrics or cloud.metrics
        self._audience, self._authority = cloud.audience, cloud.authority
        self._arm_scope = f"{cloud.management}/.default"
        self._client_id = settings.client_id
        self._credential: DefaultAzureCredential | None = None
        self._transport = _Transport()
        self._clients: dict[str, Any] = {}
        self._paused: dict[str, float] = {}

    @property
    def requests(self) -> int:
        return self._transport.requests

    def within(self, deadline: float) -> None:
        """Let no call last longer than until this time of `time.monotonic()`."""
        self._transport.deadline = deadline

    def event_grid(self, subscription: str) -> EventGridManagementClient:
        def made() -> EventGridManagementClient:
            return EventGridManagementClient(_NO_CREDENTIAL, subscription, self._management, **self._managing())

        return self._kept(f"grid {subscription}", made)

    def metrics(self, region: str) -> MetricsClient:
        def made() -> MetricsClient:
            url = self._metrics.replace("{region}", region)
            policies = self._policies(url, f"{self._audience}/.default")
            return MetricsClient(url, _NO_CREDENTIAL, policies=policies, transport=self._transport)

        return self._kept(f"metrics {region}", made)

    def container(self, settings: DeadLetterContainer) -> ContainerClient:
        """Of a storage account; raises ValueError or OSError where its connection string cannot be used."""

        def made() -> ContainerClient:
            bounded: dict[str, Any] = {"transport": self._transport, "retry_total": 0, "user_agent": "eda-monitor"}
            if (connection := settings.connection) is not None:
                return ContainerClient.from_connection_string(connection, settings.container, **bounded)
            url = settings.account_url or ""
            return ContainerClient(url, settings.container, credential=self._identity(), **bounded)

        return self._kept(f"container {settings.name}", made)

    def get(self, path: str, **query: str) -> Any:
        """The JSON of a resource of the management API that has no SDK here; raises as the SDKs do."""

        def made() -> PipelineClient[HttpRequest, Any]:
            return PipelineClient(self._management, **self._managing())

        request = HttpRequest("GET", self._management + path, params=query)
        answer = self._kept("resources", made).send_request(request)
        if answer.status_code != 200:
            raise HttpResponseError(response=answer)
        return answer.json()

    def call(self, scope: str, ask: Callable[[], T]) -> T:
        """What is asked of a scope, which is throttled as a whole; raises ClientError."""
        left = self._paused.get(scope, 0.0) - time.monotonic()
        if left > 0:
            raise ClientError(f"Azure wants to be asked again in {left:.0f} s", 429, left)
        try:
            return ask()
        except (AzureError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            told = _told(error)
        if told.wait is not None:
            self._paused[scope] = time.monotonic() + told.wait
        raise told

    def close(self) -> None:
        """Let go of all connections; the next call makes new ones."""
        for one in self._clients.values():
            one.close()
        self._clients.clear()
        if self._credential is not None:
            self._credential.close()
            self._credential = None

    def _kept(self, name: str, made: Callable[[], T]) -> T:
        if name not in self._clients:
            self._clients[name] = made()
        found: T = self._clients[name]
        return found

    def _managing(self) -> dict[str, Any]:
        return {"policies": self._policies(self._management, self._arm_scope), "transport": self._transport}

    def _policies(self, url: str, scope: str) -> list[Any]:
        """As the SDKs have them, but for retries: the next cycle is one. And none that registers a provider."""
        is_plain = url.startswith("http://")
        credential = _Tests() if is_plain else self._identity()
        return [
            azure.RequestIdPolicy(),
            azure.HeadersPolicy(),
            azure.UserAgentPolicy("eda-monitor"),
            azure.ProxyPolicy(),
            azure.ContentDecodePolicy(),
            azure.RetryPolicy.no_retries(),
            *((_Plain(),) if is_plain else ()),
            ARMChallengeAuthenticationPolicy(credential, scope),
        ]

    def _identity(self) -> TokenCredential:
        if self._credential is None:
            self._credential = DefaultAzureCredential(
                authority=self._authority,
                managed_identity_client_id=self._client_id,
                process_timeout=5,
            )
        return self._credential


class _Tests:
    """The token for servers of tests, which is none of anybody."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken("simulated", int(time.time()) + 3600)


#: The SDKs want a credential even where they are given their policies.
_NO_CREDENTIAL = _Tests()


class _Plain(azure.SansIOHTTPPolicy[HttpRequest, Any]):
    """Lets a token of tests go over http."""

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        request.context.options["enforce_https"] = False


class _Transport(RequestsTransport):  # type: ignore[misc]  # it is made at its import
    """HTTP within a deadline: also for an answer that comes drop by drop."""

    def __init__(self) -> None:
        self.deadline, self._ends, self.requests = 0.0, 0.0, 0
        super().__init__()

    def open(self) -> None:
        super().open()
        if self.session is not None and self._bounded not in self.session.hooks["response"]:
            self.session.hooks["response"].append(self._bounded)

    def send(self, request: Any, **options: Any) -> Any:
        left = min(CALL_SECONDS, self.deadline - time.monotonic())
        if left <= 0:
            raise _LateError("it was not asked for: no time was left")
        self.requests += 1
        self._ends = time.monotonic() + left
        answer = super().send(request, connection_timeout=left, read_timeout=left, **options)
        if answer.status_code >= 400 and "html" in (answer.content_type or ""):  # of something before Azure
            answer.read()
            raise HttpResponseError(response=answer)
        return answer

    def close(self) -> None:
        """Of one client; the others go on by new connections."""
        super().close()
        self._has_been_opened = False

    def _bounded(self, answer: requests.Response, **options: Any) -> None:
        try:
            body = b"".join(self._parts(answer))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            answer.raw.close()
            raise requests.exceptions.ConnectionError(f"the answer broke off: {error}") from None
        answer.raw = _Body(body)

    def _parts(self, answer: requests.Response) -> Iterator[bytes]:
        size = 0
        while part := answer.raw.read1(65536, decode_content=True):
            size += len(part)
            if time.monotonic() > self._ends:
                raise requests.exceptions.ReadTimeout(f"{size} bytes had come when the time was over")
            if size > MAX_BYTES:
                raise requests.exceptions.ReadTimeout(f"it sent more than {MAX_BYTES} bytes")
            yield part


class _LateError(AzureError):
    """No time was left."""


class _NotAskedError(ClientError):
    is_late = True


class _NobodyError(ClientError):
    is_nobody = True


class _Body(io.BytesIO):
    """A body that was read. The SDKs set attributes of it."""


def _told(error: Exception) -> ClientError:
    """What went wrong, as one line without what a request held."""
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        status, headers = error.status_code, getattr(error.response, "headers", {})
        wait = _wait(headers) if status == 429 else None
        return ClientError(f"Azure answered {status}: {_reason(error)}", status, wait)
    if isinstance(error, ClientAuthenticationError):
        return _NobodyError(f"no identity: {_line(error.message)}")
    if isinstance(error, _LateError):
        return _NotAskedError(error.message)
    if isinstance(error, AzureError):
        return ClientError(_line(error.message))
    return ClientError(f"the answer is not understood: {_line(repr(error))}")


def _reason(error: HttpResponseError) -> str:
    if error.error is not None and error.error.code:
        return f"{error.error.code}: {_line(error.error.message or '')}"
    if code := getattr(error, "error_code", None):  # of storage
        return f"{getattr(code, 'value', code)}: {_line(error.message)}"
    return _line(error.reason or error.message)


def _line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:300]


def _wait(headers: Mapping[str, str]) -> float:
    try:
        return float(headers.get("Retry-After", PAUSE_SECONDS))
    except ValueError:
        return PAUSE_SECONDS
