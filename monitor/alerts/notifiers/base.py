"""What every notifier shares: its contract, its error, and settings that hold secrets."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Annotated, ClassVar, Protocol
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr

from collectors.base import Duration, Settings
from monitor.alerts.messages import Notification


class NotifyError(Exception):
    """A message was not taken. The text names the receiver's host, and holds no path and no secret.

    `permanent` says that the same message will be refused again; `retry_after` is in seconds, where the receiver named
    a time.
    """

    def __init__(self, message: str, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent, self.retry_after = permanent, retry_after


class Notifier(Protocol):
    """Sends to one receiver. Used by one thread at a time; keeps nothing between messages."""

    #: The settings model its receivers are validated with.
    Settings: ClassVar[type[ReceiverSettings]]
    #: Whether the receiver holds an alert open until it is told that it is resolved.
    holds_open: ClassVar[bool]

    def send(self, notification: Notification, key: str) -> str:
        """Send one message, within the receiver's timeout; returns what came back, in a line.

        The same `key` stands for the same message, sent again: a receiver that can tells them apart by it.
        Raises NotifyError.
        """


class ReceiverSettings(Settings):
    """What every receiver has, whatever its kind."""

    name: Annotated[str, Field(min_length=1)]
    kind: str
    #: Whether it is told that an alert is over.
    send_resolved: bool = True
    timeout: Duration = 10.0
    #: Messages that may wait for it; above it are dropped first those that a later one of their group replaces.
    max_waiting: Annotated[int, Field(ge=1)] = 1000


def _is_authority(file: Path | None) -> Path | None:
    if file is not None:
        try:
            ssl.create_default_context(cafile=file)
        except ssl.SSLError:
            raise ValueError(f"the file {file} holds no certificate; expected PEM") from None
        except OSError as error:
            raise ValueError(f"the file {file} cannot be read: {error.strerror}") from None
    return file


#: The authority that signed the receiver's certificate, where it is not a known one.
CaFile = Annotated[Path | None, AfterValidator(_is_authority)]


class HttpSettings(ReceiverSettings):
    """What every receiver has that is reached over HTTP."""

    ssl_cafile: CaFile = None


def check_secret(settings: Settings, key: str, required: bool = True) -> None:
    """Raise ValueError unless the secret is given in one way of `key`, `key_file` and `key_env`, and can be read.

    What the keys hold is not told: it may be the secret, put into the wrong one.
    """
    ways = [way for way in (key, f"{key}_file", f"{key}_env") if getattr(settings, way) is not None]
    if len(ways) > 1 or (required and not ways):
        raise ValueError(f"expected one of {key}, {key}_file and {key}_env")
    try:
        if ways and not secret(settings, key):
            raise ValueError(f"{ways[0]}: it is empty; expected {_MEANT[ways[0].removeprefix(key)]}")
    except NotifyError as error:
        raise ValueError(str(error)) from None


_MEANT = {"": "the secret", "_file": "a file that holds the secret", "_env": "the name of a variable that holds it"}


def secret(settings: Settings, key: str) -> str:
    """The secret as it stands now, so that a file may be replaced at any time; raises NotifyError."""
    given: SecretStr | None = getattr(settings, key)
    file: Path | None = getattr(settings, f"{key}_file")
    variable: str | None = getattr(settings, f"{key}_env")
    if given is not None:
        return given.get_secret_value()
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise NotifyError(f"{key}_file: the file cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise NotifyError(f"{key}_file: the file is not text; expected the secret in UTF-8") from None
    return os.environ.get(variable, "") if variable is not None else ""


def check_url(settings: Settings, key: str = "url") -> None:
    """As `check_secret`, for an URL of HTTP."""
    check_secret(settings, key)
    if not is_http(secret(settings, key)):
        raise ValueError(f"{key}: it is not a URL; expected http://host… or https://host…")


def is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        return False


def without_login(url: str) -> str:
    """The URL that people may be told: without the user and password that it may hold."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def redacted(url: str) -> str:
    """Scheme, host and port of a URL: path, query and user may hold a secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or '?'}{port}"
    except ValueError:
        return "an address that is none"
