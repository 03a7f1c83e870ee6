"""Deliveries of SNS, from the logs that a topic keeps of them if it is told to: how many failed, how long they took.

A topic logs into `sns/<region>/<account>/<topic>`, what failed into `…/Failure` beside it, one JSON object a delivery
("Amazon SNS message delivery status" of its developer guide).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from collectors import metrics as m
from collectors.aws.account import Call
from collectors.aws.arn import parsed
from collectors.aws.cycle import Cycle
from collectors.base import Sample
from collectors.sqs.answers import endpoint_called
from collectors.sqs.estate import Estate
from collectors.sums import Key, Sums, Window

PERIOD, LATENESS, REACH = 60, 300, 3600
_MOST_EVENTS = 10_000
_FAILURE = "/Failure"


class Delivery(NamedTuple):
    """One delivery, or its last failure: `reason` is empty where it came through, `seconds` how long it took."""

    at: float
    subscription: str
    reason: str
    seconds: float | None


class DeliveryLogs:
    """The deliveries of one account's topics."""

    def __init__(self) -> None:
        self._sums = Sums(PERIOD, LATENESS, REACH, "sns-logs")
        self._groups: dict[str, list[str]] = {}
        self._latencies: dict[tuple[str, str], float] = {}

    def restore(self, memory: Mapping[str, bytes]) -> None:
        self._sums.restore(memory)

    def take_changes(self) -> dict[str, bytes | None]:
        return self._sums.take_changes()

    def find(self, cycle: Cycle, estate: Estate) -> None:
        """Look which topics keep logs."""
        found: dict[str, list[str]] = {}
        topics = {_group(arn): topic for topic, arn in estate.topics.items()}
        for prefix in sorted({group.rpartition("/")[0] + "/" for group in topics}):
            for one in cycle.listed("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=prefix):
                name = one["logGroupName"]
                topic = topics.get(name.removesuffix(_FAILURE))
                if topic is not None:
                    found.setdefault(topic, []).append(name)
        self._groups = found

    def read(self, cycle: Cycle, now: float) -> None:
        """Read what is new in the logs of every topic."""
        self._latencies.clear()
        for topic, groups in self._groups.items():
            window = self._sums.window([_asked(topic)], now)
            times = {"startTime": int(window.start * 1000), "endTime": int(window.end * 1000)}
            calls = [
                (group, Call("logs", "FilterLogEvents", {"logGroupName": group, "limit": _MOST_EVENTS, **times}))
                for group in groups
            ]
            answers = dict(cycle.answered(calls))
            if len(answers) == len(calls):
                if any(answer.get("nextToken") for answer in answers.values()):
                    cycle.skip(f"deliveries of {topic}", f"more than {_MOST_EVENTS} are logged in so short a time")
                self._note(topic, window, list(_deliveries(answers.values())))

    def samples(self, now: float) -> Iterator[Sample]:
        for (name, *labels), total in self._sums.totals(now - REACH):
            if name == m.DELIVERY_FAILURES_TOTAL.name:
                yield Sample(m.DELIVERY_FAILURES_TOTAL, tuple(labels), total)
        for of, seconds in self._latencies.items():
            yield m.DELIVERY_LATENCY_SECONDS.sample(seconds, *of)

    def _note(self, topic: str, window: Window, deliveries: list[Delivery]) -> None:
        counts: dict[Key, dict[float, float]] = defaultdict(lambda: defaultdict(float))
        times: dict[str, list[float]] = defaultdict(list)
        for one in deliveries:
            if one.reason:
                key: Key = (m.DELIVERY_FAILURES_TOTAL.name, topic, one.subscription, one.reason)
                counts[key][one.at // PERIOD * PERIOD] += 1
            elif one.seconds is not None:
                times[one.subscription].append(one.seconds)
        known = [key for key, _ in self._sums.totals(0) if key[1] == topic]
        for each in {*known, *counts, _asked(topic)}:
            self._sums.note(each, counts[each].items() if each in counts else (), window)
        self._latencies |= {(topic, name): sum(found) / len(found) for name, found in times.items()}


def _asked(topic: str) -> Key:
    """Keeps how far the logs of a topic have been read."""
    return "asked", topic


def _group(topic_arn: str) -> str:
    arn = parsed(topic_arn)
    return "" if arn is None else f"sns/{arn.region}/{arn.account}/{arn.resource}"


def _deliveries(answers: Iterable[Mapping[str, Any]]) -> Iterator[Delivery]:
    for answer in answers:
        for event in answer.get("events", ()):
            found = delivery(event)
            if found is not None:
                yield found


def delivery(event: Mapping[str, Any]) -> Delivery | None:
    """What an event of the log says; None where it is something else."""
    try:
        told = json.loads(event["message"])
        of, failed = told["delivery"], told["status"] != "SUCCESS"
        dwelt = of.get("dwellTimeMs")
        reason = str(of.get("statusCode") or "failed") if failed else ""
        seconds = None if dwelt is None else float(dwelt) / 1000
        return Delivery(event["timestamp"] / 1000, endpoint_called(str(of["destination"])), reason, seconds)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
