"""Who may open the console and write in it: `[console.auth]`, and the rules by which a user is known. Pure but for
the files and variables that settings name.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from collectors.base import Duration, Settings
from monitor.alerts.notifiers.base import check_secret, is_http, secret

#: The user and what else an identity provider tells of them.
Claims = Mapping[str, Any]


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not an address; expected such as '10.0.0.7' or '10.0.0.0/24'") from None
    return text


def _header_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise ValueError(f"{text!r} is not the name of a header; expected such as 'X-Forwarded-User'")
    return text


def _http_url(text: str) -> str:
    if not is_http(text):
        raise ValueError("it is not a URL; expected http://host… or https://host…")
    return text


Network = Annotated[str, AfterValidator(_network)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
#: Names of users, in which * and ? stand for any letters.
Users = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class OidcSettings(Settings):
    """Sign-in by an OpenID Connect provider, through Streamlit's own `st.login`."""

    metadata_url: Annotated[str, AfterValidator(_http_url)]
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    client_secret_env: str | None = None
    #: The claim that names a user.
    claim: Annotated[str, Field(min_length=1)] = "email"
    #: Who is let in. A provider may know the whole world, so there is no default.
    users: Users

    @model_validator(mode="after")
    def _has_its_secret(self) -> Self:
        check_secret(self, "client_secret")
        return self

    def user_of(self, claims: Claims) -> str | None:
        """The user of these claims, if they may come in; an address that the provider did not verify is nobody's."""
        name = claims.get(self.claim)
        if not isinstance(name, str) or not name or claims.get("email_verified", True) in (False, "false"):
            return None
        return name if is_among(name, self.users) else None


class HeaderSettings(Settings):
    """Sign-in by a proxy in front, which tells the user in a header that it takes away from what clients send."""

    header: HeaderName = "X-Forwarded-User"
    trusted_proxies: Annotated[tuple[Network, ...], Field(min_length=1)]
    users: Users = ("*",)

    def user_of(self, values: Sequence[str], peer: str | None) -> str | None:
        """The user in these values of the header, sent by this peer. Nobody, where it is told more than once."""
        if len(values) != 1 or not values[0].strip() or not self.trusts(peer):
            return None
        name = values[0].strip()
        return name if is_among(name, self.users) else None

    def trusts(self, peer: str | None) -> bool:
        try:
            address = ipaddress.ip_address(peer or "")
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(
            address in network or (address.is_loopback and network.is_loopback)
            for network in (ipaddress.ip_network(text, strict=False) for text in self.trusted_proxies)
        )


class PasswordFileSettings(Settings):
    """Sign-in by a name and a password of a file; see `passwords`."""

    path: Path


class AuthSettings(Settings):
    """`[console.auth]`: one way in, and what needs it."""

    #: Whether those who have not signed in may look. They never write.
    view: Literal["anyone", "signed-in"] = "signed-in"
    #: How long a sign-in lasts, but that of a proxy, which has its own time.
    session: Duration = 12 * 3600.0
    #: Signs the cookies of those who have signed in; without it, they sign in again after a restart.
    cookie_secret: SecretStr | None = None
    cookie_secret_file: Path | None = None
    cookie_secret_env: str | None = None
    oidc: OidcSettings | None = None
    header: HeaderSettings | None = None
    password_file: PasswordFileSettings | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        ways = [name for name in ("oidc", "header", "password_file") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError("expected one of [console.auth.oidc], [console.auth.header], [console.auth.password_file]")
        check_secret(self, "cookie_secret", required=False)
        if (told := secret(self, "cookie_secret")) and len(told) < 32:
            raise ValueError("cookie_secret: it is too short to be safe; expected 32 characters or more")
        return self

    @field_validator("session")
    @classmethod
    def _is_not_for_ever(cls, seconds: float) -> float:
        if seconds > 30 * 86400:
            raise ValueError("expected at most 30d")
        return seconds


def is_among(name: str, users: Sequence[str]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in users)


def to_json(settings: AuthSettings) -> str:
    """The settings with their secrets, for the console's process alone."""
    plain = settings.model_dump(mode="json", exclude_none=True)
    _reveal(plain, settings, "cookie_secret")
    if settings.oidc is not None:
        _reveal(plain["oidc"], settings.oidc, "client_secret")
    return json.dumps(plain)


def from_json(text: str) -> AuthSettings:
    return AuthSettings.model_validate_json(text)


def _reveal(plain: dict[str, Any], settings: Settings, key: str) -> None:
    for way in (key, f"{key}_file", f"{key}_env"):
        plain.pop(way, None)
    if told := secret(settings, key):
        plain[key] = told
