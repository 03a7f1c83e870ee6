"""Every query of the dashboards, asked of a real Prometheus and a real VictoriaMetrics that have an incident."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from backfilled import prometheus_with, victoriametrics_with
from outage import scrapes

from monitor.demo import services
from monitor.grafana import dashboards

pytestmark = pytest.mark.integration

#: The end of the incident.
END = float(int(time.time()) // 60 * 60)
QUERIES = [
    pytest.param(target["expr"], id=f"{board['uid']}: {panel['title']} {target['refId']}")
    for board in dashboards()
    for panel in board["panels"]
    for target in panel["targets"]
]


@pytest.fixture(scope="module", params=["prometheus", "victoriametrics"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("engine")
    of_kind = {
        "prometheus": lambda: prometheus_with(scrapes(END), folder),
        "victoriametrics": lambda: victoriametrics_with(scrapes(END)),
    }
    try:
        with of_kind[request.param]() as url, httpx.Client(base_url=url) as client:
            yield client
    except services.ServiceMissingError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


def ask(engine: httpx.Client, query: str) -> list[Any]:
    answer = engine.get("/api/v1/query", params={"query": query, "time": END - 10})
    answer.raise_for_status()
    found: list[Any] = answer.json()["data"]["result"]
    return found


def filled_in(expr: str) -> str:
    """With the variables as they are at first: all."""
    return re.sub(r"\$(system|target|destination|group|source)\b", ".*", expr).replace("$__rate_interval", "1m")


@pytest.mark.parametrize("expr", QUERIES)
def test_a_query_shows_data(engine: httpx.Client, expr: str) -> None:
    found = ask(engine, filled_in(expr))

    assert found
    assert all(one["value"][1] != "NaN" for one in found)
