"""Names of things in AWS. Pure. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

from __future__ import annotations

from typing import NamedTuple


class Arn(NamedTuple):
    """`arn:partition:service:region:account:resource`; `resource` may have colons and slashes of its own."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def name(self) -> str:
        """The last word of the resource."""
        return self.resource.replace(":", "/").rpartition("/")[2]


def parsed(text: str) -> Arn | None:
    """The parts of an ARN; None where it is none."""
    parts = text.split(":", 5)
    return Arn(*parts[1:]) if len(parts) == 6 and parts[0] == "arn" else None
