"""Whether a resource's policy lets a service of AWS in. Pure.

Where a statement says more than is understood here it counts as letting it in: what is not certain is no fault.
The language: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from collectors.aws.arn import parsed

_SOURCE_ARN, _SOURCE_ACCOUNT = "aws:sourcearn", "aws:sourceaccount"
_OPERATORS = re.compile(r"(Arn|String)(Equals|Like)(IfExists)?", re.I)


@lru_cache(maxsize=4096)  # a policy is looked at in every cycle, and seldom changes
def admits(policy: str | None, service: str, action: str, source: str) -> bool:
    """Whether the policy lets the service (`sns.amazonaws.com`) do the action on behalf of the ARN `source`."""
    statements = _statements(policy)
    return any(_allows(one, service, action, source) for one in statements)


def _statements(policy: str | None) -> list[dict[str, Any]]:
    try:
        found = json.loads(policy or "{}").get("Statement", [])
    except (ValueError, AttributeError):
        return []
    return [one for one in _listed(found) if isinstance(one, dict)]


def _allows(statement: dict[str, Any], service: str, action: str, source: str) -> bool:
    return (
        statement.get("Effect") == "Allow"
        and _names(statement, service)
        and (any(_matches(str(one), action) for one in _listed(statement.get("Action"))) or "NotAction" in statement)
        and _holds(statement.get("Condition") or {}, source)
    )


def _names(statement: dict[str, Any], service: str) -> bool:
    principal = statement.get("Principal")
    if principal is None:
        return "NotPrincipal" in statement
    if isinstance(principal, str):
        return principal == "*"
    return service in _listed(principal.get("Service")) or "*" in _listed(principal.get("AWS"))


def _holds(condition: dict[str, Any], source: str) -> bool:
    """Whether the conditions on where the request comes from hold; others are taken to."""
    arn = parsed(source)
    actual = {_SOURCE_ARN: source, _SOURCE_ACCOUNT: arn.account if arn is not None else ""}
    for operator, keys in condition.items():
        if not _OPERATORS.fullmatch(operator):
            continue
        for key, patterns in keys.items():
            known = actual.get(key.lower())
            if known and not any(_matches(str(pattern), known) for pattern in _listed(patterns)):
                return False
    return True


def _matches(pattern: str, text: str) -> bool:
    """`*` stands for anything, `?` for one sign; actions and ARNs are compared without case."""
    parts = (re.escape(part).replace(r"\?", ".") for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), text, re.I | re.S) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
