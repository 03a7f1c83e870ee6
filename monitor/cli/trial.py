"""`eda-monitor alerts test RECEIVER`: a real message on request, and what came back.

Exit codes: 0 the receiver took it, 1 it did not, 2 the command or the configuration is wrong.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import typer

from monitor import config as configuration
from monitor.alerts.messages import AlertMessage, Notification
from monitor.alerts.notifiers import NotifyError, ReceiverSettings, notifier
from monitor.cli.options import ConfigOption, JsonOption
from monitor.config import Config


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a message. `answer` is what the receiver said, or why it was not reached; it holds no secret."""

    receiver: str
    kind: str
    ok: bool
    answer: str
    seconds: float


def test(
    receiver: Annotated[str, typer.Argument(help="Name of the receiver.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a real message to a receiver and say what came back."""
    loaded = configuration.load(config)
    settings = _settings(loaded, receiver)
    outcome = tried(settings, notification(receiver, loaded.console.reached_at, time.time()))
    if as_json:
        print(json.dumps(asdict(outcome)))
    else:
        taken = "took the message" if outcome.ok else "did not take the message"
        print(f"{receiver} ({outcome.kind}) {taken} in {outcome.seconds:.2f} s: {outcome.answer}")
    if not outcome.ok:
        raise SystemExit(1)


def tried(settings: ReceiverSettings, message: Notification) -> Outcome:
    """Send the message; to a receiver that would hold its alert open, also that it is over."""
    sender, began = notifier(settings), time.monotonic()
    try:
        answer, ok = sender.send(message, uuid.uuid4().hex), True
        if sender.holds_open:
            answer = f"{answer}; {sender.send(resolved(message), uuid.uuid4().hex)}"
    except NotifyError as error:
        answer, ok = str(error), False
    return Outcome(settings.name, settings.kind, ok, answer, round(time.monotonic() - began, 3))


def notification(receiver: str, console_url: str, now: float) -> Notification:
    alert = AlertMessage(
        "firing",
        {"alertname": "EdaMonitorTest", "severity": "info", "target": "eda-monitor"},
        {"summary": "This is a test of eda-monitor", "description": "Nothing is wrong; there is nothing to do."},
        now, None, "0" * 16, 1.0, console_url,
    )  # fmt: skip
    labels = {"alertname": "EdaMonitorTest"}
    return Notification(receiver, f"test {receiver} {now}", labels, "firing", (alert,), 0, console_url)


def resolved(message: Notification) -> Notification:
    alerts = tuple(replace(one, status="resolved", ends_at=one.starts_at + 0.001) for one in message.alerts)
    return replace(message, status="resolved", alerts=alerts)


def _settings(config: Config, receiver: str) -> ReceiverSettings:
    found = next((one for one in config.receivers if one.name == receiver), None)
    if found is None:
        names = ", ".join(one.name for one in config.receivers) or "none is configured"
        print(f"eda-monitor: receivers: there is no {receiver!r}; expected one of: {names}", file=sys.stderr)
        raise SystemExit(2)
    return found
