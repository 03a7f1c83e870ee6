"""Against a real Alertmanager: alerts appear there, are silenced there, and resolve."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from integration.conftest import or_skip

from monitor.alerts.links import console_link
from monitor.alerts.notifiers.alertmanager import AlertmanagerSettings
from monitor.alerts.resending import Resender
from monitor.cli.trial import notification, tried
from monitor.demo.services import alertmanager
from monitor.store.writer import AlertState

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def members() -> Iterator[list[str]]:
    with or_skip(alertmanager()) as first, or_skip(alertmanager()) as second:
        yield [first, second]


@pytest.fixture
def state() -> AlertState:
    labels = {"alertname": "DeadLettersGrowing", "severity": "critical", "destination": f"o-{uuid.uuid4().hex}"}
    now = time.time()
    return AlertState("DeadLettersGrowing", "f", labels, "firing", now, now, None, 3.0, {"summary": "3 new"}, now)


def alerts(url: str, state: AlertState, **parameters: str) -> list[dict[str, Any]]:
    wanted = {"filter": f'destination="{state.labels["destination"]}"', **parameters}
    found: list[dict[str, Any]] = httpx.get(f"{url}/api/v2/alerts", params=wanted).json()
    return found


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def resender(url: str, **settings: Any) -> Resender:
    given = AlertmanagerSettings.model_validate({"name": "am", "kind": "alertmanager", "urls": [url], **settings})
    return Resender(given, url, 1.0, "http://console")


def test_an_alert_appears_and_resolves_in_every_member(members: list[str], state: AlertState) -> None:
    tellers = [resender(url) for url in members]
    for one, url in zip(tellers, members, strict=True):
        one.resend([state], time.time(), True)
        until(lambda url=url: len(alerts(url, state)) == 1)  # type: ignore[misc]
        (alert,) = alerts(url, state)
        assert alert["labels"] == state.labels
        page = console_link("http://console", state.labels, {}, state.fired_at or 0)
        assert alert["annotations"] == {"summary": "3 new", "console_url": page}
        assert alert["generatorURL"] == page

    over = replace(state, state="resolved", resolved_at=time.time())
    for one, url in zip(tellers, members, strict=True):
        one.resend([over], time.time(), True)
        until(lambda url=url: alerts(url, state) == [])  # type: ignore[misc]


def test_an_alert_that_is_told_again_stays_the_same_alert(members: list[str], state: AlertState) -> None:
    teller = resender(members[0], resend_delay="1s")
    teller.resend([state], time.time(), True)
    until(lambda: len(alerts(members[0], state)) == 1)
    (first,) = alerts(members[0], state)

    teller.resend([state], time.time() + 1.5, True)
    until(lambda: alerts(members[0], state)[0]["endsAt"] > first["endsAt"])

    (again,) = alerts(members[0], state)
    assert (again["startsAt"], again["fingerprint"]) == (first["startsAt"], first["fingerprint"])


def test_an_alert_that_is_not_told_again_ends_there(members: list[str], state: AlertState) -> None:
    resender(members[0], resend_delay="500ms").resend([state], time.time(), True)
    until(lambda: len(alerts(members[0], state)) == 1)

    until(lambda: alerts(members[0], state) == [])


def test_an_alert_can_be_silenced_there(members: list[str], state: AlertState) -> None:
    now = datetime.now(UTC)
    matcher = {"name": "destination", "value": state.labels["destination"], "isRegex": False, "isEqual": True}
    silence = {
        "matchers": [matcher], "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "test", "comment": "test",
    }  # fmt: skip
    made = httpx.post(f"{members[0]}/api/v2/silences", json=silence).json()["silenceID"]

    resender(members[0]).resend([state], time.time(), True)

    until(lambda: [one["status"]["state"] for one in alerts(members[0], state)] == ["suppressed"])
    assert alerts(members[0], state)[0]["status"]["silencedBy"] == [made]


def test_a_test_message_is_taken(members: list[str]) -> None:
    given = AlertmanagerSettings.model_validate({"name": "am", "kind": "alertmanager", "urls": members})

    outcome = tried(given, notification("am", "http://console", time.time()))

    assert (outcome.ok, outcome.answer) == (True, "200 OK; 200 OK; 200 OK; 200 OK")
