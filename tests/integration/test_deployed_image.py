"""The steps of the Dockerfile in a clean folder: what it builds has a command that runs and an agent that answers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest
from test_deployed import ROOT

from monitor.demo.services import free_port
from monitor.demo.services.process import answers, running

pytestmark = pytest.mark.integration

CONFIG = """\
[store]
path = "eda-monitor.db"
[exporter]
listen = "127.0.0.1:{port}"
[[targets]]
name = "apps"
kind = "handlers"
urls = ["http://127.0.0.1:1/metrics"]
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs that the first stage makes of the files that .dockerignore lets through."""
    home = tmp_path_factory.mktemp("image")
    (home / "src").mkdir()
    for name in re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M):
        copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copied(ROOT / name, home / "src" / name)
    stage = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1]
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": str(home), "EXTRAS": "handlers"}
    for step in re.findall(r"^RUN (.+)$", stage, re.M):
        command = re.sub(r"(?<=[ \"])/(src|venv)\b", rf"{home}/\1", step)
        done = subprocess.run(
            command, shell=True, env=environment, cwd=home, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
    return home / "venv" / "bin"


def ran(program: Path, *arguments: str) -> str:
    """What it prints, from a folder in which there is nothing to import."""
    command = [program, *arguments]
    return subprocess.run(
        command, env={}, cwd=program.parent, capture_output=True, text=True, timeout=60, check=True
    ).stdout


def test_the_installed_command_tells_the_version_of_the_project(programs: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert ran(programs / "eda-monitor", "--version") == f"eda-monitor {version}\n"


def test_dashboards_and_rules_are_installed_too(programs: Path) -> None:
    code = "import dashboards, pathlib; print(*pathlib.Path(dashboards.__file__).parent.rglob('*.*'), sep='\\n')"

    installed = ran(programs / "python", "-c", code)

    assert str(programs.parent) in installed
    for name in ("grafana/eda-now.json", "prometheus/alerts.yml", "provisioning/datasources/prometheus.yaml"):
        assert name in installed


def test_the_installed_agent_answers(programs: Path, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "eda-monitor.toml").write_text(CONFIG.format(port=port))

    def tells() -> bool:
        page = f"http://127.0.0.1:{port}/metrics"
        return answers(port) and 'eda_collector_up{target="apps"' in httpx.get(page).text

    with running([str(programs / "eda-monitor"), "agent"], tmp_path, tells):
        assert httpx.get(f"http://127.0.0.1:{port}/-/healthy").status_code == 200
