"""Asking an HTTP API that speaks as Prometheus does; what goes wrong is told with what to do about it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from monitor.console_source import SourceSettings
from monitor.store.reader import StoreError

TIMEOUT_SECONDS = 10.0
#: VictoriaMetrics keeps the newest half minute to itself unless it is told not to use its cache; others ignore it.
FRESH = {"nocache": "1"}

Points = list[tuple[float, float]]


class SourceError(StoreError):
    """The API cannot be asked. The message names its address and says what to do; it holds no secret."""


class Answer(NamedTuple):
    """One series of an answer: all its labels, and its points with times in epoch seconds, oldest first."""

    labels: dict[str, str]
    points: Points


class Api:
    """The API below one address. Every method raises SourceError."""

    def __init__(self, settings: SourceSettings, client: httpx.Client | None = None) -> None:
        self.url = settings.url.rstrip("/")
        self._settings = settings
        self._client = client or _client(settings.ssl_cafile)

    def instant(self, query: str, at: float | None = None) -> list[Answer]:
        """What the query gives at a time, or now; for a selector with a range all its samples, as they were scraped."""
        moment = {} if at is None else {"time": f"{at:.3f}"}
        return _answers(self._get("query", {"query": query, **moment, **FRESH}), self.url)

    def ranged(self, query: str, start: float, end: float, step: float) -> list[Answer]:
        """What the query gives at every step from `start` on."""
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return _answers(self._get("query_range", {"query": query, **times, **FRESH}), self.url)

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts with their annotations, where the API tells them; not all that speak so do."""
        try:
            found = self._get("alerts", {})
        except SourceError:
            return []
        told = found.get("alerts") if isinstance(found, dict) else None
        return [one for one in told or [] if isinstance(one, dict)]

    def _get(self, what: str, parameters: Mapping[str, str]) -> Any:
        try:
            answer = self._client.get(
                f"{self.url}/api/v1/{what}", params=dict(parameters), headers=self._settings.authorization()
            )
        except httpx.TimeoutException:
            raise SourceError(
                f"{self.url}: did not answer within {TIMEOUT_SECONDS:g} s; is it overloaded, or behind a firewall?"
            ) from None
        except httpx.HTTPError as error:
            raise SourceError(
                f"{self.url}: cannot be reached: {error}; check url of [console] source, and whether it runs"
            ) from None
        except OSError as error:
            raise SourceError(f"{self.url}: the file {error.filename} cannot be read: {error.strerror}") from None
        return _data(answer, self.url)


@lru_cache
def _client(ssl_cafile: Path | None) -> httpx.Client:
    """One for all pages: connections are kept open."""
    return httpx.Client(timeout=TIMEOUT_SECONDS, verify=ssl.create_default_context(cafile=ssl_cafile))


def _data(answer: httpx.Response, url: str) -> Any:
    """The data of an answer, in whatever way it was refused."""
    if answer.status_code == 401:
        raise SourceError(
            f"{url}: asks for a login (401); expected username with password_file, or bearer_token_file,"
            " in [console.source]; if they are there, they are wrong"
        )
    if answer.status_code == 403:
        raise SourceError(f"{url}: refuses (403); expected a login that may query")
    if answer.is_redirect:
        raise SourceError(
            f"{url}: sends elsewhere, to {answer.headers.get('location', '?')}; is it a page to log in at? expected the"
            " address of the API itself"
        )
    try:
        told = answer.json()
    except ValueError:
        kind = answer.headers.get("content-type", "nothing").partition(";")[0]
        raise SourceError(
            f"{url}: answered {answer.status_code} with {kind}, not JSON: no API of Prometheus is below this address;"
            f" expected what stands before /api/v1, such as {_such_as(url)}"
        ) from None
    if not isinstance(told, dict) or told.get("status") != "success":
        said = told.get("error") if isinstance(told, dict) else None
        raise SourceError(f"{url}: could not answer ({answer.status_code}): {said or 'it did not say why'}")
    return told.get("data")


def _such_as(url: str) -> str:
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode()}"


def _answers(data: Any, url: str) -> list[Answer]:
    """NaN is no sample: VictoriaMetrics tells the marks of staleness so."""
    try:
        found = [
            Answer(one["metric"], [(at, number) for at, text in _told(one) if (number := float(text)) == number])
            for one in data["result"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SourceError(f"{url}: its answer is not of the form that Prometheus gives; is it one?") from None
    return [one for one in found if one.points]


def _told(one: Any) -> Any:
    return one["values"] if "values" in one else [one["value"]]
