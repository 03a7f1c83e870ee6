"""Every query of the dashboards, asked of a real Prometheus and a real VictoriaMetrics that have an incident."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from backfilled import prometheus_with, victoriametrics_with
from integration.conftest import or_skip
from outage import scrapes

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
    with or_skip(of_kind[request.param]()) as url, httpx.Client(base_url=url) as client:
        yield client


def ask(engine: httpx.Client, query: str, at: float = END - 10) -> list[Any]:
    answer = engine.get("/api/v1/query", params={"query": query, "time": at})
    answer.raise_for_status()
    found: list[Any] = answer.json()["data"]["result"]
    return found


def filled_in(expr: str) -> str:
    """With the variables as they are at first: all."""
    with_spans = expr.replace("$__rate_interval_ms", "60000").replace("$__rate_interval", "1m")
    return re.sub(r"\$[a-z]\w*", ".*", with_spans)


@pytest.mark.parametrize("expr", QUERIES)
def test_a_query_shows_data(engine: httpx.Client, expr: str) -> None:
    found = ask(engine, filled_in(expr))

    assert found
    assert all(one["value"][1] != "NaN" for one in found)


@pytest.mark.parametrize("expr", QUERIES)
def test_where_nothing_was_read_all_is_unknown(engine: httpx.Client, expr: str) -> None:
    """Not 0, which would say that all is well while the agent is dead."""
    assert ask(engine, filled_in(expr), END - 86400) == []


@pytest.mark.parametrize(
    "panel",
    [
        pytest.param(panel, id=f"{board['uid']}: {panel['title']}")
        for board in dashboards()
        for panel in board["panels"]
        if "${__field.labels." in json.dumps(panel) or "${__data.fields." in json.dumps(panel)
    ],
)
def test_a_link_takes_labels_that_its_series_have(engine: httpx.Client, panel: dict[str, Any]) -> None:
    taken = set(re.findall(r"\$\{__(?:field\.labels|data\.fields)\.(\w+):", json.dumps(panel)))

    for target in panel["targets"]:
        for one in ask(engine, filled_in(target["expr"])):
            assert taken <= one["metric"].keys()
