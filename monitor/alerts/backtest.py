"""What rules would have told of the stored history: when, how long, how many messages. It changes nothing.

The past is looked at minute by minute: what is older than the samples is known as it stood at the end of each minute,
ten minutes or hour, and what happened within them is not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from monitor.alerts.evaluation import Verdict, evaluate
from monitor.alerts.failures import Failures
from monitor.alerts.rules import Rule
from monitor.alerts.states import fingerprint, step
from monitor.percentiles import Increase
from monitor.store.reader import STALE_SECONDS, AlertState, Reader, Series

#: How far apart the times are at which rules are judged.
STEP_SECONDS = 60.0


class Episode(NamedTuple):
    """An alert that would have fired; `ended_at` is None where it still would. UTC epoch seconds."""

    rule: str
    labels: dict[str, str]
    fired_at: float
    ended_at: float | None
    value: float

    @property
    def messages(self) -> int:
        """That it fires, and that it is over."""
        return 1 if self.ended_at is None else 2


class PastReadings:
    """What rules read of a target at a time in the past; a metric is read once for all times."""

    def __init__(self, reader: Reader, target: str, since: float, until: float) -> None:
        self.target = target
        self._reader, self._where, self._span = reader, {"target": target}, (since, until)
        self._known: dict[tuple[str, bool], list[tuple[Series, list[float]]]] = {}
        self.fired_by: list[Episode] = []

    def latest(self, metric: str, now: float, everywhere: bool = False) -> Sequence[Series]:
        found = self.window(metric, now - STALE_SECONDS, now, everywhere)
        return [one._replace(points=one.points[-1:]) for one in found]

    def window(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Series]:
        found = []
        for series, times in self._read(metric, everywhere):
            points = series.points[bisect_right(times, start) : bisect_right(times, end)]
            if points:
                found.append(series._replace(points=points))
        return found

    def past(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Series]:
        return self._reader.past(metric, start, end, None if everywhere else self._where)

    def fired(self, rule: str, start: float, end: float) -> Sequence[dict[str, str]]:
        return [
            one.labels
            for one in self.fired_by
            if one.rule == rule and one.fired_at <= end and (one.ended_at is None or one.ended_at > start)
        ]

    def increases(self, metric: str, start: float, end: float, everywhere: bool = False) -> Sequence[Increase]:
        return self._reader.increases(metric, start, end, None if everywhere else self._where)

    def standing(self, metric: str, at: float, everywhere: bool = False) -> Sequence[Increase]:
        return self._reader.standing(metric, at, None if everywhere else self._where)

    def _read(self, metric: str, everywhere: bool) -> list[tuple[Series, list[float]]]:
        key = (metric, everywhere)
        if key not in self._known:
            since, until = self._span
            where = None if everywhere else self._where
            series = self._reader.minutes(metric, since - 3600, until, where)  # the longest of short windows
            self._known[key] = [(one, [at for at, _ in one.points]) for one in series]
        return self._known[key]


def backtest(
    reader: Reader, rules: Sequence[Rule], since: float, until: float, tell: Callable[[float], None] = lambda _: None
) -> list[Episode]:
    """The alerts that would have fired in (since, until], or before and still then.

    It looks further back, as far as rules remember what fired. `tell` is told the share that is done.
    """
    began = since - max((one.unless_fired.window for one in rules if one.unless_fired is not None), default=0.0)
    targets = sorted({one.labels["target"] for one in reader.window("collector_up", since, until)})
    found: list[Episode] = []
    for number, target in enumerate(targets):
        readings = PastReadings(reader, target, began, until)
        times = sorted({at for one in readings.window("collector_up", began, until) for at, _ in one.points})
        replay = _Replay(rules, readings)
        for done, now in enumerate(times):
            replay.judge(now)
            tell((number + done / len(times)) / len(targets))
        found += [one for one in readings.fired_by if one.ended_at is None or one.ended_at > since]
    tell(1.0)
    return sorted(found, key=lambda one: (one.fired_at, one.rule))


class _Replay:
    """The rules over one target, time after time."""

    def __init__(self, rules: Sequence[Rule], readings: PastReadings) -> None:
        self._rules, self._readings, self._failures = rules, readings, Failures(rule.name for rule in rules)
        self._states: list[dict[str, AlertState]] = [{} for _ in rules]
        self._open: dict[tuple[int, str], Episode] = {}

    def judge(self, now: float) -> None:
        for number, rule in enumerate(self._rules):
            states = self._states[number]
            true: dict[str, tuple[dict[str, str], Verdict]] | None = None
            with self._failures.of(rule.name, self._readings.target):
                true = {fingerprint(labels): (labels, v) for labels, v in _labelled(rule, self._readings, now)}
            if true is None:
                continue  # unknown is not resolved
            for fp in states.keys() | true.keys():
                new = step(rule, states.get(fp), true.get(fp), fp, now)
                if new is None or new.state == "resolved":
                    states.pop(fp, None)
                else:
                    states[fp] = new
                self._note(number, fp, new)

    def _note(self, number: int, fp: str, new: AlertState | None) -> None:
        before = self._open.get((number, fp))
        if new is not None and new.state == "firing" and before is None:
            episode = Episode(new.rule, new.labels, new.fired_at or 0.0, None, new.value)
            self._open[number, fp] = episode
            self._readings.fired_by.append(episode)
        elif before is not None and new is not None and new.state == "resolved":
            del self._open[number, fp]
            at = self._readings.fired_by.index(before)
            self._readings.fired_by[at] = before._replace(ended_at=new.resolved_at)


def _labelled(rule: Rule, readings: PastReadings, now: float) -> list[tuple[dict[str, str], Verdict]]:
    """Where the rule holds, with the labels of the alerts."""
    own = {"alertname": rule.name, "severity": rule.severity}
    return [(own | verdict.labels, verdict) for verdict in evaluate(rule, readings, now)]
