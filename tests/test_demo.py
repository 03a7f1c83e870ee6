"""The demo on a machine without Java: one line, and the story all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from collectors import metrics as m
from monitor.demo.receiver import news
from monitor.demo.rehearsal import Rehearsal


def test_without_java_the_demo_says_so_in_one_line_and_shows_a_rehearsal(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path), "KAFKA_HOME": "", "COLUMNS": "200"}
    command = [sys.executable, "-m", "monitor", "demo", "--seconds", "20"]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert "Java is not installed, and Kafka needs it: apt-get install" in done.stdout
    assert "rehearsal" in done.stdout
    assert "alert received" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_group_that_is_told_again_repeats_no_alert() -> None:
    told: set[tuple[str, ...]] = set()
    first, second = ({"fingerprint": name, "startsAt": "10", "status": "firing"} for name in "ab")

    assert news([first], told) == [first]
    assert news([first, second], told) == [second]
    assert news([first | {"status": "resolved"}, second], told) == [first | {"status": "resolved"}]
    assert news([first | {"startsAt": "20"}], told) == [first | {"startsAt": "20"}]


@pytest.mark.parametrize("seconds", [0, 10, 60, 300])
def test_the_rehearsal_tells_figures_that_fit_together(seconds: float) -> None:
    story = Rehearsal()
    story.collect(1000.0, 0.0)

    samples = story.collect(1000.0 + seconds, 0.0).samples

    written = {s.labels[0]: s.value for s in samples if s.metric is m.MESSAGES_IN_TOTAL}
    for sample in samples:
        if sample.metric is m.MESSAGES_OUT_TOTAL:
            (backlog,) = [s.value for s in samples if s.metric is m.BACKLOG_MESSAGES and s.labels == sample.labels]
            assert sample.value + backlog == written[sample.labels[0]]
