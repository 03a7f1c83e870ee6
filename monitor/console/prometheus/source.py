"""A Source over an API that speaks as Prometheus does."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn

from collectors import metrics as m
from collectors.base import Metric, PartError, Skipped
from monitor.alerts.states import fingerprint
from monitor.console.prometheus.api import Answer, Api
from monitor.console.prometheus.readings import VOCABULARY
from monitor.console.prometheus.samples import SampleSource
from monitor.console.source import NotKnownError
from monitor.store.reader import ITSELF, Ack, AlertState, Audited, Notification, Silence, TargetRow, Transition

#: A target that was not scraped for so long is none any more.
TARGET_SECONDS = 86400.0
#: The last two readings of a target are looked for within this time.
LAST_TWO_SECONDS = 900.0
#: Labels that an alert can have of its own; others are of its state, of its rule's group, and of who evaluated it.
OF_ALERTS = frozenset({"alertname", "severity", "target", "system", *VOCABULARY})

UNTOLD_ERROR = "it could not be read the last time; why, its agent's log and its own console tell"
UNTOLD_PART = PartError("a part", "its agent's log and its own console tell which, and why")
UNTOLD_NAME = "something; its agent's own console tells what"


class PrometheusSource(SampleSource):
    """What an API tells of a fleet of agents: all that `/metrics` has, and the alerts that it evaluates itself."""

    #: There is no store to write.
    path = None

    def __init__(self, api: Api, clock: Callable[[], float] = time.time) -> None:
        super().__init__(api)
        self._clock = clock

    def close(self) -> None:
        """Its connections are kept for the next page."""

    def targets(self, now: float) -> list[TargetRow]:
        """The last reading of every target that was scraped within a day; of what went wrong only that it did."""
        up = self._newest(m.COLLECTOR_UP, now)
        read_at = {name: one.points[-1][1] for name, one in self._newest(m.COLLECTOR_LAST_SUCCESS, now).items()}
        took = {name: one.points[-1][1] for name, one in self._newest(m.COLLECTOR_DURATION_SECONDS, now).items()}
        requests, failed = self._rises(m.COLLECTOR_REQUESTS_TOTAL, now), self._rises(m.COLLECTOR_ERRORS_TOTAL, now)
        skipped: dict[str, list[Skipped]] = defaultdict(list)
        for left_out in self.latest(m.COLLECTOR_SKIPPED.name, now):
            names = [Skipped(UNTOLD_NAME, left_out.labels["reason"])] * int(left_out.points[-1][1])
            skipped[left_out.labels["target"]] += names
        rows = []
        for name, one in sorted(up.items()):
            is_up = one.points[-1][1] == 1
            rows.append(
                TargetRow(
                    name,
                    one.labels.get("system", ""),
                    read_at.get(name, now) if is_up else now,
                    read_at.get(name),
                    is_up,
                    None if is_up else UNTOLD_ERROR,
                    took.get(name),
                    requests.get(name) if is_up else 0,
                    skipped[name] if is_up else [],
                    [UNTOLD_PART] * (failed.get(name) or 0) if is_up else [],
                )
            )
        return rows

    def alerts(self) -> list[AlertState]:
        """What is pending or firing there. When one began to fire is not known, when its condition began to hold is."""
        now = self._clock()
        names = {*self._newest(m.COLLECTOR_UP, now), ITSELF}
        found = [one for one in self._api.instant('ALERTS{target!=""}', now) if one.labels["target"] in names]
        if not found and names != {ITSELF}:
            raise NotKnownError(
                f"{self._api.url}: alerts are not known: it evaluates no rule of eda-monitor, not even Watchdog, which"
                " always fires; give it those of `eda-monitor export-rules --prometheus`"
            )
        begun = {_key(one.labels): one.points[-1][1] for one in self._api.instant('ALERTS_FOR_STATE{target!=""}', now)}
        told = {_key(one["labels"]): one for one in self._api.alerts() if isinstance(one.get("labels"), dict)}
        states = [_state(one.labels, begun.get(_key(one.labels)), told.get(_key(one.labels), {}), now) for one in found]
        return list({one.fingerprint: one for one in sorted(states, key=lambda one: one.state == "firing")}.values())

    def transitions(self, since: float) -> list[Transition]:
        self._not_known("the history of alerts is")

    def suppressed(self) -> dict[str, str]:
        self._not_known("who is not told, and why, is")

    def silences(self, since: float) -> list[Silence]:
        self._not_known("silences are")

    def acks(self) -> dict[str, Ack]:
        self._not_known("acknowledgements are")

    def audit(self, since: float) -> list[Audited]:
        self._not_known("what people did is")

    def notifications(self, limit: int) -> list[Notification]:
        self._not_known("notifications are")

    def _not_known(self, what: str) -> NoReturn:
        raise NotKnownError(f"{self._api.url}: {what} not known there; the agent's own console and Alertmanager tell")

    def _newest(self, metric: Metric, now: float) -> dict[str, Answer]:
        """The last sample within a day by target, from the copy that was read last."""
        read_at: dict[str, float] = defaultdict(float)
        for one in self._last(m.COLLECTOR_LAST_SUCCESS.exposed_name, now, TARGET_SECONDS):
            read_at[_copy(one.labels)] = one.points[-1][1]
        told = self._last(metric.exposed_name, now, TARGET_SECONDS)
        told = [one for one in told if one.labels.get("phase", "collect") == "collect" and "target" in one.labels]
        return {one.labels["target"]: one for one in sorted(told, key=lambda one: read_at[_copy(one.labels)])}

    def _rises(self, metric: Metric, now: float) -> dict[str, int]:
        """What counters of targets rose by with their last reading, where it is known."""
        rises: dict[str, int] = {}
        for one in self.window(metric.name, now - LAST_TWO_SECONDS, now):
            if len(one.points) > 1 and one.labels.get("kind", "part") == "part":
                (_, before), (_, value) = one.points[-2:]
                rises[one.labels["target"]] = int(value - before if value >= before else value)
        return rises


def _copy(labels: Mapping[str, str]) -> str:
    """A target as one scraper reads it from one agent."""
    return repr(sorted((name, text) for name, text in labels.items() if name not in ("__name__", "phase")))


def _key(labels: Mapping[str, str]) -> str:
    return fingerprint(_own(labels))


def _own(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in labels.items() if name in OF_ALERTS}


def _state(labels: Mapping[str, str], begun: float | None, told: Mapping[str, Any], now: float) -> AlertState:
    own, annotations = _own(labels), told.get("annotations")
    active_at = begun if begun is not None else _moment(told.get("activeAt"), now)
    return AlertState(
        own.get("alertname", ""), fingerprint(own), own, labels.get("alertstate", ""), active_at, None, None,
        _number(told.get("value")), annotations if isinstance(annotations, dict) else {}, now,
    )  # fmt: skip


def _moment(text: object, unknown: float) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return unknown


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return math.nan
