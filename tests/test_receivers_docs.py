"""docs/receivers.md says what is: every key of every kind, examples that are read, and messages as they are sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from receiving import a_notification

from monitor import config
from monitor.alerts.notifiers import KINDS, alertmanager, notifier_class, opsgenie, pagerduty, slack, texts, webhook
from monitor.alerts.notifiers.base import ReceiverSettings
from monitor.alerts.settings import AlertingSettings

DOC = (Path(__file__).parent.parent / "docs/receivers.md").read_text(encoding="utf-8")
MESSAGES = {
    "webhook": webhook.payload(a_notification()),
    "alertmanager": alertmanager.as_alerts(a_notification()),
    "slack": slack.payload(a_notification()),
    "pagerduty": pagerduty.event(a_notification()),
    "opsgenie": opsgenie.alert(
        a_notification(),
        opsgenie.OpsgenieSettings.model_validate({"name": "g", "kind": "opsgenie", "api_key": "k"}),
    ),
}


def section(title: str) -> str:
    return DOC.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_kind_is_told(kind: str) -> None:
    own = notifier_class(kind).Settings.model_fields.keys() - ReceiverSettings.model_fields.keys()
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|.*\|$", section(kind), re.M))))

    assert own <= told


def test_every_key_that_all_have_is_told() -> None:
    told = set(re.findall(r"^\| `(\w+)`", section("What all have"), re.M))

    assert told == set(ReceiverSettings.model_fields)


def test_every_key_of_alerting_is_told_with_its_default() -> None:
    told = set(re.findall(r"`(\w+)`", section("Who is told of what")))

    assert AlertingSettings.model_fields.keys() <= told


def test_the_examples_are_a_configuration() -> None:
    text = "\n".join(re.findall(r"^```toml\n(.*?)^```", DOC, re.M | re.S))

    loaded = config.parse(text, source="docs/receivers.md", folder=Path("/etc/eda"))

    assert {one.kind for one in loaded.receivers} == set(KINDS)
    assert len(loaded.alerting.routes) == len(loaded.alerting.windows) == 2


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_is_printed_as_it_is_sent(kind: str) -> None:
    (printed,) = re.findall(rf"^```json {kind}\n(.*?)^```", DOC, re.M | re.S)

    assert json.loads(printed) == MESSAGES[kind]


def test_the_text_of_a_mail_is_printed_as_it_is_sent() -> None:
    (printed,) = re.findall(r"^```text email\n(.*?)^```", DOC, re.M | re.S)

    assert printed.rstrip("\n") == texts.plain(a_notification(), 1000)
