"""What one receiver is told at once: a group of alerts. The engine writes it into the outbox, a notifier sends it.

Times are UTC epoch seconds.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One alert of a notification. `status` is "firing" or "resolved"."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: float
    ends_at: float | None
    fingerprint: str
    value: float
    console_url: str


@dataclass(frozen=True, slots=True)
class Notification:
    """A group of alerts for one receiver. `status` is "firing" as long as one of them fires, else "resolved"."""

    receiver: str
    group_key: str
    group_labels: dict[str, str]
    status: str
    alerts: tuple[AlertMessage, ...]
    truncated: int
    external_url: str


def to_json(notification: Notification) -> str:
    return json.dumps(asdict(notification), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Notification:
    """The notification that `to_json` wrote; raises ValueError for any other text."""
    try:
        raw = json.loads(text)
        alerts = tuple(AlertMessage(**alert) for alert in raw.pop("alerts"))
        return Notification(alerts=alerts, **raw)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a notification: {error}") from None
