"""How a target is reached that asks who the agent is: user, password and certificates, by the same names everywhere."""

from __future__ import annotations

import ssl
from pathlib import Path

from pydantic import SecretStr, field_validator, model_validator

from collectors.base import TargetSettings, readable


class Access(TargetSettings):
    """Settings of a target that may want a login and certificates. Files are read each time: secrets are renewed."""

    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None

    @field_validator("password_file", "ssl_cafile", "ssl_certfile", "ssl_keyfile")
    @classmethod
    def _is_readable(cls, file: Path | None) -> Path | None:
        return readable(file)

    @model_validator(mode="after")
    def _names_one_secret(self) -> Access:
        if self.password is not None and self.password_file is not None:
            raise ValueError("expected either password or password_file")
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise ValueError("ssl_keyfile belongs to a certificate; expected ssl_certfile too")
        return self

    @property
    def has_password(self) -> bool:
        return self.password is not None or self.password_file is not None

    @property
    def secret(self) -> str | None:
        """The password; raises OSError."""
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").strip()
        return self.password.get_secret_value() if self.password else None

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password for HTTP; raises OSError."""
        return None if self.username is None else (self.username, self.secret or "")

    def tls(self) -> ssl.SSLContext:
        """How the servers' certificates are verified, and the agent's own is shown; raises OSError."""
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        if self.ssl_certfile is not None:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
        return context
