"""Pages of instances over HTTP, many at once. Every answer is bounded in time and size."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import httpx

from collectors.handlers.addresses import Listed
from collectors.handlers.geometry import ALL_BOUNDS_HEADER, ALL_BOUNDS_VALUE
from collectors.handlers.settings import HandlersSettings
from collectors.handlers.together import at_once

#: No page is so large, also when it is unpacked; what is larger is not read to its end.
MAX_BYTES = 64 * 1024 * 1024

_HEADERS = {"Accept": "text/plain;version=0.0.4,text/plain;q=0.5,*/*;q=0.1", ALL_BOUNDS_HEADER: ALL_BOUNDS_VALUE}


class FetchError(Exception):
    """A page that could not be read. The message holds neither its address nor a secret."""


class Fetcher:
    """GET requests to instances; counted. Its connections are kept between cycles."""

    def __init__(self, settings: HandlersSettings) -> None:
        """Raises OSError when the certificates cannot be used."""
        self.requests = 0
        self._settings = settings
        self._http = httpx.Client(
            verify=settings.tls(),
            headers=_HEADERS,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        )
        self._asked: set[str] = set()

    def pages(self, listed: Iterable[Listed], deadline: float) -> Iterator[tuple[Listed, str | FetchError]]:
        """Every instance with its page, as they come; raises OSError when the login cannot be read."""
        login, headers = self._settings.login, self._settings.authorization()

        def work(one: Listed) -> str:
            return self._page(one, deadline, login, headers)

        for one, result in at_once(work, listed, deadline):
            self.requests += result is not None
            if isinstance(result, str | FetchError):
                yield one, result
            elif result is None:
                yield one, FetchError("did not answer in time")
            else:
                raise result

    def close(self) -> None:
        self._http.close()

    def _page(self, one: Listed, deadline: float, login: tuple[str, str] | None, headers: dict[str, str]) -> str:
        if one.url in self._asked:
            raise FetchError("has not yet answered what it was asked a cycle ago")
        self._asked.add(one.url)
        try:
            return self._fetched(one, deadline, login, headers)
        except httpx.TimeoutException:
            raise FetchError("did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError) as error:
            raise FetchError(str(error) or type(error).__name__) from None
        finally:
            self._asked.discard(one.url)

    def _fetched(self, one: Listed, deadline: float, login: tuple[str, str] | None, headers: dict[str, str]) -> str:
        by_name = {"Host": f"{one.host}:{httpx.URL(one.url).port or ''}".rstrip(":")} if one.host else {}
        with self._http.stream(
            "GET",
            one.url,
            headers={**headers, **by_name},
            auth=login or httpx.USE_CLIENT_DEFAULT,
            timeout=max(0.001, deadline - time.monotonic()),
            extensions={"sni_hostname": one.host} if one.host else {},
        ) as answer:
            if answer.status_code != 200:
                raise FetchError(f"answered {answer.status_code}{_advice(answer.status_code)}")
            return text_of(answer, _body(answer, deadline))


def _body(answer: httpx.Response, deadline: float) -> bytes:
    parts, size = [], 0
    for part in answer.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise FetchError(f"sent more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise FetchError(f"had sent {size} bytes when the time was over")
    return b"".join(parts)


def text_of(answer: httpx.Response, body: bytes) -> str:
    """The page as text; raises FetchError when it is none, or not the whole of it.

    Without a length a page may end anywhere. A number that is cut short looks like a counter that began anew, so that
    a last line without an end is not believed then.
    """
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind in ("text/html", "application/json") or body.lstrip()[:1] == b"<":
        raise FetchError(f"answered with {kind or 'HTML'}, not with metrics")
    if not body.strip():
        raise FetchError("answered with an empty page")
    whole = "content-length" in answer.headers or "chunked" in answer.headers.get("transfer-encoding", "")
    if not whole and not body.endswith(b"\n"):
        raise FetchError("broke off in the middle of a line")
    if kind == "application/openmetrics-text" and not body.rstrip().endswith(b"# EOF"):
        raise FetchError("broke off before its # EOF")
    return body.decode(errors="replace")


def _advice(status: int) -> str:
    if status in (401, 403):
        return ": it wants username and password, or bearer_token_file"
    if 300 <= status < 400:
        return ": it leads elsewhere; list the address that it leads to"
    return ": is it the path of the metrics?" if status == 404 else ""
