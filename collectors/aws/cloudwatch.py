"""What CloudWatch counts and measures, asked for in as few calls and as few metrics as can be.

Every metric that is asked for costs, one call takes up to 500 of them and gives up to 100,800 points:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html. What is hot is asked for often,
the rest seldom; and no more in an hour than the budget of the target.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from collectors.aws.account import Call
from collectors.aws.cost import an_hour
from collectors.aws.cycle import SLACK, Cycle
from collectors.aws.errors import AwsError
from collectors.aws.settings import AwsSettings
from collectors.sums import Key, Sums, Window

PERIOD = 60
#: Points of a queue that wakes come up to 15 minutes late.
LATENESS = 900
#: What an agent that was away so long still catches up on.
REACH = 24 * 3600
#: Windows that begin later than so long ago are asked for as one.
RECENT = 2 * LATENESS
QUERIES_A_CALL = 500
POINTS_A_CALL = 100_800
#: A value stands so long after it should have been followed by another.
STANDS = 300
_HOUR = 3600.0
_SUMS = "cloudwatch"
_SPENT = "cloudwatch-spent"


class Series(NamedTuple):
    """A metric of CloudWatch; `statistic` is Sum, Maximum, Average or a percentile such as p99."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str = "Sum"

    def __str__(self) -> str:
        return f"{self.name} of {' '.join(value for _, value in self.dimensions) or self.namespace}"


class Wanted(NamedTuple):
    """A series to ask for, and the key that what it says is kept under: metric and labels, the destination first.

    A series with the statistic Sum becomes a counter, any other a value. `hot` is asked for at the shorter interval.
    """

    key: Key
    series: Series
    hot: bool = False


class Value(NamedTuple):
    """The last value that is known, and the period it is of: `at` is the end of it, epoch seconds."""

    value: float
    at: float


class CloudWatch:
    """The counters and values of one target."""

    def __init__(self, settings: AwsSettings) -> None:
        self.settings = settings
        self._sums = Sums(PERIOD, LATENESS, REACH, _SUMS)
        self._values: dict[Key, Value] = {}
        self._answered: dict[Key, float] = {}
        self._spent: deque[tuple[float, int]] = deque()
        self._is_spent_changed = False

    def restore(self, memory: Mapping[str, bytes]) -> None:
        """Take back what was remembered; what cannot be read is as if it had never been."""
        self._sums.restore(memory)
        try:
            self._spent = deque((float(at), int(count)) for at, count in json.loads(memory.get(_SPENT, b"[]")))
        except (ValueError, TypeError):
            self._spent = deque()

    def take_changes(self) -> dict[str, bytes | None]:
        """What a `Reading` is to remember."""
        changes = self._sums.take_changes()
        if self._is_spent_changed:
            changes[_SPENT] = json.dumps(list(self._spent)).encode()
            self._is_spent_changed = False
        return changes

    def read(self, cycle: Cycle, wanted: Sequence[Wanted], now: float) -> int:
        """Ask for what is due of these series, and forget the counters of all others. Returns how many were asked for.

        Where the budget is too small for all, hot ones come first, then those that stand first.
        """
        self._keep(wanted)
        chosen = self._affordable(cycle, wanted, now)
        by_key = {one.key: one for one in chosen}
        calls: list[tuple[Window, list[Wanted]]] = []
        for window, keys in _joined(self._sums.windows(by_key, now), now).items():
            if window.missed:
                cycle.skip(f"{window.missed:.0f} s of {by_key[keys[0]].series}", "too long ago to be caught up on")
            calls += ((window, part) for part in _parts(window, [by_key[key] for key in keys]))
        self._spend(len(chosen), now)
        answers = cycle.account.together(request(window, part) for window, part in calls)
        for (window, part), answer in zip(calls, answers, strict=True):
            self._take(cycle, window, part, answer, now)
        return len(chosen)

    def totals(self, now: float) -> Iterator[tuple[Key, float]]:
        """Every counter that CloudWatch answered for lately: 0 is known to be 0, and what is not known is not here."""
        stale_after = 3 * max(self.settings.quiet_metrics_interval, self.settings.interval)
        return iter(self._sums.totals(now - stale_after))

    def value(self, key: Key, now: float) -> Value | None:
        """The last value of a series, where it is not too old to stand."""
        found = self._values.get(key)
        return found if found is not None and found.at >= now - STANDS - self.settings.quiet_metrics_interval else None

    def _keep(self, wanted: Sequence[Wanted]) -> None:
        keys = {one.key for one in wanted}
        self._sums.keep(keys)
        for key in self._answered.keys() - keys:
            del self._answered[key]
            self._values.pop(key, None)

    def asked_an_hour(self, wanted: Sequence[Wanted]) -> float:
        """How many metrics are asked for in an hour, of these."""
        return sum(an_hour(1, self.interval(one)) for one in self._planned(wanted)[0])

    def _affordable(self, cycle: Cycle, wanted: Sequence[Wanted], now: float) -> list[Wanted]:
        """The series to ask for now."""
        budget = self.settings.metrics_budget
        planned, over = self._planned(wanted)
        for one in over:
            cycle.skip(str(one.series), f"over the budget of {budget} metrics an hour")
        while self._spent and self._spent[0][0] <= now - _HOUR:
            self._spent.popleft()
        left = max(0, budget - sum(count for _, count in self._spent))
        return [one for one in planned if self._is_due(one, now)][:left]

    def _planned(self, wanted: Sequence[Wanted]) -> tuple[list[Wanted], list[Wanted]]:
        """The series that the budget is enough for, and the rest: the same in every cycle, for a series that comes
        and goes is worse than one that is named as missing."""
        left = float(self.settings.metrics_budget)
        planned: list[Wanted] = []
        over: list[Wanted] = []
        for one in sorted(wanted, key=lambda one: not one.hot):
            left -= an_hour(1, self.interval(one)) + 1  # an hour may hold both its ends
            (over if left < 0 else planned).append(one)
        return planned, over

    def interval(self, one: Wanted) -> float:
        """How often a series is asked for, in seconds; never more often than the target is read."""
        chosen = self.settings.metrics_interval if one.hot else self.settings.quiet_metrics_interval
        return max(chosen, self.settings.interval)

    def _is_due(self, one: Wanted, now: float) -> bool:
        return now - self._answered.get(one.key, 0.0) >= self.interval(one) * (1 - SLACK)

    def _spend(self, count: int, now: float) -> None:
        if count:
            self._spent.append((now, count))
            self._is_spent_changed = True

    def _take(self, cycle: Cycle, window: Window, part: Sequence[Wanted], answer: Any, now: float) -> None:
        results = [_Result() for _ in part]
        with cycle.part(f"CloudWatch, {len(part)} metrics"):
            for page in _pages(cycle, window, part, answer):
                for told in page["MetricDataResults"]:
                    results[int(told["Id"][1:])].add(told)
        failed: dict[str, list[Wanted]] = {}
        for one, result in zip(part, results, strict=True):
            if result.status == "Complete":
                self._note(one, result.points, window, now)
            elif result.status:
                failed.setdefault(result.status, []).append(one)
        for status, some in failed.items():
            others = f" and {len(some) - 1} others" if len(some) > 1 else ""
            cycle.fail(f"CloudWatch, {some[0].series}{others}", f"answered {status}; asked again in the next cycle")

    def _note(self, one: Wanted, points: list[tuple[float, float]], window: Window, now: float) -> None:
        self._answered[one.key] = now
        if one.series.statistic == "Sum":
            self._sums.note(one.key, points, window)
        elif points:
            at, value = max(points)
            self._values[one.key] = Value(value, at + PERIOD)
        else:
            self._values.pop(one.key, None)


