"""Where instances are found: addresses as they are written, checked and shown. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

_SCHEMES = ("http", "https")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?")


class Listed(NamedTuple):
    """An instance to be read, with what a file of targets says of its service and group, and its name in DNS."""

    url: str
    service: str = ""
    group: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class DnsName:
    """A name that leads to instances; without a port it is that of SRV records, which tell theirs."""

    name: str
    port: int | None
    scheme: str = "http"
    path: str = "/metrics"

    @classmethod
    def parsed(cls, text: str) -> DnsName:
        """From `host:port/path` or `_service._tcp.domain/path`, with `https://` before it or not; raises ValueError."""
        scheme, _, rest = text.rpartition("://")
        host, slash, path = rest.partition("/")
        name, _, port = host.partition(":")
        is_service = name.startswith("_")
        if scheme not in ("", *_SCHEMES) or not _HOST.fullmatch(name) or is_service == bool(port):
            raise ValueError(
                f"{text!r} is not a name; expected host:port/path, or _service._tcp.domain for SRV records"
            )
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"{text!r}: {port!r} is not a port; expected 1 to 65535")
        return cls(name, int(port) if port else None, scheme or "http", f"/{path}" if slash else "/metrics")

    def instance(self, host: str, port: int) -> Listed:
        """One of those that the name leads to."""
        address = f"[{host}]" if ":" in host else host
        return Listed(f"{self.scheme}://{address}:{port}{self.path}", host=self.name if self.port else "")


def checked_url(url: str) -> str:
    """The URL; raises ValueError, without a secret, when it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if "@" in parts.netloc:
        raise ValueError("user and password do not belong into a URL; expected username and password")
    if parts.scheme not in _SCHEMES or not parts.hostname or port == 0 or re.search(r"\s", url):
        raise ValueError(f"{shown(url)!r} is not a URL; expected such as http://host:8000/metrics")
    return url


def shown(url: str) -> str:
    """The URL as it may be shown: what stands behind `?` or before `@` may be a secret."""
    before, _, after = url.partition("?")[0].rpartition("@")
    scheme = before.partition("://")[0] + "://" if "://" in before else ""
    return scheme + after if before else after
