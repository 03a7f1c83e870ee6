"""Notifiers: how a notification reaches its receiver, a module a kind."""

from __future__ import annotations

import importlib
from typing import Any

from monitor.alerts.notifiers.base import Notifier, NotifyError, ReceiverSettings

__all__ = ["KINDS", "Notifier", "NotifyError", "ReceiverSettings", "notifier", "notifier_class"]

#: kind of a receiver -> "module:Class" of its notifier; imported at first use.
KINDS: dict[str, str] = {
    "alertmanager": "monitor.alerts.notifiers.alertmanager:AlertmanagerNotifier",
    "apprise": "monitor.alerts.notifiers.apprise:AppriseNotifier",
    "email": "monitor.alerts.notifiers.email:EmailNotifier",
    "opsgenie": "monitor.alerts.notifiers.opsgenie:OpsgenieNotifier",
    "pagerduty": "monitor.alerts.notifiers.pagerduty:PagerDutyNotifier",
    "slack": "monitor.alerts.notifiers.slack:SlackNotifier",
    "webhook": "monitor.alerts.notifiers.webhook:WebhookNotifier",
}


def notifier_class(kind: str) -> Any:
    """The notifier of a kind; raises ImportError when what it needs is not installed."""
    module, _, name = KINDS[kind].partition(":")
    return getattr(importlib.import_module(module), name)


def notifier(settings: ReceiverSettings) -> Notifier:
    made: Notifier = notifier_class(settings.kind)(settings)
    return made
