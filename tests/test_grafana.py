"""The dashboards: rendered from the code, asking only for what the vocabulary has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from collectors.base import Metric
from collectors.metrics import METRICS
from monitor.grafana import FOLDER, dashboard_now, render

BOARD = dashboard_now()
PANELS: list[dict[str, Any]] = BOARD["panels"]


def by_title(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def series_of(metric: Metric) -> list[str]:
    if metric.kind == "histogram":
        return [f"{metric.name}_{part}" for part in ("bucket", "sum", "count")]
    return [metric.name]


def test_the_file_is_what_the_generator_renders() -> None:
    """Mend by `make dashboards`."""
    assert (FOLDER / "eda-now.json").read_text(encoding="utf-8") == render(BOARD)


@pytest.mark.parametrize("panel", PANELS, ids=by_title)
def test_a_panel_asks_only_for_declared_metrics(panel: dict[str, Any]) -> None:
    names = re.findall(r"eda_(\w+)\{", panel["targets"][0]["expr"])

    assert names
    assert set(names) <= {exposed for metric in METRICS.values() for exposed in series_of(metric)}


@pytest.mark.parametrize("panel", PANELS, ids=by_title)
def test_a_panel_says_what_a_bad_value_means(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]


def test_panels_do_not_overlap_and_fill_their_rows() -> None:
    cells = [
        (x, y)
        for panel in PANELS
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    height = max(y for _, y in cells) + 1

    assert len(cells) == len(set(cells)) == 24 * height


def test_panel_ids_are_unique() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
