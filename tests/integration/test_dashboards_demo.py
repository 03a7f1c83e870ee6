"""Every query of the dashboards, asked of a Prometheus and a VictoriaMetrics that scraped the agent through the demo.

It takes minutes: `make verified` runs it. `make test` asks the same queries of a backfilled outage (`test_dashboards`).
"""

from __future__ import annotations

import os
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import yaml
from integration.conftest import or_skip
from integration.test_dashboards import QUERIES, filled_in

from monitor.demo import services
from monitor.demo.run import everything

pytestmark = pytest.mark.integration
takes_minutes = pytest.mark.skipif("EDA_MONITOR_VERIFIED" not in os.environ, reason="it takes minutes: make verified")

FOLDER = Path(__file__).parents[2] / "dashboards" / "prometheus"
#: Seconds until the incident must be seen in all queries: its last part begins after 30.
PATIENCE = 240.0
#: What the demo rightly does not show, by the reason.
NOT_IN_THE_DEMO = {
    "nobody redrives its dead letters": {"eda-dead-letters: Out, by redrives A"},
    "no topic is made anew": {"eda-consumers: Offsets beyond the end A"},
    "no dead-letter queue is out of reach": {"eda-dead-letters: Waiting in their source A"},
    "the simulated AWS has no percentiles": {"eda-aws: From the bus to the target B"},
    "the simulated AWS has no move tasks": {"eda-aws: Redrives that run A"},
    "Event Grid tells averages alone": {"eda-eventgrid: Time to accept a delivery B"},
}
#: VictoriaMetrics alone evaluates no rules.
OF_RULES = {"eda-alerts: Firing and pending, as this Prometheus judges A"}


def scraping(port: int) -> str:
    """Our own configuration of Prometheus, of an agent on this port, each second."""
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8").replace("agent:9464", f"127.0.0.1:{port}")
    return text.replace("alerts.yml", str(FOLDER / "alerts.yml")).replace("interval: 15s", "interval: 1s")


def without_rules(config: str) -> str:
    """The same for VictoriaMetrics, which scrapes and evaluates nothing: it refuses what is said of rules."""
    whole = yaml.safe_load(config)
    scraped = {"global": {"scrape_interval": whole["global"]["scrape_interval"]}}
    return yaml.safe_dump(scraped | {"scrape_configs": whole["scrape_configs"]})


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    folder, stop = tmp_path_factory.mktemp("demo"), threading.Event()
    with or_skip(everything(folder, stop)):
        listen = tomllib.loads((folder / "eda-monitor.toml").read_text())["exporter"]["listen"]
        config = scraping(int(listen.rpartition(":")[2]))
        with (
            or_skip(services.prometheus(config)) as prometheus,
            or_skip(services.victoriametrics(without_rules(config))) as other,
        ):
            yield {"prometheus": prometheus, "victoriametrics": other}


def without_data(url: str) -> set[str]:
    """The names of the queries that show nothing."""
    with httpx.Client(base_url=url, timeout=60) as client:
        return {str(one.id) for one in QUERIES if not shows(client, str(one.values[0]))}


def shows(client: httpx.Client, expr: str) -> bool:
    answer = client.get("/api/v1/query", params={"query": filled_in(expr)})
    answer.raise_for_status()
    return any(one["value"][1] != "NaN" for one in answer.json()["data"]["result"])


def rightly_empty(engine: str) -> set[str]:
    return set().union(*NOT_IN_THE_DEMO.values(), OF_RULES if engine == "victoriametrics" else ())


@takes_minutes
@pytest.mark.parametrize("engine", ["prometheus", "victoriametrics"])
def test_the_incident_of_the_demo_shows_in_every_query_but_those_that_are_named(
    engines: Mapping[str, str], engine: str
) -> None:
    """Those that are named have their data in the backfilled outage, of which `test_dashboards` asks all."""
    end = time.monotonic() + PATIENCE
    while (missing := without_data(engines[engine]) - rightly_empty(engine)) and time.monotonic() < end:
        time.sleep(5)

    assert missing == set()


def test_what_is_named_is_a_query() -> None:
    """So that a name does not outlive its panel."""
    assert rightly_empty("victoriametrics") <= {str(one.id) for one in QUERIES}
