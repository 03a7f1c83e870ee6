"""What the console's process is told by who starts it, through one variable of its environment."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from collectors.base import Settings
from monitor.access import AuthSettings, from_json, to_json
from monitor.alerts.notifiers.base import secret
from monitor.console.identity import Identity

VARIABLE = "EDA_MONITOR_CONSOLE"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Told(Settings):
    """The variable, as JSON."""

    listen: str = ""
    url: str = ""
    auth: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """`auth` holds its secrets."""

    listen: str = ""
    url: str = ""
    auth: AuthSettings | None = None

    @property
    def is_https(self) -> bool:
        return self.url.startswith("https:")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names the console answers to; empty for any. One that only this machine reaches has few."""
        reached = urlsplit(self.url).hostname
        if not is_loopback(self.listen):
            return ()
        own = self.listen.rpartition(":")[0].strip("[]")
        return tuple(dict.fromkeys((*LOOPBACK, own, *([reached] if reached else []))))

    def streamlit_secrets(self) -> dict[str, Any] | None:
        """What `st.login` wants to know."""
        if self.auth is None or self.auth.oidc is None:
            return None
        oidc = self.auth.oidc
        base = self.url.rstrip("/") or f"http://{self.listen}"
        return {
            "auth": {
                "redirect_uri": f"{base}/oauth2callback",
                "cookie_secret": secret(self.auth, "cookie_secret") or secrets.token_hex(32),
                "client_id": oidc.client_id,
                "client_secret": secret(oidc, "client_secret"),
                "server_metadata_url": oidc.metadata_url,
            }
        }


def is_loopback(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    return host in LOOPBACK or host.startswith("127.")


def told(listen: str, url: str, auth: AuthSettings | None) -> str:
    """The value of the variable."""
    return _Told(listen=listen, url=url, auth="" if auth is None else to_json(auth)).model_dump_json()


@cache
def current() -> Setting:
    """What this process was told; the secrets in it are taken out of its environment."""
    found = _Told.model_validate_json(os.environ.pop(VARIABLE, "{}"))
    return Setting(found.listen, found.url, from_json(found.auth) if found.auth else None)


@cache
def identity() -> Identity | None:
    """The one of this process."""
    auth = current().auth
    return None if auth is None else Identity(auth)
