"""docs/azure-smoke.md, as far as it can be tried without an account."""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

import pytest

from collectors.metrics import METRICS
from monitor.config import load

TEXT = (Path(__file__).parents[1] / "docs/azure-smoke.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(found) for found in re.findall(r"^ *```sh\n(.*?)^ *```", TEXT, re.S | re.M)]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_a_script_of_the_shell(block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_it_has_ten_steps() -> None:
    assert re.findall(r"^(\d+)\. ", TEXT, re.M) == [str(number) for number in range(1, 11)]


def test_the_configuration_that_it_writes_is_one(tmp_path: Path) -> None:
    (block,) = [one for one in BLOCKS if "smoke.toml <<EOF" in one]
    environment = {"SUBSCRIPTION": "0-1", "RG": "smoke", "ACCOUNT": "edasmoke1", "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-c", block], cwd=tmp_path, env=environment, check=True)

    (target,) = load(tmp_path / "smoke.toml").targets

    assert target.dead_letter_containers[0].name == "edasmoke1/deadletters"  # type: ignore[attr-defined]


def test_the_metrics_that_it_names_are_there() -> None:
    named = set(re.findall(r"`eda_(\w+)`", TEXT))

    assert named and named <= METRICS.keys()
