"""RabbitMQ's management API and the plugin's pages, over HTTP. Every answer is bounded in time and size."""

from __future__ import annotations

import json
import ssl
import time
from typing import Any

import httpx

#: No answer of a broker is so large; what is larger is not read to its end.
MAX_BYTES = 128 * 1024 * 1024


class ApiError(Exception):
    """A request that brought nothing. The message names the path; `status` is that of the answer, if there was one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def refused(self) -> bool:
        return self.status in (401, 403)


class Api:
    """GET requests to one broker; counted."""

    def __init__(self, url: str, login: tuple[str, str] | None, tls: ssl.SSLContext) -> None:
        self.url, self.requests = url.rstrip("/"), 0
        self._http = httpx.Client(verify=tls)
        self._login = login

    def get(self, path: str, deadline: float, **parameters: object) -> Any:
        """The JSON that the management API answers; raises ApiError."""
        body, kind = self._fetch(f"{self.url}/api{path}", deadline, parameters, self._login)
        try:
            return json.loads(body)
        except ValueError:
            raise ApiError(f"{path} answered with {kind or 'something'} that is not JSON") from None

    def page(self, url: str, deadline: float, **parameters: object) -> str:
        """The text of a page that asks for no password; raises ApiError."""
        body, _ = self._fetch(url, deadline, parameters, None)
        return body.decode(errors="replace")

    def close(self) -> None:
        self._http.close()

    def _fetch(
        self, url: str, deadline: float, parameters: dict[str, object], login: tuple[str, str] | None
    ) -> tuple[bytes, str]:
        left = deadline - time.monotonic()
        path = url.removeprefix(self.url)
        if left <= 0:
            raise ApiError(f"{path} was not asked for: no time was left")
        self.requests += 1
        query = {key: str(value) for key, value in parameters.items()}
        try:
            with self._http.stream(
                "GET", url, params=query, auth=login or httpx.USE_CLIENT_DEFAULT, timeout=left
            ) as answer:
                body = _read(answer, path, deadline)
        except httpx.TimeoutException:
            raise ApiError(f"{path} did not answer within {left:.1f} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise ApiError(f"{path}: {error or type(error).__name__}") from None
        if answer.status_code != 200:
            raise ApiError(f"{path} answered {answer.status_code} {_reason(body)}".rstrip(), answer.status_code)
        return body, answer.headers.get("content-type", "")


def _read(answer: httpx.Response, path: str, deadline: float) -> bytes:
    parts, size = [], 0
    for part in answer.iter_bytes():
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise ApiError(f"{path} had sent {size} bytes when the time was over")
        if size > MAX_BYTES:
            raise ApiError(f"{path} sent more than {MAX_BYTES} bytes")
    return b"".join(parts)


def _reason(body: bytes) -> str:
    """What RabbitMQ says in the body of an error."""
    try:
        return str(json.loads(body)["reason"])[:200]
    except (ValueError, KeyError, TypeError):
        return ""
