"""docker-compose.yml and Dockerfile: what they say holds without a Docker that runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor import config as configuration

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENV = dict(line.split("=", 1) for line in (ROOT / ".env").read_text().splitlines() if line and line[0] != "#")
#: Whose images write beside their volumes as they start.
WRITE_AS_THEY_START = {"kafka", "rabbitmq"}

each_service = pytest.mark.parametrize("name", SERVICES)


def filled(text: str) -> str:
    """With the variables of .env filled in."""
    return re.sub(r"\$\{(\w+)\}", lambda found: ENV[found[1]], text)


def tool(name: str, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name(name)
    return subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False)


def conforms(text: str) -> subprocess.CompletedProcess[str]:
    """Whether it is a compose file, by the schema of the Compose Specification."""
    return tool(
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "--default-filetype", "yaml", "-", stdin=text
    )


def test_the_compose_file_conforms_to_the_specification() -> None:
    done = conforms((ROOT / "docker-compose.yml").read_text())

    assert done.returncode == 0, done.stdout


def test_a_key_that_the_specification_lacks_is_found() -> None:
    done = conforms((ROOT / "docker-compose.yml").read_text().replace("read_only:", "readonly:"))

    assert done.returncode == 1
    assert "readonly" in done.stdout


def test_what_is_set_in_env_is_used_and_what_is_used_is_set() -> None:
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))

    assert used == set(ENV) - {"COMPOSE_PROFILES"}


def test_all_parts_run_unless_some_are_left_out() -> None:
    parts = {profile for one in SERVICES.values() for profile in one.get("profiles", [])}

    assert set(ENV["COMPOSE_PROFILES"].split(",")) == parts


@each_service
def test_no_service_waits_for_one_that_may_not_run(name: str) -> None:
    mine = set(SERVICES[name].get("profiles", []))
    for other in SERVICES[name].get("depends_on", []):
        theirs = set(SERVICES[other].get("profiles", []))
        assert not theirs or (mine and mine <= theirs), f"{name} waits for {other}"


@each_service
def test_an_image_has_a_pinned_tag(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z]+)?", SERVICES[name]["image"])


@each_service
def test_a_service_runs_as_somebody_who_is_not_root_and_gets_no_rights(name: str) -> None:
    assert re.fullmatch(r"[1-9]\d*:\d+", SERVICES[name]["user"])
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in SERVICES[name]


@each_service
def test_a_service_writes_to_its_volumes_alone(name: str) -> None:
    assert SERVICES[name].get("read_only", False) is (name not in WRITE_AS_THEY_START)


@each_service
def test_a_service_says_whether_it_is_healthy(name: str) -> None:
    check = SERVICES[name]["healthcheck"]

    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "start_period"} <= set(check)


@each_service
def test_a_port_is_published_on_loopback_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", filled(port))


@each_service
def test_what_is_mounted_is_there_and_read_only_or_a_volume(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source, _, rest = filled(mount).partition(":")
        if source in COMPOSE["volumes"]:
            continue
        assert rest.endswith(":ro"), mount
        assert (ROOT / source).exists(), mount


@each_service
def test_no_password_stands_in_the_compose_file(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        assert "PASSWORD" not in key or value.startswith("/run/secrets/"), key


@each_service
def test_a_secret_that_is_used_is_a_file_that_its_user_may_read(name: str) -> None:
    for secret in SERVICES[name].get("secrets", []):
        file = ROOT / filled(COMPOSE["secrets"][secret]["file"])
        assert file.stat().st_mode & 0o004, file


@each_service
def test_a_secret_that_is_named_is_given(name: str) -> None:
    told = str([SERVICES[name].get("command"), SERVICES[name].get("environment")])
    for mount in SERVICES[name].get("volumes", []):
        file = ROOT / filled(mount).partition(":")[0]
        told += file.read_text() if file.is_file() else ""
    wanted = set(re.findall(r"/run/secrets/([\w.]+)", told))

    assert wanted == set(SERVICES[name].get("secrets", []))


def test_the_configuration_of_agent_and_console_is_right(tmp_path: Path) -> None:
    text = (ROOT / ENV["EDA_CONFIG"]).read_text().replace("/run/secrets/", f"{ROOT / ENV['EDA_SECRETS']}/")

    config = configuration.parse(text, "eda-monitor.toml", tmp_path)

    assert [target.kind for target in config.targets] == ["kafka", "rabbitmq", "handlers"]
    assert str(config.store.path.parent) == SERVICES["agent"]["volumes"][1].partition(":")[2]


def test_the_links_of_alerts_go_where_the_ports_are_published() -> None:
    told = tomllib.loads((ROOT / ENV["EDA_CONFIG"]).read_text())

    assert told["console"]["url"] == f"http://127.0.0.1:{ENV['EDA_CONSOLE_PORT']}"
    assert told["alerting"]["grafana_url"] == f"http://127.0.0.1:{ENV['EDA_GRAFANA_PORT']}"


def test_who_is_asked_by_name_is_a_service() -> None:
    agent = tomllib.loads((ROOT / ENV["EDA_CONFIG"]).read_text())
    kafka, rabbitmq, handlers = agent["targets"]
    prometheus = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text())
    grafana = yaml.safe_load((ROOT / "dashboards/provisioning/datasources/prometheus.yaml").read_text())
    asked = [
        *kafka["bootstrap_servers"],
        rabbitmq["url"],
        *handlers["urls"],
        prometheus["scrape_configs"][0]["static_configs"][0]["targets"][0],
        prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"][0],
        grafana["datasources"][0]["url"],
        *SERVICES["traffic"]["command"][:2],
    ]

    hosts = {re.sub(r"^https?://", "", one).partition(":")[0] for one in asked}

    assert hosts == {"kafka", "rabbitmq", "traffic", "agent", "alertmanager", "prometheus"} <= set(SERVICES)


def test_the_alertmanager_finds_the_receiver_on_its_own_loopback() -> None:
    text = (ROOT / "dashboards/alertmanager/alertmanager.yml").read_text()
    (port,) = SERVICES["receiver"]["command"]

    assert SERVICES["receiver"]["network_mode"] == "service:alertmanager"
    assert set(re.findall(r'url: "http://([^/"]+)', text)) == {f"127.0.0.1:{port}"}


def test_the_linter_of_dockerfiles_is_silent() -> None:
    done = tool("hadolint", "--failure-threshold", "style", str(ROOT / "Dockerfile"))

    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_of_dockerfiles_finds_a_tag_that_is_not_pinned() -> None:
    done = tool("hadolint", "-", stdin="FROM python:latest\n")

    assert "DL3007" in done.stdout
