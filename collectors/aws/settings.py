"""What every target in an AWS account takes."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from collectors.base import Duration, TargetSettings, http_url


class AwsSettings(TargetSettings):
    """An account and a region. Credentials are the SDK's own matter: its chain finds them, and renews them.

    The chain: environment, `profile` of the shared files (SSO and web identity too), container, instance.
    """

    interval: Duration = 60.0
    timeout: Duration = 30.0
    #: The SDK's own setting, if it is not told.
    region: str | None = None
    profile: str | None = None
    #: One address for all services, as emulators have it; a service's own is a matter of the SDK's configuration.
    endpoint_url: str | None = None
    #: A role to take on before anything is read, as in another account.
    role_arn: str | None = None
    external_id: str | None = None
    #: Requests in flight at once.
    connections: Annotated[int, Field(ge=1, le=100)] = 16
    #: How often queues, topics, rules and what is configured of them are read.
    topology_interval: Duration = 600.0
    #: How often CloudWatch is asked for what moves or fails, and for the rest.
    metrics_interval: Duration = 60.0
    quiet_metrics_interval: Duration = 300.0
    #: Metrics that CloudWatch is asked for in an hour, at most; 0 asks for none. 1,000 cost $0.01.
    metrics_budget: Annotated[int, Field(ge=0)] = 5000

    @field_validator("endpoint_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return None if value is None else http_url(value, "profile or the environment")

    @field_validator("role_arn")
    @classmethod
    def _is_role(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"arn:[\w-]+:iam::\d{12}:role/\S+", value):
            raise ValueError(f"{value!r} is not a role; expected arn:aws:iam::<account>:role/<name>")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> AwsSettings:
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id belongs to a role; expected role_arn too")
        return self
