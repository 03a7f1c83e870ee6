"""Every query of the dashboards where all is well: it shows data, or is named here. Of those that are named
`test_dashboards` asks in an outage, where all show data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from backfilled import prometheus_with
from health import scrapes
from integration.conftest import or_skip
from integration.test_dashboards import END, QUERIES, ask, filled_in

pytestmark = pytest.mark.integration

#: What rightly shows nothing, by the reason.
EMPTY = {
    "counted from the first failure on": {
        "eda-aws: Dead letters that were not kept A",
        "eda-aws: Failed by reason A",
        "eda-aws: Filtered out A",
        "eda-aws: Matched, delivered and tried again C",
        "eda-aws: Published and refused B",
        "eda-broker: Deaths in the broker A",
        "eda-broker: Unroutable messages A",
        "eda-consumers: Delivered again A",
        "eda-consumers: Lost to retention A",
        "eda-consumers: Offsets beyond the end A",
        "eda-destination: Failures of publishing A",
        "eda-eventgrid: Failed attempts by reason A",
        "eda-eventgrid: Published and refused B",
        "eda-handlers: Failures by reason A",
        "eda-handlers: Failures of publishing A",
    },
    "there is no fault": {
        "eda-aws: What loses messages, or will A",
        "eda-broker: Faults of configuration by destination A",
    },
    "no dead letter ever came": {
        "eda-dead-letters: Age against retention A",
        "eda-dead-letters: Age of the oldest A",
        "eda-dead-letters: In, by reason A",
        "eda-dead-letters: Lost A",
        "eda-dead-letters: Next to be deleted in A",
        "eda-dead-letters: Oldest A",
        "eda-dead-letters: Sent by services, against arrived A",
        "eda-dead-letters: Sent by services, against arrived B",
        "eda-dead-letters: Stores, the fullest first B",
        "eda-dead-letters: Stores, the fullest first C",
        "eda-dead-letters: Stores, the fullest first D",
        "eda-dead-letters: What the handlers failed with A",
        "eda-destination: Dead letters of it A",
        "eda-eventgrid: Dead letters and losses A",
        "eda-eventgrid: Dead letters and losses B",
        "eda-handlers: Dead letters sent by services A",
        "eda-now: Dead letters, the most first B",
        "eda-now: Oldest dead letter A",
    },
    "of what is dead-lettered a share is told where some ever was": {
        "eda-slo: Budget left, 7 days A",
        "eda-slo: Burn over an hour, by source A",
        "eda-slo: Burn over six hours, by source A",
        "eda-slo: Burn, 1 hour A",
        "eda-slo: Burn, 6 hours A",
        "eda-slo: Handled, 7 days A",
        "eda-slo: What used it up, 7 days A",
    },
    "nothing is sent back": {"eda-aws: Redrives that run A", "eda-dead-letters: Out, by redrives A"},
    "no alert fires, and no rule fails": {
        "eda-alerts: Failures by rule A",
        "eda-alerts: Firing and pending, as this Prometheus judges A",
    },
}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("healthy")
    with or_skip(prometheus_with(scrapes(END), folder)) as url, httpx.Client(base_url=url) as client:
        yield client


def test_where_all_is_well_a_query_shows_data_or_is_named(healthy: httpx.Client) -> None:
    silent = {str(one.id) for one in QUERIES if not ask(healthy, filled_in(str(one.values[0])))}

    assert silent == set().union(*EMPTY.values())


@pytest.mark.parametrize("panel", ["eda-now: Dead letters, last 15 minutes A", "eda-broker: Faults of configuration A"])
def test_what_is_not_there_is_none_and_not_unknown(healthy: httpx.Client, panel: str) -> None:
    (expr,) = [str(one.values[0]) for one in QUERIES if one.id == panel]

    assert [one["value"][1] for one in ask(healthy, filled_in(expr))] == ["0"]
