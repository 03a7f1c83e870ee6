"""Which containers hold dead letters, how they are reached, and how much is read of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from collectors.base import Duration, Settings, readable


class DeadLetterContainer(Settings):
    """A container of a storage account that is the dead-letter destination of subscriptions."""

    container: str
    #: `https://<account>.blob.core.windows.net`; the agent's identity reads it.
    account_url: str | None = None
    #: In place of both: with an account's key or a shared access signature. Files are read each time.
    connection_string: SecretStr | None = None
    connection_string_file: Path | None = None

    @field_validator("container")
    @classmethod
    def _is_container(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9$][a-z0-9-]{1,61}[a-z0-9]", value):
            raise ValueError(f"{value!r} is no container; expected 3 to 63 lower-case letters, digits and hyphens")
        return value

    @field_validator("account_url")
    @classmethod
    def _is_account(cls, value: str | None) -> str | None:
        url = urlsplit(value or "https://account")
        if url.query or "@" in url.netloc:
            raise ValueError("no secret belongs into the URL; expected connection_string_file for a signature or a key")
        if url.scheme != "https" or not url.hostname:
            raise ValueError(f"{value!r} is not an account; expected https://<account>.blob.core.windows.net")
        return value

    @field_validator("connection_string_file")
    @classmethod
    def _is_readable(cls, file: Path | None) -> Path | None:
        return readable(file)

    @model_validator(mode="after")
    def _is_reached_in_one_way(self) -> DeadLetterContainer:
        ways = (self.account_url, self.connection_string, self.connection_string_file)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("expected one of account_url, connection_string and connection_string_file")
        if not self._account():
            raise ValueError("the connection string names no account; expected AccountName=… or BlobEndpoint=…")
        return self

    @property
    def name(self) -> str:
        """What the container is called: `account/container`."""
        return f"{self._account()}/{self.container}"

    @property
    def connection(self) -> str | None:
        """The connection string, where there is one; raises OSError."""
        if self.connection_string_file is not None:
            return self.connection_string_file.read_text(encoding="utf-8").strip()
        return self.connection_string.get_secret_value() if self.connection_string is not None else None

    def _account(self) -> str:
        """The name of the account, "" where it is not said; raises OSError."""
        said = dict(part.split("=", 1) for part in (self.connection or "").split(";") if "=" in part)
        if "AccountName" in said:
            return said["AccountName"]
        url = urlsplit(self.account_url or said.get("BlobEndpoint", ""))
        first = url.path.strip("/").split("/")[0]  # of a server of tests, whose address holds no account
        return first or (url.hostname or "").split(".")[0]


class DeadLetterReads(Settings):
    """How often containers are listed, and what may be read of their blobs. Event Grid itself waits 5 minutes before
    it writes a dead letter."""

    interval: Duration = 60.0
    #: How often a container that is not small is listed as a whole: that shows what was deleted from days gone by.
    full_interval: Duration = 3600.0
    #: Bytes of blobs that are read at a time, of the newest first, all containers together.
    bytes: Annotated[int, Field(ge=0)] = 2 * 1024 * 1024
    #: Of these, bytes of one blob.
    blob_bytes: Annotated[int, Field(ge=0)] = 256 * 1024
    #: Blobs that are read at a time.
    blobs: Annotated[int, Field(ge=0)] = 200
    #: Pages of 5,000 blobs that are listed at a time of a container.
    pages: Annotated[int, Field(ge=1)] = 20
    #: Blobs of a container that are known one by one; of the oldest beyond them only the number is known.
    known_blobs: Annotated[int, Field(ge=1)] = 200_000
