"""A notification in the form of Alertmanager's webhook, version 4. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from monitor.alerts.messages import AlertMessage, Notification, from_json


def webhook_body(payload: str) -> str:
    """The body for a row of the outbox; rows that an older program wrote are bodies already."""
    try:
        return json.dumps(webhook(from_json(payload)))
    except ValueError:
        return payload


def webhook(n: Notification) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": n.group_key,
        "truncatedAlerts": n.truncated,
        "status": n.status,
        "receiver": n.receiver,
        "groupLabels": n.group_labels,
        "commonLabels": _common([alert.labels for alert in n.alerts]),
        "commonAnnotations": _common([_annotations(alert) for alert in n.alerts]),
        "externalURL": n.external_url,
        "alerts": [_alert(alert) for alert in n.alerts],
    }


def _alert(alert: AlertMessage) -> dict[str, Any]:
    return {
        "status": alert.status,
        "labels": alert.labels,
        "annotations": _annotations(alert),
        "startsAt": _rfc3339(alert.starts_at),
        "endsAt": _rfc3339(alert.ends_at),
        "generatorURL": alert.console_url,
        "fingerprint": alert.fingerprint,
    }


def _annotations(alert: AlertMessage) -> dict[str, str]:
    return {**alert.annotations, "console_url": alert.console_url}


def _common(every: Sequence[dict[str, str]]) -> dict[str, str]:
    first, *rest = every
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in rest)}


def _rfc3339(at: float | None) -> str:
    """Alertmanager writes the zero time where there is none."""
    return "0001-01-01T00:00:00Z" if at is None else datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
