"""What an alert engine must do, point by point, where it is about what people are told: 3, 4, 5, 7, 9, 10 and 11."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from telling import INTERVAL, NOW, SLOW, WAITING, Killed, Monitor
from typer.testing import CliRunner

from monitor.alerts.delivery import Deliverer
from monitor.alerts.lanes import Receiving
from monitor.alerts.messages import Notification
from monitor.alerts.notifiers import email, slack, texts
from monitor.alerts.routing import Alerting, Receiver, Window
from monitor.cli import app
from monitor.itself import store_samples

OPS = (Receiver("ops"),)
HOSTILE = "</b><script>alert(1)</script><!channel> *x*\r\nBcc: a@b\u202e"


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Any]:
    made: list[Monitor] = []

    def make(rules: str = WAITING, alerting: Alerting | None = None, **more: Any) -> Monitor:
        made.append(Monitor(tmp_path / "store.db", rules, alerting, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_3_a_group_is_told_at_once_when_others_join_when_some_end_and_again_after_a_while(monitor: Any) -> None:
    one = monitor(alerting=Alerting(OPS, group_interval=60.0, repeat_interval=600.0))
    for seconds, orders, bills in [(15, 1, 0), (15, 1, 1), (60, 1, 1), (600, 1, 1), (60, 0, 1)]:
        one.set("orders", orders)
        one.set("bills", bills)
        one.cycle(seconds)

    both = "Waiting orders: firing, Waiting bills: firing"
    assert one.told() == ["Waiting orders: firing", both, both, "Waiting bills: firing, Waiting orders: resolved"]


def test_3_what_a_receiver_believes_is_kept_by_receiver_and_group(monitor: Any) -> None:
    one = monitor(alerting=Alerting((Receiver("ops"), Receiver("pager"))))
    one.set("orders", 1)
    one.cycle()

    with closing(one.store.reader()) as reader:
        told = {(entry.receiver, entry.group_key): list(entry.firing) for entry in reader.told()}
    (state,) = one.alerts()
    key = '{}:{alertname="Waiting", target="a"}'
    assert told == {("ops", key): [state.fingerprint], ("pager", key): [state.fingerprint]}


@pytest.mark.parametrize("by", ["silence", "maintenance", "inhibited"])
def test_4_what_is_suppressed_fires_untold_is_listed_with_the_reason_and_told_when_it_is_over(
    monitor: Any, by: str
) -> None:
    window = Window("move", {"alertname": "Slow"}, starts_at=NOW, ends_at=NOW + 100)
    rules = SLOW.replace('"30s"', '"0s"') + (WAITING if by == "inhibited" else "")
    one = monitor(rules, Alerting(OPS, group_wait={}, windows=(window,) if by == "maintenance" else ()))
    if by == "silence":
        one.store.change(lambda tx: tx.add_silence({"destination": "orders"}, NOW, NOW + 100, "eva", "", NOW) and None)
    one.set("orders", 1)
    one.cycle()
    told, reasons = one.told(), one.suppressed()
    assert one.states()["Slow orders"] == "firing"
    assert ("Slow orders: firing" in told, [reason.split()[0] for reason in reasons.values()]) == (False, [by])

    if by == "inhibited":
        one.set("orders", 0)  # the critical alert ends at once, the warning goes on for a minute
    one.cycle(INTERVAL if by == "inhibited" else 120)

    assert ("Slow orders: firing" in one.told(), one.suppressed()) == (True, {})


def test_4_what_somebody_works_on_is_not_repeated_until_it_ends(monitor: Any) -> None:
    one = monitor(alerting=Alerting(OPS, repeat_interval=120))
    one.set("orders", 1)
    one.cycle()
    (state,) = one.alerts()
    one.store.change(lambda tx: tx.acknowledge(state.rule, state.fingerprint, "eva", "", one.now) and None)

    for _ in range(20):
        one.cycle(60)

    assert one.told() == ["Waiting orders: firing"]


def test_5_transition_belief_and_message_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    """Killed at each call that judging makes to the store, one after the other."""
    found = []
    for calls in range(100):
        one = Monitor(tmp_path / f"{calls}.db")
        one.set("orders", 1)
        with suppress(Killed):
            one.scrape(calls=calls)
        with closing(one.store.reader()) as reader:
            found.append((len(reader.transitions(0)), len(reader.told()), one.store.outbox_waiting()))
        one.close()
        if found[-1] == (1, 1, 1):
            break

    assert found[:-1] == [(0, 0, 0)] * (len(found) - 1)
    assert found[-1] == (1, 1, 1) and len(found) > 5


def test_5_a_message_that_is_sent_again_has_the_same_key(monitor: Any) -> None:
    one = monitor()
    one.set("orders", 1)
    one.scrape()
    with suppress(Killed):
        one.deliver("before it was noted")
    one.restart(60)

    one.deliver()

    assert len(one.inbox["ops"]) == 2
    assert len({key for key, _, _ in one.inbox["ops"]}) == 1


def test_7_a_message_names_so_many_alerts_and_a_group_has_one_in_its_interval(monitor: Any) -> None:
    one = monitor(alerting=Alerting(OPS, max_alerts=2, group_interval=60.0))
    for step in range(4):
        for number in range(5):
            one.set(f"d{step}-{number}", 1)
        one.cycle()

    ((_, _, first),) = one.inbox["ops"]
    assert (len(first.alerts), first.truncated) == (2, 3)


def test_9_the_monitor_tells_of_alerts_of_failures_and_of_what_it_told(monitor: Any) -> None:
    one = monitor(SLOW + WAITING)
    one.set("orders", 1)
    one.cycle()
    one.scrape()
    delivered = Deliverer(one.store, {"ops": Receiving(Taking(), True, 10)}, rng=random.Random(1))
    one.set("orders", 0)
    one.now += 90
    one.scrape()
    delivered.deliver_due(one.now + 3)

    samples = [*store_samples(one.store, 2), *one.engine.failures.samples(), *delivered.samples()]
    found = {(one.metric.name, *one.labels): one.value for one in samples}
    assert (
        found["alerts_active", "pending"] + found["alerts_active", "firing"] + found["alerts_active", "suppressed"] == 0
    )
    assert (found["rule_failures_total", "Slow"], found["store_errors_total",]) == (0, 2)
    assert (found["notifications_sent_total", "ops"], found["notifications_failed_total", "ops"]) == (1, 0)
    assert (found["notifications_delay_seconds", "ops"], found["notifications_waiting",]) == (3, 0)


def test_9_alerts_are_counted_by_state_and_so_are_those_that_are_suppressed(monitor: Any) -> None:
    one = monitor(SLOW + WAITING)
    one.set("orders", 1)
    one.set("bills", 1)

    one.cycle()

    counts = {one.labels: one.value for one in store_samples(one.store, 0) if one.metric.name == "alerts_active"}
    assert counts == {("pending",): 2, ("firing",): 2, ("suppressed",): 2}


class Taking:
    """A receiver that takes everything."""

    holds_open = False

    def send(self, notification: Notification, key: str) -> str:
        return "200 OK"


def test_10_what_rules_would_have_told_can_be_asked_of_the_stored_history(
    monitor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a receiver can be reached is `alerts test`: test_trial."""
    one = monitor()
    for value in [0, 0, 1, 1, 1, 0, 0]:
        one.set("orders", value)
        for _ in range(8):
            one.cycle()
            while one.store.maintain(one.now):
                pass
    (tmp_path / "eda-monitor.toml").write_text('[store]\npath = "store.db"\n')
    (tmp_path / "rules.toml").write_text(WAITING)
    monkeypatch.setattr("time.time", lambda: one.now)
    command = ["alerts", "backtest", "--since", "1h", "--json", "--rules", str(tmp_path / "rules.toml")]

    asked = CliRunner().invoke(app, [*command, "--config", str(tmp_path / "eda-monitor.toml")])

    (episode,) = json.loads(asked.stdout)
    assert (episode["rule"], episode["labels"]["destination"], episode["messages"]) == ("Waiting", "orders", 2)
    assert 240 <= episode["ended_at"] - episode["fired_at"] <= 480


def test_11_a_hostile_name_is_no_markup_no_mention_and_no_line_of_its_own(monitor: Any) -> None:
    one = monitor()
    one.set(HOSTILE, 1)
    one.cycle()
    ((_, _, message),) = one.inbox["ops"]

    alert = message.alerts[0]
    lines = [texts.title(message), texts.headline(alert), *(text for _, text in texts.facts(alert))]
    assert "<!channel>" not in slack.payload(message)["text"]
    assert "<script>" not in email.html(message)
    assert not {"\r", "\n", "\u202e"} & set("".join(lines))
