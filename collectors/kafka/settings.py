"""What a target of kind "kafka" takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from collectors.access import Access
from collectors.base import Filter, Settings, readable
from collectors.kafka.oauth import ClientCredentials, FileToken

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


class DeadLetterTopic(Settings):
    """A dead-letter topic declared by hand, beside those known by their names."""

    destination: str
    source: str = ""


class KafkaSettings(Access):
    bootstrap_servers: Annotated[tuple[str, ...], Field(min_length=1)]
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Mechanism | None = None
    oauth_token_file: Path | None = None
    oauth_token_url: str | None = None
    oauth_scope: str | None = None
    ssl_check_hostname: bool = True
    topics: Filter = Filter()
    groups: Filter = Filter()
    dead_letters: tuple[DeadLetterTopic, ...] = ()
    #: Series of backlog by partition, at most.
    partition_budget: Annotated[int, Field(ge=0)] = 1000
    #: Records read a cycle to know the longest waits exactly; needs Read on the topics.
    exact_ages: Annotated[int, Field(ge=0, le=100)] = 8
    #: Expose the names of kafka_exporter as well.
    kafka_exporter_names: bool = False

    @field_validator("oauth_token_file")
    @classmethod
    def _is_readable_token(cls, file: Path | None) -> Path | None:
        return readable(file)

    @model_validator(mode="after")
    def _fits_together(self) -> KafkaSettings:
        if self.security_protocol.startswith("SASL") and self.sasl_mechanism is None:
            raise ValueError(f"security_protocol {self.security_protocol} needs sasl_mechanism, such as SCRAM-SHA-512")
        if self.sasl_mechanism is not None and not self.security_protocol.startswith("SASL"):
            raise ValueError("sasl_mechanism needs security_protocol SASL_SSL or SASL_PLAINTEXT")
        if self.sasl_mechanism == "OAUTHBEARER":
            if (self.oauth_token_file is None) == (self.oauth_token_url is None):
                raise ValueError("OAUTHBEARER needs either oauth_token_file or oauth_token_url")
            if self.oauth_token_url and not (self.username and self.secret):
                raise ValueError("oauth_token_url needs the client's id as username and its secret as password")
        elif self.sasl_mechanism is not None and not (self.username and self.secret):
            raise ValueError(f"sasl_mechanism {self.sasl_mechanism} needs username and password or password_file")
        return self

    @property
    def principal(self) -> str:
        """Who the brokers take the agent for, as far as the settings tell."""
        return f"User:{self.username}" if self.username else "User:ANONYMOUS or the certificate's subject"

    def client(self) -> dict[str, Any]:
        """The configuration of kafka-python's clients."""
        files = {"ssl_cafile": self.ssl_cafile, "ssl_certfile": self.ssl_certfile, "ssl_keyfile": self.ssl_keyfile}
        return {
            "bootstrap_servers": list(self.bootstrap_servers),
            "client_id": "eda-monitor",
            "security_protocol": self.security_protocol,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.secret,
            "sasl_oauth_token_provider": self._tokens(),
            "ssl_check_hostname": self.ssl_check_hostname,
            **{name: str(file) for name, file in files.items() if file is not None},
        }

    def _tokens(self) -> FileToken | ClientCredentials | None:
        if self.oauth_token_file is not None:
            return FileToken(self.oauth_token_file)
        if self.oauth_token_url is not None:
            return ClientCredentials(self.oauth_token_url, self.username or "", self.secret or "", self.oauth_scope)
        return None
