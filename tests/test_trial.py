"""`alerts test RECEIVER`: a real message, what came back, and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from receiving import receiving

ROOT = Path(__file__).parent.parent


def run(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = folder / "eda-monitor.toml"
    file.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "monitor", "alerts", "test", *arguments, "--config", str(file)],
        cwd=ROOT, env=os.environ.copy(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def hook(url: str) -> str:
    return f'[[receivers]]\nname = "ops"\nkind = "webhook"\nurl = "{url}/s3cr3t"\ntimeout = "2s"\n'


def test_it_sends_a_message_and_says_what_came_back(tmp_path: Path) -> None:
    with receiving(202, answer=b"queued") as receiver:
        done = run(tmp_path, hook(receiver.url), "ops")

    assert done.returncode == 0
    assert done.stdout.startswith("ops (webhook) took the message in ")
    assert done.stdout.endswith("s: 202 Accepted: queued\n")
    assert receiver.bodies[0]["alerts"][0]["labels"]["alertname"] == "EdaMonitorTest"


@pytest.mark.parametrize(("status", "answer"), [(403, "403 Forbidden"), (500, "500 Internal Server Error")])
def test_a_receiver_that_does_not_take_it_is_exit_code_1_and_no_secret_is_told(
    tmp_path: Path, status: int, answer: str
) -> None:
    with receiving(status) as receiver:
        done = run(tmp_path, hook(receiver.url), "ops", "--json")

    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert (told["ok"], told["receiver"], told["kind"]) == (False, "ops", "webhook")
    assert told["answer"] == f"{receiver.url} answered {answer}"
    assert "s3cr3t" not in done.stdout + done.stderr


def test_what_holds_an_alert_open_is_also_told_that_it_is_over(tmp_path: Path) -> None:
    with receiving(202) as receiver:
        text = f'[[receivers]]\nname = "pager"\nkind = "pagerduty"\nrouting_key = "k"\nurl = "{receiver.url}"\n'
        done = run(tmp_path, text, "pager")

    assert done.returncode == 0
    first, second = receiver.bodies
    assert (first["event_action"], second["event_action"]) == ("trigger", "resolve")
    assert first["dedup_key"] == second["dedup_key"]


def test_a_receiver_that_is_not_configured_is_exit_code_2_and_the_others_are_named(tmp_path: Path) -> None:
    done = run(tmp_path, hook("http://127.0.0.1:1"), "opps")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "eda-monitor: receivers: there is no 'opps'; expected one of: ops\n"
