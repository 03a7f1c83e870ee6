"""What a target of kind "kafka" takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator

from collectors.base import Filter, Settings, TargetSettings


class DeadLetterTopic(Settings):
    """A dead-letter topic declared by hand, beside those known by their names."""

    destination: str
    source: str = ""


class KafkaSettings(TargetSettings):
    bootstrap_servers: Annotated[tuple[str, ...], Field(min_length=1)]
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_check_hostname: bool = True
    topics: Filter = Filter()
    groups: Filter = Filter()
    dead_letters: tuple[DeadLetterTopic, ...] = ()

    @field_validator("password_file")
    @classmethod
    def _is_readable(cls, file: Path | None) -> Path | None:
        try:
            if file is not None:
                file.read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"the secret file {file} cannot be read: {error.strerror}") from None
        return file

    def client(self) -> dict[str, Any]:
        """The configuration of kafka-python's clients."""
        password = self.password.get_secret_value() if self.password else None
        if self.password_file is not None:
            password = self.password_file.read_text(encoding="utf-8").strip()
        files = {"ssl_cafile": self.ssl_cafile, "ssl_certfile": self.ssl_certfile, "ssl_keyfile": self.ssl_keyfile}
        return {
            "bootstrap_servers": list(self.bootstrap_servers),
            "client_id": "eda-monitor",
            "security_protocol": self.security_protocol,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": password,
            "ssl_check_hostname": self.ssl_check_hostname,
            **{name: str(file) for name, file in files.items() if file is not None},
        }
