"""An AWS account for tests: moto in the test's own process, or CloudWatch's answers as a model gives them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.aws.account import Account, Call
from collectors.aws.cycle import Cycle
from collectors.aws.errors import AwsError
from collectors.aws.settings import AwsSettings
from collectors.base import Reading

REGION = "eu-central-1"
SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def nobody() -> Iterator[None]:
    """With credentials of nobody, for servers that ask for some."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield


def settings(**options: Any) -> AwsSettings:
    return AwsSettings.model_validate({"name": "shop", "kind": "sqs", "region": REGION, **options})


def cycle(account: Any, seconds: float = 30.0) -> Cycle:
    return Cycle(account, Reading(), time.monotonic() + seconds)


#: (namespace, metric, dimensions) -> {start of the period: value}
Known = Mapping[tuple[str, str, tuple[tuple[str, str], ...]], Mapping[int, float]]


class Answering:
    """An account that holds nothing but CloudWatch's answers to GetMetricData.

    A page holds `page_points` points; `fails` says of a series which status it gets in place of its points.
    """

    def __init__(self, known: Known, page_points: int = 100_800, fails: Callable[[str], str] = lambda name: "") -> None:
        self.known, self.page_points, self.fails = known, page_points, fails
        self.requests = 0
        self.asked: list[int] = []
        self.error: AwsError | None = None
        self._failed: dict[str, str] = {}

    def begin(self, deadline: float) -> None:
        pass

    def together(self, calls: Iterable[Call]) -> Iterator[Any]:
        for call in calls:
            try:
                yield self.ask(call)
            except AwsError as error:
                yield error

    def ask(self, call: Call) -> Any:
        self.requests += 1
        if self.error is not None:
            raise self.error
        assert call.operation == "GetMetricData"
        queries = call.parameters["MetricDataQueries"]
        begin, end = call.parameters["StartTime"].timestamp(), call.parameters["EndTime"].timestamp()
        assert 0 < len(queries) <= 500 and len(queries) * (end - begin) / 60 <= 100_800
        token = call.parameters.get("NextToken")
        if token is None:
            self.asked.append(len(queries))
            self._failed = {query["Id"]: self.fails(query["MetricStat"]["Metric"]["MetricName"]) for query in queries}
        return self._page(queries, begin, end, int(token or 0))

    def _page(self, queries: list[Any], begin: float, end: float, offset: int) -> dict[str, Any]:
        points = [
            (query["Id"], at, value)
            for query in queries
            for at, value in sorted(self._series(query).items(), reverse=True)
            if begin <= at < end
        ]
        shown, rest = points[offset : offset + self.page_points], points[offset + self.page_points :]
        waiting = {name for name, _, _ in rest}
        results = []
        for query in queries:
            name, own = query["Id"], [point for point in shown if point[0] == query["Id"]]
            status = self._failed[name]
            told = [] if status else own
            results.append(
                {
                    "Id": name,
                    "Timestamps": [datetime.fromtimestamp(at, UTC) for _, at, _ in told],
                    "Values": [value for _, _, value in told],
                    "StatusCode": status or ("PartialData" if name in waiting else "Complete"),
                }
            )
        answer: dict[str, Any] = {"MetricDataResults": results}
        return {**answer, "NextToken": str(offset + self.page_points)} if rest else answer

    def _series(self, query: Any) -> Mapping[int, float]:
        metric = query["MetricStat"]["Metric"]
        dimensions = tuple((one["Name"], one["Value"]) for one in metric["Dimensions"])
        return self.known.get((metric["Namespace"], metric["MetricName"], dimensions), {})


def failing(chance: random.Random, share: float) -> Callable[[str], str]:
    """Series that answer InternalError or PartialData so often."""
    return lambda name: chance.choice(["InternalError", "PartialData"]) if chance.random() < share else ""


def account(**options: Any) -> Account:
    found = Account(settings(**options))
    found.begin(time.monotonic() + 30)
    return found