class _Result:
    """What the pages of an answer say of one series: it is whole when the last page says so, and none failed."""

    def __init__(self) -> None:
        self.status = ""
        self.points: list[tuple[float, float]] = []

    def add(self, told: Mapping[str, Any]) -> None:
        if self.status in ("", "Complete", "PartialData"):
            self.status = told.get("StatusCode") or "Complete"
        for at, value in zip(told.get("Timestamps", ()), told.get("Values", ()), strict=True):
            self.points.append((at.timestamp(), value))


def _joined(windows: Mapping[Window, list[Key]], now: float) -> dict[Window, list[Key]]:
    """Those that begin of late as one: more points of a metric cost nothing, and calls are fewer."""
    recent = [window for window in windows if window.start >= now - RECENT]
    if len(recent) < 2:
        return dict(windows)
    joined = Window(min(window.start for window in recent), recent[0].end)
    apart = {window: keys for window, keys in windows.items() if window not in recent}
    return {joined: [key for window in recent for key in windows[window]], **apart}


def _parts(window: Window, wanted: list[Wanted]) -> Iterator[list[Wanted]]:
    """The series in parts, each of as many as one call takes."""
    points = max(1, int((window.end - window.start) // PERIOD))
    most = max(1, min(QUERIES_A_CALL, POINTS_A_CALL // points))
    return (wanted[at : at + most] for at in range(0, len(wanted), most))


def request(window: Window, part: Sequence[Wanted], token: str | None = None) -> Call:
    """What asks CloudWatch for these series, or for the page of the answer that has this token."""
    parameters: dict[str, Any] = {
        "MetricDataQueries": [_query(number, one.series) for number, one in enumerate(part)],
        "StartTime": datetime.fromtimestamp(window.start, UTC),
        "EndTime": datetime.fromtimestamp(window.end, UTC),
        "ScanBy": "TimestampDescending",
        "MaxDatapoints": POINTS_A_CALL,
    }
    if token is not None:
        parameters["NextToken"] = token
    return Call("cloudwatch", "GetMetricData", parameters)


def _query(number: int, series: Series) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in series.dimensions]
    metric = {"Namespace": series.namespace, "MetricName": series.name, "Dimensions": dimensions}
    return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": series.statistic}}


def _pages(cycle: Cycle, window: Window, part: Sequence[Wanted], answer: Any) -> Iterator[Any]:
    """The answer, and the pages that follow it; raises AwsError."""
    if isinstance(answer, AwsError):
        raise answer
    yield answer
    while token := answer.get("NextToken"):
        answer = cycle.account.ask(request(window, part, token))
        yield answer
