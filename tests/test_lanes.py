"""Messages reach their receiver: tried again, also after a restart, in order, and under one key."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from receiving import NOW, a_notification, an_alert

from collectors.base import Reading, Scrape
from monitor.alerts.lanes import (
    GIVE_UP_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    LONGEST_WAIT_SECONDS,
    REFUSED_TRIES,
    Lane,
    Receiving,
    wait_seconds,
)
from monitor.alerts.messages import Notification, to_json
from monitor.alerts.notifiers import NotifyError
from monitor.alerts.notifiers.base import ReceiverSettings
from monitor.store.writer import Store, Tx

LATER, NEVER_AGAIN = NotifyError("answered 503"), NotifyError("answered 404", permanent=True)


class Told:
    """A notifier that notes what it sends, and fails with the next of these errors, by group or by turn."""

    Settings = ReceiverSettings
    holds_open = False

    def __init__(self, *errors: Exception | None, always: dict[str, Exception] | None = None) -> None:
        self.errors, self.always = list(errors), always or {}
        self.tried: list[tuple[Notification, str]] = []
        self.taken: list[Notification] = []

    def send(self, notification: Notification, key: str) -> str:
        self.tried.append((notification, key))
        error = self.always.get(notification.group_key) or (self.errors.pop(0) if self.errors else None)
        if error is not None:
            raise error
        self.taken.append(notification)
        return "taken"

    @property
    def groups(self) -> list[str]:
        return [one.group_key for one in self.taken]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path)) as made:
        yield made


def put(store: Store, *messages: Notification | str, at: float = NOW) -> None:
    def enqueue(tx: Tx) -> None:
        for one in messages:
            tx.enqueue("ops", one if isinstance(one, str) else to_json(one), at)

    store.record(Scrape("t", "kafka", at, 0.1, Reading()), enqueue)


def lane(store: Store, told: Told, **settings: int | bool) -> Lane:
    return Lane(store, "ops", Receiving(told, **settings), random.Random(1))  # type: ignore[arg-type]


def deliver(one: Lane, *times: float) -> None:
    for at in times:
        one.deliver_due(lambda at=at: at)  # type: ignore[misc]


def errors(store: Store) -> list[str | None]:
    with closing(store.reader()) as reader:
        return [one.last_error for one in reversed(reader.notifications(100))]


def test_a_message_that_was_taken_is_not_sent_again(store: Store) -> None:
    put(store, a_notification())
    way = lane(store, told := Told())

    deliver(way, NOW, NOW + 1000)

    assert told.taken == [a_notification()]
    assert (way.sent, way.failed, store.outbox_waiting()) == (1, 0, 0)


def test_a_receiver_that_fails_is_tried_again_later_and_longer(store: Store) -> None:
    put(store, a_notification())
    way = lane(store, told := Told(*[LATER] * 4))
    tried = []
    for tenths in range(400):
        before = len(told.tried)
        deliver(way, NOW + tenths / 10)
        if len(told.tried) > before:
            tried.append(tenths / 10)

    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert len(told.taken) == 1
    assert len(waits) == 4
    assert waits == sorted(waits)
    assert 0.5 <= waits[0] <= 1.1


@pytest.mark.parametrize("tries", [0, 3, 9, 5000])
def test_a_wait_doubles_is_between_half_and_all_of_it_and_has_a_bound(tries: int) -> None:
    waits = {wait_seconds(tries, LATER, random.Random(seed)) for seed in range(50)}
    longest = min(LONGEST_WAIT_SECONDS, 2.0 ** min(tries, 20))

    assert longest / 2 <= min(waits) < max(waits) <= longest


def test_what_the_receiver_asks_for_is_kept_within_an_hour() -> None:
    def wait(seconds: float) -> float:
        return wait_seconds(0, NotifyError("answered 429", retry_after=seconds), random.Random(1))

    assert wait(120) == 120
    assert wait(86400) == LONGEST_RETRY_AFTER_SECONDS
    assert wait(0) > 0


def test_a_message_that_is_refused_for_good_is_not_hammered_and_given_up(store: Store) -> None:
    put(store, a_notification())
    way = lane(store, told := Told(always={"g": NEVER_AGAIN}))

    deliver(way, *(NOW + second for second in range(0, 3600, 5)))

    assert len(told.tried) == REFUSED_TRIES
    assert way.failed == 1
    assert errors(store) == ["given up: receiver ops: answered 404"]


def test_a_refused_message_does_not_keep_other_groups_waiting(store: Store) -> None:
    put(store, a_notification(group="bad"), a_notification(group="good"))

    deliver(lane(store, told := Told(always={"bad": NEVER_AGAIN})), NOW)

    assert told.groups == ["good"]


def test_a_message_that_breaks_the_receiver_does_not_keep_other_groups_waiting_for_ever(store: Store) -> None:
    put(store, a_notification(group="poison"), a_notification(group="good"))

    deliver(lane(store, told := Told(always={"poison": LATER})), NOW, NOW + 2, NOW + 4)

    assert told.groups == ["good"]


def test_a_resolved_message_never_overtakes_its_firing_one(store: Store) -> None:
    put(store, a_notification(), a_notification(an_alert("resolved")), a_notification(group="other"))
    way = lane(store, told := Told(NEVER_AGAIN))

    deliver(way, NOW, NOW + 1)
    assert told.groups == ["other"]
    deliver(way, NOW + 400)

    assert [one.status for one in told.taken] == ["firing", "firing", "resolved"]


def test_while_a_receiver_is_left_alone_nothing_is_sent(store: Store) -> None:
    put(store, a_notification())
    way = lane(store, told := Told(NotifyError("answered 429", retry_after=60)))
    deliver(way, NOW)
    put(store, a_notification(group="new"), at=NOW + 1)

    deliver(way, NOW + 1, NOW + 59)
    assert len(told.tried) == 1
    deliver(way, NOW + 61)

    assert sorted(told.groups) == ["g", "new"]


def test_after_a_restart_a_message_is_sent_under_the_same_key(path: Path) -> None:
    first, second = Told(LATER), Told()
    with closing(Store(path)) as store:
        put(store, a_notification())
        deliver(lane(store, first), NOW)
    with closing(Store(path)) as store:
        deliver(lane(store, second), NOW + 3600)

    assert first.tried == second.tried


def test_the_same_words_said_again_have_another_key(store: Store) -> None:
    put(store, a_notification(), a_notification())
    deliver(lane(store, told := Told()), NOW)

    (_, first), (_, second) = told.tried
    assert first != second


def test_after_a_day_a_message_is_given_up_and_says_why(store: Store) -> None:
    put(store, a_notification())
    way = lane(store, told := Told(always={"g": LATER}))

    deliver(way, NOW + GIVE_UP_SECONDS + 1, NOW + 10 * GIVE_UP_SECONDS)

    assert errors(store) == ["given up: receiver ops: answered 503"]
    assert (len(told.tried), way.failed) == (1, 1)
    assert store.outbox_waiting() == 1, "it stays listed"


def test_above_the_bound_those_are_dropped_first_that_a_later_one_replaces(store: Store) -> None:
    put(store, *(a_notification(group=group) for group in "abacaa"))
    way = lane(store, told := Told(LATER), max_waiting=3)

    deliver(way, NOW, NOW + 10)

    assert sorted(told.groups) == ["a", "b", "c"]
    assert way.failed == 3
    assert [error is not None for error in errors(store)] == [True, False, True, False, True, False]


def test_the_bound_holds_also_while_the_receiver_is_left_alone(store: Store) -> None:
    put(store, a_notification())
    way = lane(store, Told(NotifyError("answered 503", retry_after=3000)), max_waiting=2)
    deliver(way, NOW)
    put(store, *(a_notification(group=group) for group in "bcd"), at=NOW + 1)

    deliver(way, NOW + 2)

    assert store.outbox_waiting("ops") == 2


def test_a_receiver_that_wants_no_resolved_ones_gets_none(store: Store) -> None:
    put(store, a_notification(an_alert(), an_alert("resolved")), a_notification(an_alert("resolved")))

    deliver(lane(store, told := Told(), send_resolved=False), NOW)

    assert [[alert.status for alert in one.alerts] for one in told.taken] == [["firing"]]
    assert store.outbox_waiting() == 0


def test_a_message_of_an_earlier_release_is_still_sent(store: Store) -> None:
    alert = {
        "status": "resolved", "labels": {"alertname": "A"}, "annotations": {"summary": "s"},
        "startsAt": "2023-11-14T22:13:20Z", "endsAt": "2023-11-14T22:14:20.500Z", "generatorURL": "http://c",
        "fingerprint": "f",
    }  # fmt: skip
    row = {
        "version": "4", "groupKey": "k", "truncatedAlerts": 0, "status": "resolved", "receiver": "ops",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://c", "alerts": [alert],
    }  # fmt: skip
    put(store, json.dumps(row))

    deliver(lane(store, told := Told()), NOW)

    (sent,) = told.taken
    assert (sent.status, sent.group_key, sent.alerts[0].labels) == ("resolved", "k", {"alertname": "A"})
    assert (sent.alerts[0].starts_at, sent.alerts[0].ends_at) == (NOW, NOW + 60.5)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"alerts": 3}', "null"])
def test_a_message_that_cannot_be_read_is_given_up_and_the_others_are_sent(store: Store, text: str) -> None:
    put(store, text, a_notification())
    way = lane(store, told := Told())

    deliver(way, NOW)

    assert (way.failed, told.groups) == (1, ["g"])


def test_a_fault_in_a_notifier_is_caught_and_counted_as_refused(store: Store) -> None:
    put(store, a_notification(group="bad"), a_notification(group="good"))

    deliver(lane(store, told := Told(ValueError("secret"))), NOW)

    assert told.groups == ["good"]
    assert errors(store) == ["receiver ops: ValueError in the notifier", None]


def test_a_clock_set_back_does_not_keep_a_message_for_longer(store: Store) -> None:
    put(store, a_notification())
    way = lane(store, told := Told(LATER))
    deliver(way, NOW + 86400)

    deliver(way, NOW)

    assert len(told.taken) == 1


def test_what_waits_for_a_receiver_that_is_no_more_is_given_up(store: Store) -> None:
    put(store, a_notification())

    assert store.outbox_drop_strangers(["other"]) == 1
    assert store.outbox_of("ops") == []
    assert store.outbox_drop_strangers(["other"]) == 0
    with closing(store.reader()) as reader:
        assert reader.notifications(1)[0].last_error == "given up: the receiver is not in the configuration"


def test_a_thousand_messages_after_an_outage_are_sent_in_one_pass(store: Store) -> None:
    put(store, *(a_notification(group=str(number)) for number in range(1000)))

    deliver(lane(store, told := Told()), NOW)

    assert told.groups == [str(number) for number in range(1000)]
