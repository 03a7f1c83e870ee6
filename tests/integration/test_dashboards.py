"""Every query of the dashboards, asked of a real Prometheus that scraped an exporter."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from collectors import metrics as m
from collectors.base import Reading, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.demo import services
from monitor.exporter import Exporter
from monitor.grafana import dashboards

pytestmark = pytest.mark.integration

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: eda-monitor
    honor_labels: true
    static_configs: [{{targets: ["{address}"]}}]
"""


@pytest.fixture(scope="module")
def prometheus() -> Iterator[str]:
    """A Prometheus that has scraped every metric of the vocabulary at least three times."""
    exporter = Exporter()
    metrics = [(metric, [f"some {name}" for name in metric.labels]) for metric in m.METRICS.values()]
    samples = [metric.sample(1, *labels) for metric, labels in metrics if metric.kind != "histogram"]
    samples.append(m.COLLECTOR_DURATION_SECONDS.sample(0.1, "collect"))
    samples.append(
        m.HANDLER_EVENTS_TOTAL.sample(1, *(f"some {name}" for name in m.HANDLER_IN_PROGRESS.labels), "failed")
    )
    histograms = [
        metric.histogram(BOUNDS, (1,) * 41, 9.5, *labels) for metric, labels in metrics if metric.kind == "histogram"
    ]
    exporter.update(Scrape("orders", "kafka", 0.0, 0.1, Reading(histograms=histograms)), samples)
    address = exporter.serve("127.0.0.1:0")
    try:
        with services.prometheus(CONFIG.format(address=address)) as url:
            end = time.monotonic() + 30
            while not ask(url, 'count_over_time(eda_collector_up{target="orders"}[1m]) >= 3'):
                assert time.monotonic() < end, "Prometheus did not scrape the exporter"
                time.sleep(0.2)
            yield url
    except services.ServiceMissingError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    finally:
        exporter.close()


def ask(url: str, query: str) -> list[Any]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query})
    answer.raise_for_status()
    found: list[Any] = answer.json()["data"]["result"]
    return found


@pytest.mark.parametrize(
    "expr",
    [
        pytest.param(target["expr"], id=f"{board['uid']}: {panel['title']} {target['refId']}")
        for board in dashboards()
        for panel in board["panels"]
        for target in panel["targets"]
    ],
)
def test_a_query_shows_data(prometheus: str, expr: str) -> None:
    query = re.sub(r"\$(system|target|destination|group)\b", ".*", expr).replace("$__rate_interval", "1m")

    assert ask(prometheus, query)
