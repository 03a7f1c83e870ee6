"""Somebody who types `eda-monitor grafana …` beside a server that answers as Grafana."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from grafana_server import TOKEN, FakeGrafana
from typer.testing import CliRunner

from monitor.cli import app


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def as_a_user(monkeypatch: pytest.MonkeyPatch, folder: Path, grafana: FakeGrafana) -> None:
    """In an empty folder, with nothing but where Grafana is and the token."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("EDA_MONITOR_CONFIG", raising=False)
    monkeypatch.setenv("GRAFANA_URL", grafana.url)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)


def run(*arguments: str) -> Done:
    result = CliRunner().invoke(app, ["grafana", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def outcome_of(done: Done, uid: str) -> Any:
    (found,) = [one for one in done.json["outcomes"] if one["uid"] == uid and one["kind"] == "dashboard"]
    return found
