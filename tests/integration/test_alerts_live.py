"""The agent and a real Prometheus that scrapes it come to the same alerts over an incident in a real Kafka."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import or_skip
from kafka import KafkaConsumer
from test_line import agent, config, produce, until_collected
from typer.testing import CliRunner

from monitor.cli import app
from monitor.demo import services
from monitor.demo.services import Kafka, free_port
from monitor.store.reader import Reader

pytestmark = pytest.mark.integration

RULES = Path(__file__).parents[2] / "dashboards/prometheus/alerts.yml"
#: Seconds between two scrapes and evaluations of Prometheus, and by how much the two may be apart.
EVERY, APART = 1, 8
PROMETHEUS = """
global: {{scrape_interval: {every}s, evaluation_interval: {every}s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: eda-monitor
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""

#: Labels of an alert, with its name and its state.
Alert = frozenset[tuple[str, str]]


def asked(url: str, query: str) -> list[dict[str, str]]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}).json()
    return [one["metric"] for one in answer["data"]["result"]]


def alerts_of_prometheus(url: str) -> set[Alert]:
    return {
        frozenset((k, v) for k, v in one.items() if k not in UNKNOWN) for one in asked(url, 'ALERTS{severity!="none"}')
    }


def until_scraped(url: str) -> None:
    """Wait until Prometheus knows the backlog, so that it sees the rise too."""
    end = time.monotonic() + 30
    while not asked(url, "count_over_time(eda_backlog_messages[1m]) >= 2"):
        assert time.monotonic() < end, "Prometheus did not scrape the agent"
        time.sleep(0.1)


#: Labels that Prometheus adds.
UNKNOWN = ("__name__", "instance", "job")


def alerts_of_agent(store: Path) -> set[Alert]:
    with closing(Reader(store)) as reader:
        return {
            frozenset({**one.labels, "alertstate": one.state}.items())
            for one in reader.alerts()
            if one.state in ("pending", "firing") and one.is_told
        }


def both(look: Callable[[], tuple[set[Alert], set[Alert]]], wanted: set[tuple[str, str]]) -> dict[str, float]:
    """Wait until both have these alerts, by name and state, and nothing else; returns when each had them first."""
    since: dict[str, float] = {}
    end = time.monotonic() + 60
    while time.monotonic() < end:
        engine, prometheus = look()
        for who, alerts in (("engine", engine), ("prometheus", prometheus)):
            if named(alerts) == wanted:
                since.setdefault(who, time.monotonic())
        if engine == prometheus and named(engine) == wanted:
            return since
        time.sleep(0.1)
    raise AssertionError(f"wanted {wanted}\nthe engine has {engine}\nPrometheus has {prometheus}")


def named(alerts: set[Alert]) -> set[tuple[str, str]]:
    return {(dict(one)["alertname"], dict(one)["alertstate"]) for one in alerts}


def consumer(bootstrap: str, topic: str, **settings: Any) -> KafkaConsumer:
    return KafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=f"{topic}-billing", auto_offset_reset="earliest", **settings
    )


def read_one(bootstrap: str, topic: str) -> None:
    """A consumer that handles one event, and is gone."""
    reader = consumer(bootstrap, topic, max_poll_records=1, enable_auto_commit=False)
    end = time.monotonic() + 30
    while not reader.poll(500) and time.monotonic() < end:
        pass
    reader.commit()
    reader.close()


OWN_RULE = """
[[rules]]
name = "EventsWait"
metric = "backlog_messages"
function = "last"
above = 2
keep_firing_for = "5s"
by = ["target", "system", "destination", "group"]
severity = "warning"
summary = "{{ value }} events wait in {{ destination }}"
"""


def rules_of(folder: Path, settings: str) -> Path:
    """The rules of this configuration as Prometheus has them."""
    (folder / "rules.toml").write_text(settings)
    done = CliRunner().invoke(
        app, ["export-rules", "--prometheus", str(folder / "rules"), "--config", str(folder / "rules.toml")]
    )
    assert done.exit_code == 0, done.output
    return folder / "rules" / "alerts.yml"


def read_all(reader: KafkaConsumer, backlog: Callable[[], list[dict[str, str]]]) -> None:
    end = time.monotonic() + 60
    while backlog():
        assert time.monotonic() < end, "the backlog does not fall"
        reader.poll(500)
        reader.commit()


def test_an_alert_fires_and_is_resolved_in_both_at_about_the_same_time(kafka: Kafka, tmp_path: Path) -> None:
    name, port = f"live-{uuid.uuid4().hex[:8]}", free_port()
    produce(kafka.bootstrap, name, 1)
    read_one(kafka.bootstrap, name)
    settings = config(kafka, "http://127.0.0.1:1/hook", port, name).replace('interval = "3.0s"', 'interval = "1s"')
    settings += OWN_RULE
    rules = rules_of(tmp_path, settings)
    prometheus = services.prometheus(PROMETHEUS.format(every=EVERY, rules=rules, port=port))
    with agent(tmp_path, settings), or_skip(prometheus) as url:
        until_collected(port, "eda_collector_last_success_timestamp_seconds{", times=3)
        until_scraped(url)

        def look() -> tuple[set[Alert], set[Alert]]:
            found = alerts_of_agent(tmp_path / "eda-monitor.db"), alerts_of_prometheus(url)
            engine, rendered = ({one for one in side if dict(one)["alertname"] == "EventsWait"} for side in found)
            return engine, rendered

        produce(kafka.bootstrap, name, 5)
        fired = both(look, {("EventsWait", "firing")})
        back = consumer(kafka.bootstrap, name)
        read_all(back, lambda: asked(url, "eda_backlog_messages > 0"))
        resolved = both(look, set())
        back.close()

    for since in (fired, resolved):
        assert abs(since["engine"] - since["prometheus"]) <= APART
    with closing(Reader(tmp_path / "eda-monitor.db")) as reader:
        moves = [(one.old, one.new) for one in reader.transitions(0) if one.rule == "EventsWait"]
    assert moves == [("inactive", "firing"), ("firing", "resolved")]


def test_an_incident_makes_the_same_alerts_in_both_at_about_the_same_time(kafka: Kafka, tmp_path: Path) -> None:
    name, port = f"live-{uuid.uuid4().hex[:8]}", free_port()
    produce(kafka.bootstrap, name, 3)
    read_one(kafka.bootstrap, name)
    settings = config(kafka, "http://127.0.0.1:1/hook", port, name).replace('interval = "3.0s"', 'interval = "1s"')
    prometheus = services.prometheus(PROMETHEUS.format(every=EVERY, rules=RULES, port=port))
    with agent(tmp_path, settings), or_skip(prometheus) as url:
        until_collected(port, "eda_collector_last_success_timestamp_seconds{", times=3)
        until_scraped(url)

        def look() -> tuple[set[Alert], set[Alert]]:
            return alerts_of_agent(tmp_path / "eda-monitor.db"), alerts_of_prometheus(url)

        assert look() == (set(), set())

        produce(kafka.bootstrap, f"{name}.DLT", 1)
        produce(kafka.bootstrap, name, 5)
        begun = both(look, {("DeadLettersGrowing", "firing"), ("NobodyConsumes", "pending")})

        back = consumer(kafka.bootstrap, name)
        back.poll(1000)
        ended = both(look, {("DeadLettersGrowing", "firing")})
        back.close()

    for since in (begun, ended):
        assert abs(since["engine"] - since["prometheus"]) <= APART
