"""What Grafana's file provisioning reads has its keys and no others: it says nothing of one that it does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parent.parent / "dashboards" / "provisioning"
#: By what they are keys of. Source: the types below pkg/services/provisioning of Grafana 12, and its page on
#: provisioning. What stands under `settings`, `model`, `jsonData`, `labels` and `annotations` is free.
KEYS = {
    "datasources": {
        "orgId", "orgName", "version", "name", "type", "access", "url", "user", "database", "basicAuth",
        "basicAuthUser", "withCredentials", "isDefault", "correlations", "jsonData", "secureJsonData", "editable",
        "uid",
    },
    "providers": {
        "name", "orgId", "folder", "folderUid", "type", "disableDeletion", "updateIntervalSeconds", "allowUiUpdates",
        "options",
    },
    "options": {"path", "foldersFromFilesStructure"},
    "groups": {"orgId", "name", "folder", "interval", "rules"},
    "rules": {
        "uid", "title", "condition", "data", "dashboardUid", "panelId", "noDataState", "execErrState", "for",
        "keepFiringFor", "missing_series_evals_to_resolve", "annotations", "labels", "isPaused",
        "notification_settings", "record",
    },
    "data": {"refId", "queryType", "relativeTimeRange", "datasourceUid", "model"},
    "relativeTimeRange": {"from", "to"},
    "contactPoints": {"orgId", "name", "receivers"},
    "receivers": {"uid", "type", "settings", "disableResolveMessage"},
}  # fmt: skip
#: What a file begins with, by its folder.
TOPS = {
    "datasources": {"apiVersion", "datasources", "deleteDatasources", "prune"},
    "dashboards": {"apiVersion", "providers"},
    "alerting": {"apiVersion", "groups", "deleteRules", "contactPoints", "deleteContactPoints"},
}
FILES = sorted(FOLDER.glob("*/*.yaml"))


def unknown(of: str, found: Any) -> list[str]:
    """Keys that Grafana would pass over, with what they stand in."""
    if isinstance(found, list):
        return [one for item in found for one in unknown(of, item)]
    own = [f"{of}.{key}" for key in found.keys() - KEYS[of]]
    return own + [one for key, value in found.items() if key in KEYS for one in unknown(key, value)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_file_has_no_key_that_grafana_does_not_know(file: Path) -> None:
    whole = yaml.safe_load(file.read_text(encoding="utf-8"))

    assert whole.keys() <= TOPS[file.parent.name]
    assert [one for key in whole.keys() & KEYS.keys() for one in unknown(key, whole[key])] == []


def test_there_are_files_of_every_kind() -> None:
    kinds = {key for file in FILES for key in yaml.safe_load(file.read_text(encoding="utf-8"))} - {"apiVersion"}

    assert kinds == {"datasources", "providers", "groups", "contactPoints"}


def test_rules_ask_the_data_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((FOLDER / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (group,) = yaml.safe_load((FOLDER / "alerting" / "eda-monitor.yaml").read_text())["groups"]

    asked = {query["datasourceUid"] for rule in group["rules"] for query in rule["data"]}
    assert asked == {source["uid"], "__expr__"}
