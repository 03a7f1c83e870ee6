"""`eda-monitor grafana verify`: every panel asked through Grafana's API of a real Prometheus that has an incident."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_server import TOKEN, FakeGrafana, fake_grafana
from typer.testing import CliRunner

from monitor.cli import app
from monitor.grafana import dashboards

VERIFIED = Path(__file__).parent.parent.parent / "docs" / "grafana-verified.md"
INTRODUCTION = """\
Of an incident in which all is wrong that can be, through the API of Grafana, from a real Prometheus: {} panels,
of which {} show data. `make verified` writes this page anew; a test holds it to the dashboards.
"""

pytestmark = pytest.mark.integration


@pytest.fixture
def version() -> str:
    return "12.4.0"


@pytest.fixture
def grafana(version: str, prometheus: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGrafana]:
    with fake_grafana(version, prometheus=prometheus) as one:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GRAFANA_URL", one.url)
        monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
        yield one


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["grafana", *arguments])
    return result.exit_code, result.stdout


def panels(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    code, out = run("verify", "--json", *arguments)
    return code, json.loads(out)["panels"]


@pytest.mark.parametrize("version", ["11.6.0", "12.4.0", "13.1.0"])
def test_every_panel_of_what_was_imported_shows_data(grafana: FakeGrafana) -> None:
    run("import")

    code, found = panels()

    assert [one for one in found if one["error"] or not one["rows"]] == []
    assert code == 0
    asking = [panel for board in dashboards() for panel in board["panels"] if panel.get("targets")]
    assert len(found) == len(asking)
    assert max(one["age_seconds"] for one in found if one["age_seconds"] is not None) < 120


def test_what_was_imported_for_one_data_source_is_asked_of_that_one(grafana: FakeGrafana) -> None:
    """Though another one is the default by now; and of any other one where that is wanted."""
    run("import")
    grafana.datasources = [
        {"uid": "p2", "name": "Other", "type": "prometheus", "isDefault": True},
        *grafana.datasources,
    ]

    assert {one["datasource"] for one in panels()[1]} == {"Prometheus"}
    assert {one["datasource"] for one in panels("--datasource", "Other")[1]} == {"Other"}


def test_the_docs_show_this_table(grafana: FakeGrafana) -> None:
    """Of the same panels; the rows and ages are of the time it was written. Mend by `make verified`."""
    run("import")
    heads = "| dashboard | panel | rows | newest |\n|---|---|---|---|\n"
    found = panels()[1]
    rows = "".join(
        f"| `{one['dashboard']}` | {one['panel']} | {one['rows']} | {one['age_seconds']:.0f} s ago |\n" for one in found
    )
    shown = sum(one["rows"] > 0 for one in found)
    if "EDA_MONITOR_VERIFIED" in os.environ:
        text = f"# What `eda-monitor grafana verify` says\n\n{INTRODUCTION.format(len(found), shown)}\n{heads}{rows}"
        VERIFIED.write_text(text, encoding="utf-8")

    text = VERIFIED.read_text(encoding="utf-8")
    assert [named(line) for line in rows.splitlines()] == [
        named(line) for line in text.partition(heads)[2].splitlines()
    ]
    assert f"{len(found)} panels" in text and f"{shown} show data" in text


def named(line: str) -> list[str]:
    return line.split(" | ")[:2]


def test_a_panel_without_data_or_with_an_error_is_told(grafana: FakeGrafana) -> None:
    run("import")
    targets = [{"refId": "A", "expr": "eda_none_of_ours"}], [{"refId": "A", "expr": "rate(eda_backlog_messages"}]
    own = [{"id": n, "title": f"Own {n}", "targets": one} for n, one in enumerate(targets, start=1)]
    grafana.edit("eda-now", panels=own)

    code, out = run("verify")

    assert code == 1
    assert [line.split()[-2:] for line in out.splitlines() if "Own 1" in line] == [["no", "data"]]
    assert "A: bad_data:" in out
    assert re.search(r"^\d+ of \d+ panels show data, from Prometheus\.$", out, re.MULTILINE)


def test_what_was_not_imported_is_told(grafana: FakeGrafana) -> None:
    code, found = panels()

    assert code == 1
    assert {one["error"] for one in found} == {"it is not imported: eda-monitor grafana import"}
