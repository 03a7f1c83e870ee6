"""What a target of kind "eventbridge" takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from collectors.aws.settings import AwsSettings
from collectors.base import Filter


class EventBridgeSettings(AwsSettings):
    buses: Filter = Filter()
    #: By their names, whatever their bus.
    rules: Filter = Filter()
    #: Rules that get series, at most, by name.
    rule_budget: Annotated[int, Field(ge=0)] = 1000
    #: Rules whose targets are read in a cycle; the others follow in the next ones. AWS takes some 50 such requests a
    #: second, of everybody in the account together.
    topology_budget: Annotated[int, Field(ge=1)] = 200
    #: Whether the slowest one in a hundred deliveries is asked for too: one more metric a rule.
    latency_p99: bool = True
