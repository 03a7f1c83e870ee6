"""Messages in the outbox as releases before this one wrote them: in the form of Alertmanager's webhook."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from monitor.alerts.messages import AlertMessage, Notification


def from_webhook(raw: dict[str, Any]) -> Notification:
    """Raises KeyError, TypeError or ValueError for anything else."""
    return Notification(
        raw["receiver"], raw["groupKey"], raw["groupLabels"], raw["status"],
        tuple(_alert(alert) for alert in raw["alerts"]), raw["truncatedAlerts"], raw["externalURL"],
    )  # fmt: skip


def _alert(raw: dict[str, Any]) -> AlertMessage:
    ends_at = _epoch(raw["endsAt"]) if raw["status"] == "resolved" else None
    return AlertMessage(
        raw["status"], raw["labels"], raw["annotations"], _epoch(raw["startsAt"]) or 0.0, ends_at, raw["fingerprint"],
        float("nan"), raw["generatorURL"],
    )  # fmt: skip


def _epoch(text: str) -> float | None:
    return None if text.startswith("0001-") else datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
