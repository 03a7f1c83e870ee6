"""The way from the README to dashboards that show data, as somebody new goes it: by the commands that stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from grafana_server import TOKEN, FakeGrafana, fake_grafana

from monitor.grafana import dashboards

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent.parent
SECTIONS = [("README.md", "## Dashboards"), ("docs/grafana.md", "## From nothing to dashboards")]


def commands(file: str, heading: str) -> list[str]:
    """What the section says to type."""
    section = (ROOT / file).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\s*\$ (.*)$", section, re.MULTILINE)


def typed(lines: list[str], grafana: FakeGrafana, folder: Path) -> subprocess.CompletedProcess[str]:
    """The commands in a shell that ends with the first that fails, with the address and the token put in."""
    program = folder / "bin" / "eda-monitor"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m monitor "$@"\n')
    program.chmod(0o755)
    script = "\n".join(lines)
    for name, value in (("GRAFANA_URL", grafana.url), ("GRAFANA_TOKEN", TOKEN)):
        script, times = re.subn(rf"\b{name}=\S+", f"{name}={value}", script)
        assert times == 1, f"the section does not say what {name} is"
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("file", "heading"), SECTIONS)
def test_who_types_what_is_written_has_dashboards_that_show_data(
    file: str, heading: str, prometheus: str, tmp_path: Path
) -> None:
    with fake_grafana("13.1.0", "/prefix", prometheus) as grafana:
        done = typed(commands(file, heading), grafana, tmp_path)

        assert done.returncode == 0, done.stdout + done.stderr
        assert grafana.boards.keys() == {board["uid"] for board in dashboards()}
        assert len(grafana.groups) == 1
        shown = re.search(r"(\d+) of (\d+) panels show data", done.stdout)
        assert shown is not None and shown[1] == shown[2]


def test_without_the_token_the_first_step_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "grafana", "plan", "--url", "http://127.0.0.1:3000"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert (
        done.stderr
        == "eda-monitor: grafana.token: there is none; expected $GRAFANA_TOKEN, --token-file or [grafana] token_file\n"
    )
