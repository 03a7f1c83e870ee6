"""The dashboards: rendered from the code, asking only for what the vocabulary has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from collectors.base import Metric
from collectors.metrics import METRICS
from monitor.grafana import FOLDER, dashboards, render

BOARDS = dashboards()
PANELS: list[dict[str, Any]] = [panel for board in BOARDS for panel in board["panels"]]


def by_title(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def series_of(metric: Metric) -> list[str]:
    if metric.kind == "histogram":
        return [f"{metric.name}_{part}" for part in ("bucket", "sum", "count")]
    return [metric.name]


def by_uid(board: dict[str, Any]) -> str:
    return str(board["uid"])


def test_the_files_are_what_the_generator_renders() -> None:
    """Mend by `make dashboards`."""
    files = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}

    assert files == {f"{board['uid']}.json": render(board) for board in BOARDS}


@pytest.mark.parametrize("panel", PANELS, ids=by_title)
def test_a_panel_asks_only_for_declared_metrics(panel: dict[str, Any]) -> None:
    names = [name for target in panel["targets"] for name in re.findall(r"eda_(\w+)\{", target["expr"])]

    assert names or "ALERTS{" in panel["targets"][0]["expr"]
    assert set(names) <= {exposed for metric in METRICS.values() for exposed in series_of(metric)}


@pytest.mark.parametrize("panel", PANELS, ids=by_title)
def test_a_panel_says_what_a_bad_value_means(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]


def test_no_metric_of_the_vocabulary_is_left_out() -> None:
    asked = {
        name for panel in PANELS for target in panel["targets"] for name in re.findall(r"eda_(\w+)\{", target["expr"])
    }

    assert [metric.name for metric in METRICS.values() if not asked & set(series_of(metric))] == []


@pytest.mark.parametrize("board", BOARDS, ids=by_uid)
def test_panels_do_not_overlap_and_fill_their_rows(board: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    height = max(y for _, y in cells) + 1

    assert len(cells) == len(set(cells)) == 24 * height


@pytest.mark.parametrize("board", BOARDS, ids=by_uid)
def test_panel_ids_are_unique(board: dict[str, Any]) -> None:
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_docs_count_panels_and_queries_as_they_are() -> None:
    text = (FOLDER.parent.parent / "docs" / "grafana.md").read_text(encoding="utf-8")

    told = {uid: int(panels) for uid, panels in re.findall(r"^\| `(eda-[\w-]+)` \|.*\| (\d+) \|$", text, re.MULTILINE)}
    assert told == {by_uid(board): len(board["panels"]) for board in BOARDS}
    assert f"Each of the {sum(len(panel['targets']) for panel in PANELS)}\nqueries" in text
