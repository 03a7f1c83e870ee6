"""What docker-compose.yml starts, started without Docker: its commands and files, on brokers of the launcher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from integration.conftest import or_skip
from integration.test_deployed_image import CONFIG as UNREADABLE
from test_deployed import ENV, ROOT, SERVICES

from collectors import metrics as m
from monitor.demo import services
from monitor.demo.services import Node
from monitor.demo.services.kafka import formatted
from monitor.demo.services.process import answers, running, started

pytestmark = pytest.mark.integration

SECRETS = ROOT / ENV["EDA_SECRETS"]


@contextmanager
def kafka_of_the_compose_file(folder: Path) -> Iterator[str]:
    """A Kafka with its settings, on loopback and free ports; yields what a client outside of it is told."""
    settings = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in SERVICES["kafka"]["environment"].items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }
    port, controller, outside = (services.free_port() for _ in range(3))
    settings |= {
        "listeners": f"INSIDE://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},OUTSIDE://127.0.0.1:{outside}",
        "advertised.listeners": f"INSIDE://127.0.0.1:{port},OUTSIDE://127.0.0.1:{outside}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": str(folder / "data"),
    }
    command = formatted(services.kafka_libs(), folder, settings)
    with running(command, folder, lambda: answers(outside)):
        yield f"127.0.0.1:{outside}"


@pytest.fixture
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with or_skip(kafka_of_the_compose_file(tmp_path_factory.mktemp("kafka"))) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="module")
def users(rabbit: Node) -> Node:
    """A RabbitMQ with the users of the compose file."""
    rabbit.ctl("import_definitions", str(SECRETS / "rabbitmq_definitions.json"))
    return rabbit


@pytest.mark.parametrize("user", ["demo", "monitor"])
def test_a_user_of_the_definitions_has_the_password_of_its_secret(users: Node, user: str) -> None:
    password = (SECRETS / f"rabbitmq_{user}_password").read_text().strip()

    assert httpx.get(f"{users.url}/api/whoami", auth=(user, password)).json()["name"] == user


def test_the_agent_reads_all_targets_of_the_compose_file_as_its_traffic_runs(
    kafka: str, users: Node, tmp_path: Path
) -> None:
    addresses = {"kafka:9092": kafka, "rabbitmq:5672": f"127.0.0.1:{users.amqp_port}"}
    command = [addresses.get(one, one.replace("/run/secrets", str(SECRETS))) for one in SERVICES["traffic"]["command"]]
    file = tmp_path / "eda-monitor.toml"
    file.write_text(
        (ROOT / ENV["EDA_CONFIG"])
        .read_text()
        .replace("kafka:9092", kafka)
        .replace("http://rabbitmq:15672", users.url)
        .replace("http://traffic:", "http://127.0.0.1:")
        .replace("/run/secrets", str(SECRETS))
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    with started([sys.executable, *SERVICES["traffic"]["entrypoint"][1:], *command], tmp_path, environment):
        found = collected(file, 30)

    assert found == {"kafka", "rabbitmq", "handlers"}, (tmp_path / "log").read_text()


def collected(file: Path, seconds: float) -> set[str]:
    """The targets that tell of traffic, as soon as all of them do, or after so many seconds."""
    asked = [sys.executable, "-m", "monitor", "collect", "--config", str(file), "--format", "json"]
    found: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(found) < 3:
        scrapes = json.loads(subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False).stdout)
        found = {
            scrape["target"]
            for scrape in scrapes["scrapes"]
            for sample in scrape["samples"]
            if sample["metric"] in (m.MESSAGES_IN_TOTAL.name, m.HANDLER_EVENTS_TOTAL.name) and sample["value"] > 0
        }
    return found


def test_what_the_agent_tells_reaches_the_receiver_by_the_mounted_files(tmp_path: Path) -> None:
    metrics, hook, environment = services.free_port(), services.free_port(), {**os.environ, "PYTHONPATH": str(ROOT)}
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "eda-monitor.toml").write_text(UNREADABLE.format(port=metrics))
    routed = (ROOT / "dashboards/alertmanager/alertmanager.yml").read_text().replace(":9000/", f":{hook}/")
    scraped = (
        (ROOT / "dashboards/prometheus/prometheus.yml")
        .read_text()
        .replace("alerts.yml", str(ROOT / "dashboards/prometheus/alerts.yml"))
        .replace("interval: 15s", "interval: 1s")
        .replace("agent:9464", f"127.0.0.1:{metrics}")
    )
    receiver = [sys.executable, *SERVICES["receiver"]["entrypoint"][1:], str(hook)]

    with (
        started(receiver, tmp_path, environment),
        started([sys.executable, "-m", "monitor", "agent"], tmp_path / "agent", environment),
        or_skip(services.alertmanager(routed)) as alertmanager,
        or_skip(services.prometheus(scraped.replace("alertmanager:9093", alertmanager.removeprefix("http://")))),
    ):
        end = time.monotonic() + 30
        while "Watchdog" not in (told := (tmp_path / "log").read_text()) and time.monotonic() < end:
            time.sleep(0.1)

    assert "alert received Watchdog" in told
