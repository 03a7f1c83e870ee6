"""The alert engine: keeps each alert's state in the store, and decides who is told of what.

`judge` runs inside the transaction of a scrape, `tick` in one of its own: a transition, what a receiver is believed to
know, and the message that makes it know are rows, all or none. Sending comes later, from the outbox.

Guaranteed, whenever the process is killed and however long it is down: a message that was decided is sent at least
once, and until a receiver takes it, again with the same key. It is sent twice only where its receiver took it and the
answer was lost, or the process died before it had noted the answer. No alert fires or resolves because nobody looked.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.alerts.changed import Around
from monitor.alerts.evaluation import Verdict, evaluate
from monitor.alerts.failures import Failures
from monitor.alerts.gaps import resume
from monitor.alerts.grouping import Look, Outcome, groups, outcome
from monitor.alerts.inhibition import about_monitor
from monitor.alerts.links import PAGE, dashboard_link
from monitor.alerts.messages import to_json
from monitor.alerts.routing import Alerting
from monitor.alerts.rules import Rule
from monitor.alerts.states import RESOLVED_SECONDS, begun, fingerprint, resumed, step
from monitor.alerts.suppression import suppressions
from monitor.percentiles import Increase
from monitor.store.reader import ITSELF, AlertState, Reader, Series, Told
from monitor.store.writer import Tx

#: After so long, what a target's first reading would say is not waited for any more.
SETTLE_SECONDS = 120.0
#: How often rules are judged that look at hours and days.
FAR_INTERVAL_SECONDS = 60.0
#: How often what is due is looked for though no alert changed its state.
TELL_INTERVAL_SECONDS = 5.0


class TargetReadings:
    """What the rules read when one target is judged: each thing once, and nothing that the target never had."""

    def __init__(self, reader: Reader, target: str) -> None:
        self.target = target
        self._reader, self._where = reader, {"target": target}
        self._metrics = reader.metrics(target)
        self._known: dict[tuple[object, ...], list[Any]] = {}

    def latest(self, metric: str, now: float, everywhere: bool = False) -> Sequence[Series]:
        return self._read(self._reader.latest, metric, now, everywhere=everywhere)

    def window(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Series]:
        return self._read(self._reader.window, metric, start, end, everywhere=everywhere)

    def past(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Series]:
        return self._read(self._reader.past, metric, start, end, everywhere=everywhere)

    def fired(self, rule: str, start: float, end: float) -> Sequence[dict[str, str]]:
        return self._reader.fired(rule, start, end)

    def increases(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Increase]:
        return self._read(self._reader.increases, metric, start, end, everywhere=everywhere)

    def standing(self, metric: str, at: float, everywhere: bool = False) -> Sequence[Increase]:
        return self._read(self._reader.standing, metric, at, everywhere=everywhere)

    def may_have(self, rule: Rule) -> bool:
        """Whether the rule can hold here: of a metric that the target never had nothing is true but its absence."""
        return rule.function == "absent" or rule.metric in self._metrics

    def _read(self, read: Callable[..., list[Any]], metric: str, *times: float, everywhere: bool) -> list[Any]:
        if not everywhere and metric not in self._metrics:
            return []
        key = (read.__name__, metric, *times, everywhere)
        if key not in self._known:
            self._known[key] = read(metric, *times, where=None if everywhere else self._where)
        return self._known[key]


class Engine:
    """Evaluates the rules after every scrape of a target, for that target, and decides who is told of what.

    `targets` are the configured ones with their intervals in seconds; None where any target may be judged at any time.
    What an engine remembers itself is only what it has heard since it began; all the rest is in the store.
    """

    def __init__(
        self, rules: Sequence[Rule], alerting: Alerting, console_url: str, targets: Mapping[str, float] | None = None
    ) -> None:
        self.rules, self.alerting, self.console_url = list(rules), alerting, console_url
        self.targets = targets
        self.failures = Failures(rule.name for rule in rules)
        self._looks = [(rule, rule.looks_far, rule.looks_elsewhere) for rule in rules]
        self._own, self._absent = about_monitor(rules), {rule.name for rule in rules if rule.function == "absent"}
        self._heard: set[str] = set()
        self._far_judged: dict[tuple[str, int], float] = {}
        self._began: float | None = None
        self._told_at = -math.inf

    def begin(self, tx: Tx, now: float) -> None:
        """Resolve or forget the alerts of rules and targets that are not configured any more. Once, before all else."""
        rules = {rule.name: rule for rule in self.rules}
        for state in tx.reader.alerts():
            rule = rules.get(state.rule)
            if rule is None or not (rule.function == "absent" or self._is_target(state.labels.get("target", ""))):
                self._end(tx, state, now)
            elif state.fingerprint != fingerprint(state.labels):  # of a store that an older program wrote
                tx.forget_alert(state.rule, state.fingerprint)
                tx.save_alert(replace(state, fingerprint=fingerprint(state.labels)))
        if self.targets is not None:
            tx.forget_judged({*self.targets, ITSELF, ""})

    def judge(self, tx: Tx, now: float, target: str) -> None:
        """Move the alerts of the target on, and put what is to be told now into the outbox.

        The alerts of a rule that fails stay as they are: unknown is not resolved.
        """
        self._hear(now, target)
        passed = resume(tx, self._absent, target, self.targets or {}, now)
        readings = TargetReadings(tx.reader, target)
        around = Around(readings, now)
        states, moved = _by_rule(tx.reader.alerts()), False
        for rule, looks_far, looks_elsewhere in self._looks:
            before = {s.fingerprint: s for s in states[rule.name] if _is_of(rule, s, target)}
            if not before and not readings.may_have(rule):
                continue
            if looks_far and not self._is_far_due(rule, target, now):
                continue
            if looks_elsewhere and not self._is_settled(now):
                continue  # what it looks at may not have been read since the agent began
            after: Mapping[str, AlertState | None] | None = None
            with self.failures.of(rule.name, target):
                after = self._next(rule, readings, before, now)
            if after is None:  # the time until now counts for neither `for` nor `keep_firing_for`
                lost = passed["" if rule.function == "absent" else target]
                after = {fp: resumed(state, lost, now) for fp, state in before.items()}
                self._far_judged.pop((target, id(rule)), None)  # it is tried again at the next reading
            for fp, new in after.items():
                moved |= self._move(tx, rule, before.get(fp), self._noted(new, before.get(fp), around, now), fp, now)
        if moved or not 0 <= now - self._told_at < TELL_INTERVAL_SECONDS:
            self._tell(tx, now)

    def _next(
        self, rule: Rule, readings: TargetReadings, before: Mapping[str, AlertState], now: float
    ) -> Mapping[str, AlertState | None]:
        """The alerts of one rule as they are now, by fingerprint; None where nothing is to be kept."""
        true = {
            fingerprint(labels): (labels, v) for v in evaluate(rule, readings, now) for labels in [_labels(rule, v)]
        }
        fps = before.keys() | true.keys()
        blind = bool(fps) and rule.name not in self._own and is_blind(readings, now, rule.looks_elsewhere)
        return {fp: step(rule, before.get(fp), true.get(fp), fp, now, blind) for fp in fps}

    def _noted(self, new: AlertState | None, old: AlertState | None, around: Around, now: float) -> AlertState | None:
        """What begins to fire, with what is to be told of its beginning. It fires though that cannot be told."""
        if new is None or new.state != "firing" or (old is not None and old.state == "firing"):
            return new
        page = new.annotations.get(PAGE, "")
        notes = {"dashboard_url": dashboard_link(self.alerting.grafana_url, new.labels, page, now)}
        with self.failures.of(new.rule, new.labels.get("target", "")):
            notes["changed"] = around.changed(new.labels)
        return begun(new, notes)

    def tick(self, tx: Tx, now: float) -> None:
        """Put into the outbox what is to be told by now, though nothing was read: every few seconds."""
        self._hear(now)
        tx.hasten(now)
        self._tell(tx, now)

    def _hear(self, now: float, *targets: str) -> None:
        self._began = now if self._began is None else min(self._began, now)
        self._heard.update(targets)

    def _is_target(self, name: str) -> bool:
        return self.targets is None or name in self.targets or name == ITSELF

    def _is_far_due(self, rule: Rule, target: str, now: float) -> bool:
        """What looks at hours and days costs a lot to read, and changes slowly: it is judged once a minute."""
        judged_at = self._far_judged.get((target, id(rule)))
        if judged_at is not None and 0 <= now - judged_at < FAR_INTERVAL_SECONDS:
            return False
        self._far_judged[target, id(rule)] = now
        return True

    def _is_settled(self, now: float) -> bool:
        """Every target was heard of since the agent began, or has had the time for it."""
        waited = now - (now if self._began is None else self._began)
        return self.targets is None or self._heard >= self.targets.keys() or waited >= SETTLE_SECONDS

    def _move(
        self,
        tx: Tx,
        rule: Rule,
        old: AlertState | None,
        new: AlertState | None,
        fp: str,
        now: float,
    ) -> bool:
        """Whether its state changed."""
        if new is None:
            tx.forget_alert(rule.name, fp)
        elif new != old:
            tx.save_alert(new)
            before = old.state if old else "inactive"
            if new.state != before:
                tx.add_transition(rule.name, fp, new.labels, before, new.state, now, new.value)
        return (old.state if old else None) != (new.state if new else None)

    def _end(self, tx: Tx, state: AlertState, now: float) -> None:
        if state.state == "firing":
            tx.save_alert(replace(state, state="resolved", resolved_at=now))
            tx.add_transition(state.rule, state.fingerprint, state.labels, "firing", "resolved", now, state.value)
        elif state.state == "pending":
            tx.forget_alert(state.rule, state.fingerprint)

    def _tell(self, tx: Tx, now: float) -> None:
        """Bring what receivers believe to what is true, as far as it is due."""
        self._told_at = now
        states, told = tx.reader.alerts(), tx.reader.told()
        if not (states or told or tx.reader.suppressed()):
            return
        look = self._look(tx, states, now)
        firing = [state for state in states if state.state == "firing" and state.is_told]
        entries = {(entry.receiver, entry.group_key): entry for entry in told}
        for group in groups(self.alerting, firing, told):
            if self._is_settled(now) or all(s.labels.get("target", "") in self._heard for s in group.firing):
                entry = entries.get((group.receiver.name, group.key))
                self._say(tx, entry, outcome(self.alerting, group, entry, look), now)
        self._forget(tx, states, told, now)

    def _look(self, tx: Tx, states: Sequence[AlertState], now: float) -> Look:
        """How things stand; what is suppressed, and why, is noted for people to see."""
        tx.drop_acks()
        active = [state for state in states if state.state != "resolved"]
        reasons = suppressions(active, tx.reader.silences(now), self.alerting.windows, self._own, now)
        before = tx.reader.suppressed()
        for fp in before.keys() | reasons.keys():
            if before.get(fp) != reasons.get(fp):
                tx.suppress(fp, reasons.get(fp))
        firing = {state.fingerprint for state in active if state.state == "firing"}
        resolved = {state.fingerprint: state.resolved_at for state in states if state.resolved_at is not None}
        return Look(now, firing, reasons.keys(), tx.reader.acks().keys(), resolved, self.console_url)

    def _say(self, tx: Tx, entry: Told | None, said: Outcome | None, now: float) -> None:
        if said is None:
            return
        if said.told is not None:
            tx.save_told(said.told)
        elif entry is not None:
            tx.forget_told(entry)
        if said.message is not None:
            tx.enqueue(said.message.receiver, to_json(said.message), now)

    def _forget(self, tx: Tx, states: Sequence[AlertState], told: Sequence[Told], now: float) -> None:
        """Forget what was resolved long ago, and what receivers believe that are not configured any more."""
        for state in states:
            if state.resolved_at is not None and now - state.resolved_at >= RESOLVED_SECONDS:
                tx.forget_alert(state.rule, state.fingerprint)
        known = {receiver.name for receiver in self.alerting.receivers}
        for entry in told:
            if entry.receiver not in known:
                tx.forget_told(entry)


def is_blind(readings: TargetReadings, now: float, everywhere: bool) -> bool:
    """Whether the target, or with `everywhere` any target, could not be read the last time."""
    return any(series.points[-1][1] == 0 for series in readings.latest("collector_up", now, everywhere))


def _by_rule(states: Sequence[AlertState]) -> Mapping[str, list[AlertState]]:
    found: dict[str, list[AlertState]] = defaultdict(list)
    for state in states:
        found[state.rule].append(state)
    return found


def _is_of(rule: Rule, state: AlertState, target: str) -> bool:
    """Of rules with overrides several have one name; each has alerts of its own."""
    return (rule.function == "absent" or state.labels.get("target") == target) and rule.covers(state.labels)


def _labels(rule: Rule, verdict: Verdict) -> dict[str, str]:
    return {"alertname": rule.name, "severity": rule.severity, **verdict.labels}
