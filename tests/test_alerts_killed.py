"""The monitor is killed between any two steps, and is down for seconds or hours: nothing is lost, nothing is doubled.

A machine of random steps runs engine, store and outbox against a model that knows nothing of either. Meanwhile people
silence alerts, acknowledge them, and put maintenance windows into the configuration.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from telling import INTERVAL, SLOW, WAITING, Killed, Monitor

from monitor.alerts.messages import from_json
from monitor.alerts.routing import Alerting, Receiver, Window
from monitor.alerts.states import INTERVALS_MISSED, OUTAGE_SECONDS
from monitor.store.writer import Tx

TARGETS, DESTINATIONS = ("a", "b"), ("x", "y")
FOR, KEEP = 30.0, 60.0
SLACK = INTERVALS_MISSED * INTERVAL
ALERTING = Alerting((Receiver("ops"), Receiver("pager", send_resolved=False)), repeat_interval=3600.0)
#: Whose alerts: by rule, target and destination.
Alert = tuple[str, str, str]
#: As people write what they silence, and what is meant.
MATCHERS: tuple[tuple[dict[str, str], Callable[[Alert], bool]], ...] = (
    ({"destination": "x"}, lambda alert: alert[2] == "x"),
    ({"destination": "=~y|z", "target": "!=b"}, lambda alert: alert[1:] == ("a", "y")),
    ({"alertname": "!~Sl.w"}, lambda alert: alert[0] == "Waiting"),
)
NEVER = 1e12
#: How many machines are run; `make soak` takes more.
LIVES = int(os.environ.get("KILL_LIVES", "40"))


class Quiet(NamedTuple):
    """A silence or a maintenance window, from and until when; windows have no id."""

    id: int | None
    means: Callable[[Alert], bool]
    starts_at: float
    ends_at: float

    def covers(self, alert: Alert, now: float) -> bool:
        return self.starts_at <= now < self.ends_at and self.means(alert)


class Model:
    """One alert with `for` and `keep_firing_for`, by the time in which it was watched being true or false."""

    def __init__(self) -> None:
        self.state, self.watched, self.judged_at, self.is_quiet = "inactive", 0.0, None, False

    state: str
    watched: float
    judged_at: float | None
    is_quiet: bool

    def judge(self, now: float, is_true: bool) -> None:
        gap = 0.0 if self.judged_at is None else now - self.judged_at
        self.watched += INTERVAL if gap > SLACK else max(gap, 0.0)
        self.judged_at = now
        if self.state == "firing":
            self.watched = self.watched if self.is_quiet and not is_true else 0.0
            self.is_quiet = not is_true
            self.state = "inactive" if not is_true and self.watched >= KEEP else "firing"
        elif is_true:
            if self.state == "inactive" or gap - INTERVAL > OUTAGE_SECONDS:
                self.watched = 0.0
            self.state = "firing" if self.watched >= FOR else "pending"
            self.watched = 0.0 if self.state == "firing" else self.watched
            self.is_quiet = False
        else:
            self.state = "inactive"


class Killing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.monitor = Monitor(
            Path(self.folder.name) / "store.db", WAITING + SLOW, ALERTING, dict.fromkeys(TARGETS, INTERVAL)
        )
        self.models = {(target, one): Model() for target in TARGETS for one in DESTINATIONS}
        self.lost_answers, self.jumps = 0, set[float]()
        self.waiting, self.acknowledged = set[Alert](), set[Alert]()
        self.silences, self.windows = list[Quiet](), list[Quiet]()
        self.last_row, self.believed = 0, dict[tuple[str, str], set[str]]()

    @rule(whose=st.sampled_from(TARGETS), destination=st.sampled_from(DESTINATIONS), value=st.sampled_from([0.0, 7.0]))
    def changes(self, whose: str, destination: str, value: float) -> None:
        self.monitor.set(destination, value, whose)

    @rule(which=st.sampled_from(MATCHERS), seconds=st.sampled_from([20.0, 300.0, 7200.0]))
    def somebody_silences(self, which: tuple[dict[str, str], Callable[[Alert], bool]], seconds: float) -> None:
        matchers, means = which
        start, ids = self.monitor.now, list[int]()
        self.monitor.store.change(
            lambda tx: ids.append(tx.add_silence(matchers, start, start + seconds, "eva", "moving", start))
        )
        self.silences.append(Quiet(ids[0], means, start, start + seconds))

    @rule()
    def somebody_ends_all_silences(self) -> None:
        now = self.monitor.now
        for one in self.silences:
            self.monitor.store.change(lambda tx, id=one.id: tx.expire_silence(id, now) and None)  # type: ignore[misc]
        self.silences = [one._replace(ends_at=min(one.ends_at, now)) for one in self.silences]

    @rule(name=st.sampled_from(["Waiting", "Slow"]))
    def somebody_acknowledges_what_fires_and_nothing_else(self, name: str) -> None:
        acknowledged, now = set[Alert](), self.monitor.now

        def acknowledge(tx: Tx) -> None:
            for state in tx.reader.alerts():
                if state.rule == name and tx.acknowledge(name, state.fingerprint, "eva", "", now):
                    acknowledged.add(_alert(state.labels))

        self.monitor.store.change(acknowledge)
        assert acknowledged == {alert for alert in self._firing() if alert[0] == name}
        self.acknowledged |= acknowledged

    @rule(which=st.sampled_from(MATCHERS), seconds=st.sampled_from([0.0, 600.0, 12_000.0]))
    def it_is_killed_and_started_with_a_maintenance_window(
        self, which: tuple[dict[str, str], Callable[[Alert], bool]], seconds: float
    ) -> None:
        (matchers, means), start = which, self.monitor.now
        window = Window("move", matchers, starts_at=start, ends_at=start + seconds)
        self.windows = [Quiet(None, means, start, start + seconds)] if seconds else []
        self.monitor.alerting = replace(ALERTING, windows=(window,) if seconds else ())
        self.monitor.restart(0.25)

    @rule(whose=st.sampled_from(TARGETS), seconds=st.sampled_from([0.25, 15.0, 31.0]))
    def is_read(self, whose: str, seconds: float) -> None:
        self.monitor.now += seconds
        self.monitor.scrape(whose)
        self._judged(whose)

    @rule(seconds=st.sampled_from([0.25, 15.0, 61.0, -20.25, -7200.5, 5000.25]))
    def time_passes_or_jumps(self, seconds: float) -> None:
        self.monitor.now += seconds
        self.jumps |= {self.monitor.now} if seconds < 0 else set()
        self.monitor.tick()
        self._decided()
        self._suppressed_are_listed()

    @rule()
    def sends(self) -> None:
        self.monitor.deliver()

    @rule(whose=st.sampled_from(TARGETS), calls=st.integers(0, 40), down=st.sampled_from([0.25, 20.0, 10_000.0]))
    def is_killed_while_it_judges(self, whose: str, calls: int, down: float) -> None:
        self.monitor.now += INTERVAL
        with suppress(Killed):
            self.monitor.scrape(whose, calls=calls)
            self._judged(whose)
        self.monitor.restart(down)

    @rule(calls=st.integers(0, 12), down=st.sampled_from([0.25, 20.0, 10_000.0]))
    def is_killed_while_it_decides(self, calls: int, down: float) -> None:
        with suppress(Killed):
            self.monitor.tick(calls)
            self._decided()
            self._suppressed_are_listed()
        self.monitor.restart(down)

    @rule(dies=st.sampled_from(["before it was sent", "before it was noted"]), down=st.sampled_from([0.25, 10_000.0]))
    def is_killed_while_it_sends(self, dies: str, down: float) -> None:
        try:
            self.monitor.deliver(dies)
        except Killed:
            self.lost_answers += dies == "before it was noted"
        self.monitor.restart(down)

    @invariant()
    def states_are_those_of_the_model(self) -> None:
        states = {
            (s.labels["target"], s.labels["destination"]): s.state for s in self.monitor.alerts() if s.rule == "Slow"
        }
        for key, model in self.models.items():
            found = states.get(key, "inactive")
            assert ("inactive" if found == "resolved" else found) == model.state, key

    @invariant()
    def a_message_is_sent_again_only_where_its_answer_was_lost(self) -> None:
        sent = [key for inbox in self.monitor.inbox.values() for key, _, _ in inbox]
        assert len(sent) - len(set(sent)) <= self.lost_answers

    @invariant()
    def a_message_says_something_new_or_repeats_when_that_is_due(self) -> None:
        """Of the receiver that hears of resolutions: for the other one, what fires again says nothing new."""
        last: dict[str, tuple[frozenset[str], float]] = {}
        for _, at, one in {entry[0]: entry for entry in self.monitor.inbox["ops"]}.values():
            firing = frozenset(a.fingerprint for a in one.alerts if a.status == "firing")
            before, then = last.get(one.group_key, (frozenset(), 0.0))
            waited = at - min({then} | self.jumps)
            is_hastened = at in self.jumps  # decided before the clock went back, and sent since
            assert firing != before or waited >= ALERTING.repeat_interval or is_hastened
            last[one.group_key] = (firing, at)

    def teardown(self) -> None:
        """In quiet times every receiver learns the truth, also of what was suppressed until then."""
        try:
            self.somebody_ends_all_silences()
            self.it_is_killed_and_started_with_a_maintenance_window(MATCHERS[0], 0.0)
            for _ in range(12):
                self.monitor.now += INTERVAL
                for target in TARGETS:
                    self.monitor.scrape(target)
                    self._judged(target)
                self.monitor.tick()
                self._decided()
                self.monitor.deliver()
            self._suppressed_are_listed()
            self.states_are_those_of_the_model()
            self.a_message_says_something_new_or_repeats_when_that_is_due()
            firing = {state.fingerprint for state in self.monitor.alerts() if state.state == "firing"}
            shown = firing - self.monitor.suppressed().keys()
            assert shown <= self._believed("ops") <= firing
            assert not self._firing() - {_alert(s.labels) for s in self.monitor.alerts() if s.state == "firing"}
            assert shown <= self._believed("pager")
        finally:
            self.monitor.close()
            self.folder.cleanup()

    def _judged(self, target: str) -> None:
        for (whose, destination), model in self.models.items():
            if whose == target:
                is_true = self.monitor.world.get((target, destination), 0.0) > 0
                model.judge(self.monitor.now, is_true)
                waits = {("Waiting", target, destination)}
                self.waiting = self.waiting | waits if is_true else self.waiting - waits
        self.acknowledged &= self._firing()
        self._decided()

    def _firing(self) -> set[Alert]:
        slow = {("Slow", *place) for place, model in self.models.items() if model.state == "firing"}
        return slow | self.waiting

    def _decided(self) -> None:
        """Of the messages that were decided just now, none names what is suppressed, and none repeats to no purpose
        what somebody acknowledged.
        """
        rows = [row for row in self.monitor.store.outbox_due(NEVER) if row.id > self.last_row]
        for row in rows:
            message = from_json(row.payload)
            firing = {a.fingerprint: _alert(a.labels) for a in message.alerts if a.status == "firing"}
            resolved = {a.fingerprint for a in message.alerts if a.status == "resolved"}
            before = self.believed.setdefault((row.receiver, message.group_key), set())
            assert [alert for alert in firing.values() if self._why_suppressed(alert)] == []
            if row.receiver == "ops" and firing.keys() <= before and not resolved:
                assert not set(firing.values()) <= self.acknowledged, "repeated, though somebody works on it"
            before.update(firing)
            before.difference_update(resolved)
            self.last_row = row.id

    def _why_suppressed(self, alert: Alert) -> str:
        """The first word of the reason; "" where it is not."""
        if any(one.covers(alert, self.monitor.now) for one in self.silences):
            return "silence"
        if any(one.covers(alert, self.monitor.now) for one in self.windows):
            return "maintenance"
        return "inhibited" if alert[0] == "Slow" and ("Waiting", *alert[1:]) in self.waiting else ""

    def _suppressed_are_listed(self) -> None:
        active = {s.fingerprint: _alert(s.labels) for s in self.monitor.alerts() if s.state != "resolved"}
        reasons = {fp: self._why_suppressed(alert) for fp, alert in active.items()}
        listed = {fp: reason.split()[0] for fp, reason in self.monitor.suppressed().items()}
        assert listed == {fp: reason for fp, reason in reasons.items() if reason}

    def _believed(self, receiver: str) -> set[str]:
        """What fires, as far as the receiver knows from its messages."""
        told = {a.fingerprint: a.status for _, _, one in self.monitor.inbox[receiver] for a in one.alerts}
        return {fingerprint for fingerprint, status in told.items() if status == "firing"}


def _alert(labels: Mapping[str, str]) -> Alert:
    return labels["alertname"], labels["target"], labels["destination"]


TestKilling = Killing.TestCase
TestKilling.settings = settings(
    max_examples=LIVES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a step takes milliseconds: to shrink is for when it fails
)
