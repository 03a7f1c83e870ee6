"""What an Alertmanager is told, and how often: as by Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from receiving import NOW, Receiver, a_notification, receiving

from monitor.alerts.notifiers.alertmanager import BATCH, AlertmanagerNotifier, AlertmanagerSettings
from monitor.alerts.resending import RESOLVED_SECONDS, Resender
from monitor.store.writer import AlertState

FIRING = AlertState(
    "DeadLettersGrowing", "f1", {"alertname": "DeadLettersGrowing", "target": "t"}, "firing", NOW - 9, NOW, None, 3.0,
    {"summary": "s"}, NOW,
)  # fmt: skip
RESOLVED = replace(FIRING, state="resolved", resolved_at=NOW + 100)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(200) as made:
        yield made


PAGE = "http://c/targets?target=t&at=2023-11-14T22:13:20Z"


def resender(receiver: Receiver, interval: float = 15.0, **settings: Any) -> Resender:
    given = AlertmanagerSettings(name="am", kind="alertmanager", urls=(receiver.url,), **settings)
    return Resender(given, receiver.url, interval, "http://c")


def tell(one: Resender, states: list[AlertState], *times: float, healthy: bool = True) -> None:
    for at in times:
        one.resend(states, at, healthy)


def test_a_firing_alert_is_told_at_once_and_then_every_resend_delay(receiver: Receiver) -> None:
    tell(resender(receiver), [FIRING], *(NOW + second for second in range(150)))

    assert [body[0]["endsAt"] for body in receiver.bodies] == [
        "2023-11-14T22:17:20.000Z", "2023-11-14T22:18:20.000Z", "2023-11-14T22:19:20.000Z",
    ]  # fmt: skip


def test_it_is_told_in_the_form_of_the_api(receiver: Receiver) -> None:
    tell(resender(receiver), [FIRING], NOW)

    (request,) = receiver.requests
    assert request.path == "/api/v2/alerts"
    assert request.body == [
        {
            "labels": {"alertname": "DeadLettersGrowing", "target": "t"},
            "annotations": {"summary": "s", "console_url": PAGE},
            "startsAt": "2023-11-14T22:13:20.000Z", "endsAt": "2023-11-14T22:17:20.000Z", "generatorURL": PAGE,
        }
    ]  # fmt: skip


def test_an_alert_links_to_the_page_that_its_rule_names(receiver: Receiver) -> None:
    tell(resender(receiver), [replace(FIRING, annotations={"page": "alerts"})], NOW)

    assert receiver.bodies[0][0]["generatorURL"] == PAGE.replace("targets", "alerts")


@pytest.mark.parametrize(("interval", "valid"), [(15, 240), (60, 240), (300, 1200)])
def test_an_alert_ends_by_itself_after_four_evaluations_or_resends(
    receiver: Receiver, interval: float, valid: int
) -> None:
    tell(resender(receiver, interval), [FIRING], NOW)

    assert receiver.bodies[0][0]["endsAt"] == f"2023-11-14T22:{13 + valid // 60}:20.000Z"


def test_a_resolved_alert_is_told_at_once_with_its_end_and_again_for_15_minutes(receiver: Receiver) -> None:
    one = resender(receiver)
    tell(one, [FIRING], NOW + 90)
    tell(one, [RESOLVED], *(NOW + second for second in range(100, 2000)))

    told = receiver.bodies[1:]
    assert len(told) == RESOLVED_SECONDS / 60
    assert {body[0]["endsAt"] for body in told} == {"2023-11-14T22:15:00.000Z"}


def test_an_alert_that_fires_anew_is_told_at_once(receiver: Receiver) -> None:
    one = resender(receiver)
    tell(one, [RESOLVED], NOW + 100)
    tell(one, [replace(FIRING, fired_at=NOW + 101)], NOW + 101)

    assert len(receiver.bodies) == 2


def test_what_is_pending_is_not_told(receiver: Receiver) -> None:
    tell(resender(receiver), [replace(FIRING, state="pending", fired_at=None)], NOW)

    assert receiver.bodies == []


def test_many_alerts_are_told_in_several_requests(receiver: Receiver) -> None:
    tell(resender(receiver), [replace(FIRING, fingerprint=str(number)) for number in range(BATCH + 1)], NOW)

    assert [len(body) for body in receiver.bodies] == [BATCH, 1]


def test_what_could_not_be_told_is_told_later_and_is_not_hammered(receiver: Receiver) -> None:
    receiver.statuses = [503, 503, 200]
    tell(resender(receiver), [FIRING], *(NOW + tenths / 10 for tenths in range(300)))

    assert len(receiver.bodies) == 3


def test_alerts_that_end_untold_are_counted(receiver: Receiver) -> None:
    receiver.statuses = [500]
    one = resender(receiver)

    tell(one, [FIRING], *(NOW + second for second in range(0, 200)))
    assert one.failed == 0
    tell(one, [FIRING], *(NOW + second for second in range(200, 700)))

    assert one.failed == 2


def test_a_clock_set_back_does_not_silence_it(receiver: Receiver) -> None:
    one = resender(receiver)
    tell(one, [FIRING], NOW + 86400, NOW + 10)

    assert len(receiver.bodies) == 2


def test_the_watchdog_fires_as_long_as_the_agent_is_healthy(receiver: Receiver) -> None:
    one = resender(receiver, watchdog=True)
    tell(one, [], *(NOW + second for second in range(120)))
    tell(one, [], *(NOW + second for second in range(120, 500)), healthy=False)

    assert [body[0]["labels"]["alertname"] for body in receiver.bodies] == ["Watchdog"] * 2


def test_without_being_asked_for_there_is_no_watchdog(receiver: Receiver) -> None:
    tell(resender(receiver), [], NOW)

    assert receiver.bodies == []


def test_a_test_message_is_told_to_every_member_though_one_fails(receiver: Receiver) -> None:
    urls = ("http://127.0.0.1:1", receiver.url)
    given = AlertmanagerSettings(name="am", kind="alertmanager", urls=urls)  # type: ignore[arg-type]

    with pytest.raises(Exception, match=r"127\.0\.0\.1:1: ConnectError"):
        AlertmanagerNotifier(given).send(a_notification(), "key")

    assert len(receiver.bodies) == 1
