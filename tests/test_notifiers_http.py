"""Webhook, Slack, PagerDuty, Opsgenie and Apprise: what they are sent, and what is made of their answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from receiving import NOW, Receiver, a_notification, an_alert, made, receiving, self_signed
from test_texts import HOSTILE

from monitor.alerts.messages import Notification
from monitor.alerts.notifiers import KINDS, NotifyError, notifier_class
from monitor.alerts.notifiers.http import retry_after

KEY = "00112233445566778899aabbccddeeff"
RESOLVED = a_notification(an_alert("resolved"))
HUGE = a_notification(*(an_alert(summary="s" * 9000, destination="d" * 9000, n=str(n)) for n in range(80)), truncated=9)
HOSTILE_MESSAGE = a_notification(an_alert(summary=HOSTILE, destination=HOSTILE, alertname=HOSTILE), group=HOSTILE)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(200) as made:
        yield made


def sent(receiver: Receiver, kind: str, message: Notification, **settings: Any) -> Any:
    if kind in ("webhook", "slack", "pagerduty", "opsgenie"):
        settings = {"url": receiver.url, **settings}
    if kind == "pagerduty":
        settings = {"routing_key": "k" * 32, **settings}
    if kind == "opsgenie":
        settings = {"api_key": "genie-key", **settings}
    made(kind, **settings).send(message, KEY)
    return receiver.bodies[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_made_and_says_what_it_takes(kind: str) -> None:
    found = notifier_class(kind)

    assert {"name", "kind", "timeout", "send_resolved", "max_waiting"} <= set(found.Settings.model_fields)
    assert isinstance(found.holds_open, bool)


def test_a_webhook_is_told_in_the_form_of_alertmanager(receiver: Receiver) -> None:
    body = sent(receiver, "webhook", a_notification(an_alert(), an_alert(destination="bills.dlq"), truncated=1))

    assert {key: body[key] for key in ("version", "status", "receiver", "groupKey", "truncatedAlerts")} == {
        "version": "4", "status": "firing", "receiver": "ops", "groupKey": "g", "truncatedAlerts": 1,
    }  # fmt: skip
    assert "destination" not in body["commonLabels"]
    assert body["commonLabels"]["alertname"] == "DeadLettersGrowing"
    assert body["commonAnnotations"]["summary"] == "3 new dead letters in orders.dlq"
    assert body["alerts"][1] == {
        "status": "firing",
        "labels": {
            "alertname": "DeadLettersGrowing", "severity": "critical", "target": "kafka", "destination": "bills.dlq",
            "source": "orders",
        },
        "annotations": {
            "summary": "3 new dead letters in orders.dlq", "description": "Read one of them for the cause.",
            "threshold": "above 0", "console_url": "http://console/now?at=1",
        },
        "startsAt": "2023-11-14T22:13:20.000Z", "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://console/now?at=1", "fingerprint": "00000000000000aa",
    }  # fmt: skip


def test_a_webhook_can_tell_the_same_message_sent_twice(receiver: Receiver) -> None:
    sent(receiver, "webhook", a_notification(), authorization="Bearer top-secret")

    assert receiver.requests[0].headers["idempotency-key"] == KEY
    assert receiver.requests[0].headers["authorization"] == "Bearer top-secret"


def test_slack_is_told_the_alert_its_facts_what_to_do_and_the_link(receiver: Receiver) -> None:
    body = sent(receiver, "slack", a_notification())

    header, facts, what, link, _ = body["blocks"]
    assert body["text"] == "FIRING: 3 new dead letters in orders.dlq"
    assert header["text"]["text"] == "🔴 FIRING: 3 new dead letters in orders.dlq"
    assert facts["fields"][0] == {"type": "plain_text", "text": "Destination\norders.dlq", "emoji": False}
    assert what["text"]["text"] == "Read one of them for the cause."
    assert link["text"]["text"] == "<http://console/now?at=1|Open in the console>"


def test_slack_is_told_of_one_alert_in_the_header_and_of_several_each_by_itself(receiver: Receiver) -> None:
    alone = sent(receiver, "slack", a_notification())["blocks"]
    both = sent(receiver, "slack", a_notification(an_alert(), an_alert(summary="orders is slow")))["blocks"]

    assert [one for one in alone if "fields" in one and "text" in one] == []
    assert [one["text"]["text"] for one in both if "fields" in one] == [
        "🔴 3 new dead letters in orders.dlq",
        "🔴 orders is slow",
    ]


def test_slack_keeps_within_the_limits_of_block_kit(receiver: Receiver) -> None:
    body = sent(receiver, "slack", HUGE)

    blocks = body["blocks"]
    assert len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= 150
    assert blocks[-1]["text"]["text"] == "and 78 more alerts."
    for block in blocks[1:]:
        assert len(block.get("text", {"text": ""})["text"]) <= 3000
        assert len(block.get("fields", [])) <= 10
        assert all(len(one["text"]) <= 2000 for one in block.get("fields", []))


def test_in_slack_a_hostile_name_is_neither_markup_nor_a_mention(receiver: Receiver) -> None:
    body = sent(receiver, "slack", HOSTILE_MESSAGE)

    assert "<!channel>" not in body["text"]
    assert "&lt;!channel&gt;" in body["text"]
    read_as_markup = [b["text"]["text"] for b in body["blocks"] if b.get("text", {}).get("type") == "mrkdwn"]
    assert read_as_markup == ["<http://console/now?at=1|Open in the console>"]


def test_pagerduty_opens_an_incident_and_resolves_it_under_the_same_key(receiver: Receiver) -> None:
    opened, closed = (sent(receiver, "pagerduty", one) for one in (a_notification(), RESOLVED))

    assert opened["event_action"] == "trigger"
    assert closed == {"routing_key": "k" * 32, "event_action": "resolve", "dedup_key": opened["dedup_key"]}
    assert len(opened["dedup_key"]) <= 255
    assert opened["links"] == [{"href": "http://console/now?at=1", "text": "Console"}]
    details = opened["payload"].pop("custom_details")
    assert details["Threshold"] == "above 0"
    assert opened["payload"] == {
        "summary": "FIRING: 3 new dead letters in orders.dlq", "source": "kafka", "severity": "critical",
        "timestamp": "2023-11-14T22:13:20.000Z", "component": "orders.dlq", "group": "", "class": "DeadLettersGrowing",
    }  # fmt: skip


def test_pagerduty_is_told_of_another_group_as_another_incident(receiver: Receiver) -> None:
    first, second = (sent(receiver, "pagerduty", a_notification(group=group)) for group in "ab")

    assert first["dedup_key"] != second["dedup_key"]


def test_an_event_for_pagerduty_keeps_within_its_limits(receiver: Receiver) -> None:
    body = sent(receiver, "pagerduty", HUGE)

    assert len(body["payload"]["summary"]) <= 1024
    assert len(json.dumps(body)) < 512 * 1024


def test_opsgenie_creates_an_alert_and_closes_it_by_alias(receiver: Receiver) -> None:
    settings = {"url": f"{receiver.url}/v2/alerts", "teams": ["night"], "tags": ["eda"]}
    created, closed = (sent(receiver, "opsgenie", one, **settings) for one in (a_notification(), RESOLVED))

    create, close = receiver.requests
    assert create.headers["authorization"] == close.headers["authorization"] == "GenieKey genie-key"
    assert create.path == "/v2/alerts"
    assert close.path == f"/v2/alerts/{created['alias']}/close?identifierType=alias"
    assert closed["source"] == "eda-monitor"
    assert (created["message"], created["priority"]) == ("FIRING: 3 new dead letters in orders.dlq", "P1")
    assert created["responders"] == [{"type": "team", "name": "night"}]
    assert created["tags"] == ["eda", "DeadLettersGrowing", "critical"]
    assert created["details"]["Destination"] == "orders.dlq"


def test_an_alert_for_opsgenie_keeps_within_its_limits(receiver: Receiver) -> None:
    body = sent(receiver, "opsgenie", HUGE)

    limits = {"message": 130, "alias": 512, "description": 15_000, "entity": 512}
    assert all(len(body[key]) <= limit for key, limit in limits.items())
    assert all(len(tag) <= 50 for tag in body["tags"])
    assert sum(len(key) + len(text) for key, text in body["details"].items()) <= 8000


def test_apprise_reaches_what_it_knows_by_url(receiver: Receiver) -> None:
    body = sent(receiver, "apprise", a_notification(), url=receiver.url.replace("http", "json"))

    assert body["title"] == "FIRING: 3 new dead letters in orders.dlq"
    assert "Destination: orders.dlq" in body["message"]
    assert body["type"] == "failure"
    assert sent(receiver, "apprise", RESOLVED, url=receiver.url.replace("http", "json"))["type"] == "success"


def test_what_apprise_could_not_deliver_is_tried_again_and_names_no_secret() -> None:
    with receiving(500) as receiver:
        sender = made("apprise", url=receiver.url.replace("http://", "json://user:hunter2@"))
        with pytest.raises(NotifyError, match=r"^json: Apprise could not deliver") as caught:
            sender.send(a_notification(), KEY)

    assert not caught.value.permanent


@pytest.mark.parametrize("kind", ["webhook", "slack", "pagerduty", "opsgenie", "apprise"])
@pytest.mark.parametrize("message", [HOSTILE_MESSAGE, HUGE], ids=["hostile", "huge"])
def test_no_name_keeps_a_message_from_being_sent(receiver: Receiver, kind: str, message: Notification) -> None:
    extra = {"url": receiver.url.replace("http", "json")} if kind == "apprise" else {}

    assert sent(receiver, kind, message, **extra)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(500, False), (503, False), (429, False), (408, False), (404, True), (400, True), (302, True)],
)
def test_an_answer_says_whether_to_try_again(status: int, permanent: bool) -> None:
    with receiving(status, headers={"Retry-After": "17"}) as receiver, pytest.raises(NotifyError) as caught:
        sent(receiver, "webhook", a_notification())

    assert (caught.value.permanent, caught.value.retry_after) == (permanent, 17)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("5", 5), ("soon", None), ("-3", None), ("", None),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0),
    ],
)  # fmt: skip
def test_a_receiver_may_name_a_time(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_a_failure_says_what_the_receiver_said_and_no_secret() -> None:
    with receiving(403, answer=b"token s3cr3t-token of /hook/s3cr3t-path\nis not known") as receiver:
        url = receiver.url.replace("http://", "http://user:hunter2@") + "/hook/s3cr3t-path?token=s3cr3t-token"
        with pytest.raises(NotifyError) as caught:
            made("webhook", url=url).send(a_notification(), KEY)

    assert str(caught.value) == f"{receiver.url} answered 403 Forbidden: token … of …\nis not known".replace("\n", " ")


def test_an_answer_without_end_is_cut(receiver: Receiver) -> None:
    receiver.answer = b"x" * 1_000_000

    assert len(made("webhook", url=receiver.url).send(a_notification(), KEY)) < 300


def test_a_receiver_that_is_not_there_is_named_without_its_secrets() -> None:
    with pytest.raises(NotifyError, match=r"^http://127\.0\.0\.1:1: ConnectError: \[Errno 111\] Connection refused$"):
        made("webhook", url="http://u:hunter2@127.0.0.1:1/s3cr3t").send(a_notification(), KEY)


def test_a_certificate_is_trusted_by_its_authority_and_else_not(tmp_path: Path) -> None:
    authority = self_signed(tmp_path)
    with receiving(200, certificate=tmp_path) as receiver:
        made("webhook", url=receiver.url, ssl_cafile=str(authority)).send(a_notification(), KEY)
        with pytest.raises(NotifyError, match="CERTIFICATE_VERIFY_FAILED"):
            made("webhook", url=receiver.url).send(a_notification(), KEY)

    assert len(receiver.bodies) == 1


def test_a_receiver_that_hangs_costs_no_more_than_its_timeout(receiver: Receiver) -> None:
    receiver.go.clear()
    began = time.monotonic()

    with pytest.raises(NotifyError, match=r"did not answer within 0\.2 s"):
        made("webhook", url=receiver.url, timeout=0.2).send(a_notification(), KEY)

    assert time.monotonic() - began < 5


def test_a_secret_in_a_file_is_read_anew_for_every_message(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(f"{receiver.url}/old\n")
    sender = made("slack", url_file=str(file))
    sender.send(a_notification(), KEY)
    file.write_text(f"{receiver.url}/new\n")

    sender.send(a_notification(), KEY)

    assert [request.path for request in receiver.requests] == ["/old", "/new"]


def test_a_secret_may_come_from_the_environment(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PD_KEY", "from-the-environment")

    assert sent(receiver, "pagerduty", a_notification(), routing_key=None, routing_key_env="PD_KEY")["routing_key"] == (
        "from-the-environment"
    )
