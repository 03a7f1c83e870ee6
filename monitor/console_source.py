"""`[console] source` as it is written: the HTTP API that the console reads instead of the store."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, field_validator, model_validator

from collectors.base import Settings, readable

#: Secrets from the environment, where the file names none.
PASSWORD_VARIABLE = "EDA_MONITOR_SOURCE_PASSWORD"
TOKEN_VARIABLE = "EDA_MONITOR_SOURCE_TOKEN"


class SourceSettings(Settings):
    """An API that speaks as Prometheus does; `url` is what stands before `/api/v1`."""

    url: str
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    bearer_token_file: Path | None = None
    ssl_cafile: Path | None = None

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("it is not a URL; expected http://host… or https://host…, such as http://prometheus:9090")
        if parts.username or parts.password:
            raise ValueError("it holds a login; expected username and password_file beside it")
        if parts.query or parts.fragment or "/api/v1" in parts.path:
            raise ValueError("it is more than the address; expected what stands before /api/v1")
        return url.rstrip("/")

    @field_validator("password_file", "bearer_token_file", "ssl_cafile")
    @classmethod
    def _is_readable(cls, file: Path | None) -> Path | None:
        return readable(file)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("expected either password or password_file")
        if self.username is None and (self.password is not None or self.password_file is not None):
            raise ValueError("expected username together with password or password_file")
        if self.username is not None and self.bearer_token_file is not None:
            raise ValueError("expected either username or bearer_token_file")
        return self

    def authorization(self) -> dict[str, str]:
        """The header that logs in; files are read each time, because secrets are renewed. Raises OSError."""
        if self.username is not None:
            login = f"{self.username}:{self._password()}"
            return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
        file = self.bearer_token_file
        token = os.environ.get(TOKEN_VARIABLE, "") if file is None else file.read_text(encoding="utf-8").strip()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _password(self) -> str:
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").strip()
        return os.environ.get(PASSWORD_VARIABLE, "") if self.password is None else self.password.get_secret_value()

    def told(self) -> str:
        """As another process of ours reads it, by `model_validate_json`; with the password."""
        written = self.model_dump(mode="json", exclude_none=True)
        secret = {} if self.password is None else {"password": self.password.get_secret_value()}
        return json.dumps({**written, **secret})


def _as_table(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


#: An address alone, or a table with how to log in there.
SourceOption = Annotated[SourceSettings | None, BeforeValidator(_as_table)]
