"""What a target of kind "handlers" takes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from collectors.access import Access
from collectors.base import readable
from collectors.handlers.addresses import DnsName, checked_url
from collectors.handlers.dialects.words import Names
from collectors.handlers.mapping import MetricMapping

#: Files of targets that can be read. YAML needs PyYAML.
_SUFFIXES = (".json", ".yml", ".yaml")


class HandlersSettings(Access):
    #: Pages in Prometheus' text format; every one is an instance.
    urls: tuple[str, ...] = ()
    #: Files in the form of Prometheus' file_sd; read anew when they change.
    file_sd: tuple[str, ...] = ()
    #: Names that lead to instances: `host:port/path`, or `_service._tcp.domain/path` for SRV records.
    dns: tuple[str, ...] = ()
    #: Where OTLP/HTTP is taken.
    otlp_listen: str | None = None
    #: Of instances that do not tell them.
    service: str = ""
    group: str = ""
    destination: str = ""
    #: Destination -> group, where it is not told.
    groups: dict[str, str] = Field(default_factory=dict)
    #: What an exporter calls a destination (or a handler, where it tells no destination) -> what the broker does.
    destinations: dict[str, str] = Field(default_factory=dict)
    mapping: tuple[MetricMapping, ...] = ()
    #: Series at most; what nobody counts any more makes room for others.
    series_budget: Annotated[int, Field(ge=1)] = 5000
    bearer_token_file: Path | None = None

    @field_validator("urls")
    @classmethod
    def _are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            checked_url(url)
        return urls

    @field_validator("dns")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if DnsName.parsed(name).port is None and importlib.util.find_spec("dns") is None:
                raise ValueError(
                    f"{name!r} asks for SRV records, which needs dnspython: pip install 'eda-monitor[handlers]'"
                )
        return names

    @field_validator("file_sd")
    @classmethod
    def _are_files(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if not pattern.endswith(_SUFFIXES):
                raise ValueError(
                    f"{pattern!r} ends in none of {', '.join(_SUFFIXES)}; expected such as 'targets/*.json'"
                )
        return patterns

    @field_validator("otlp_listen")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        host, _, port = (value or ":0").rpartition(":")
        if value is not None and (not host or not port.isdigit() or int(port) > 65535):
            raise ValueError(f"{value!r} is not an address; expected host:port, such as '127.0.0.1:4318'")
        return value

    @field_validator("bearer_token_file")
    @classmethod
    def _is_readable_token(cls, file: Path | None) -> Path | None:
        return readable(file)

    @model_validator(mode="after")
    def _fits_together(self) -> HandlersSettings:
        if not (self.urls or self.file_sd or self.dns or self.otlp_listen):
            raise ValueError("nothing to read; expected one of urls, file_sd, dns, otlp_listen")
        if (self.username is not None) != self.has_password:
            raise ValueError("expected username together with password or password_file")
        if self.username is not None and self.bearer_token_file is not None:
            raise ValueError("expected either username or bearer_token_file")
        return self

    def authorization(self) -> dict[str, str]:
        """The header that logs in; files are read each time, because tokens are renewed. Raises OSError."""
        if self.bearer_token_file is not None:
            return {"Authorization": f"Bearer {self.bearer_token_file.read_text(encoding='utf-8').strip()}"}
        return {}

    def names(self, service: str = "", group: str = "") -> Names:
        """What is said of names, with what a file of targets says of one instance."""
        return Names(self.service, self.group, self.destination, self.groups, self.destinations, service, group)
