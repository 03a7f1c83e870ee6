"""Messages over HTTP: posted once, and what came back told without a secret."""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from monitor.alerts.notifiers.base import NotifyError, redacted
from monitor.alerts.notifiers.texts import cut, one_line

#: Of an answer no more is read and told.
ANSWER_BYTES, ANSWER_CHARACTERS = 4096, 200
#: Answers that say "later", and not "never".
LATER = frozenset({408, 425, 429})

logging.getLogger("httpx").setLevel(logging.WARNING)  # else it would log whole URLs


def post(
    url: str,
    body: Any = None,
    *,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    secrets: Iterable[str] = (),
    cafile: Path | None = None,
    method: str = "POST",
) -> str:
    """Send JSON; returns status and beginning of the answer, in a line. Raises NotifyError.

    What of the answer repeats the URL's secrets, or `secrets`, is left out.
    """
    content = None if body is None else json.dumps(body).encode()
    sent = {**({"Content-Type": "application/json"} if content is not None else {}), **(headers or {})}
    end = time.monotonic() + timeout
    hidden = [*secrets, *_secrets_of(url)]
    try:
        with (
            httpx.Client(timeout=timeout, verify=_trusted(cafile)) as client,
            client.stream(method, url, content=content, headers=sent) as answer,
        ):
            text = _beginning(answer, end)
    except httpx.TimeoutException:
        raise NotifyError(f"{redacted(url)} did not answer within {timeout:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        raise NotifyError(f"{redacted(url)}: {type(error).__name__}: {_without(str(error), hidden)}") from None
    said = _without(text, hidden)
    told = f"{answer.status_code} {answer.reason_phrase}" + (f": {said}" if said else "")
    if answer.is_success:
        return told
    raise NotifyError(
        f"{redacted(url)} answered {told}",
        permanent=answer.status_code < 500 and answer.status_code not in LATER,
        retry_after=retry_after(answer.headers.get("Retry-After"), time.time()),
    )


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds to wait, as the header says it in seconds or as a date; None where it says nothing that can be read."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)


def rfc3339(at: float | None) -> str:
    """Alertmanager writes the zero time where there is none."""
    if at is None:
        return "0001-01-01T00:00:00Z"
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=32)
def _trusted(cafile: Path | None) -> ssl.SSLContext:
    """Whom to trust; made once, for that costs more than a message."""
    return ssl.create_default_context(cafile=cafile) if cafile else httpx.create_ssl_context()


def _beginning(answer: httpx.Response, end: float) -> str:
    """What of the answer arrives in time; one that goes on for ever is cut."""
    read = b""
    for chunk in answer.iter_bytes():
        read += chunk
        if len(read) >= ANSWER_BYTES or time.monotonic() > end:
            break
    return read[:ANSWER_BYTES].decode("utf-8", "replace")


def _without(text: str, secrets: Iterable[str]) -> str:
    for one in sorted({one for one in secrets if len(one) > 3}, key=len, reverse=True):
        text = text.replace(one, "…")
    return cut(one_line(text), ANSWER_CHARACTERS)


def _secrets_of(url: str) -> list[str]:
    parts = urlsplit(url)
    raw = [url, parts.path, parts.query, *parts.path.split("/"), *(p.partition("=")[2] for p in parts.query.split("&"))]
    raw += [parts.username or "", parts.password or ""]
    return [*raw, *map(unquote, raw)]
