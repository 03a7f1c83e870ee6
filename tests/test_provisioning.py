"""What Grafana reads from files has exactly the keys that Grafana knows: it drops others without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parent.parent / "dashboards" / "provisioning"
FILES = sorted(FOLDER.rglob("*.yaml"))

_RULE = {
    "uid!": "", "title!": "", "condition": "", "dashboardUid": "", "panelId": "", "noDataState": "", "execErrState": "",
    "for": "", "keepFiringFor": "", "missing_series_evals_to_resolve": "", "annotations": "", "labels": "",
    "isPaused": "",
    "data!": {
        "refId!": "", "queryType": "", "datasourceUid!": "", "model!": "", "relativeTimeRange": {"from": "", "to": ""}
    },
    "notification_settings": {
        "receiver!": "", "group_by": "", "group_wait": "", "group_interval": "", "repeat_interval": "",
        "mute_time_intervals": "", "active_time_intervals": "",
    },
    "record": {"metric!": "", "from!": "", "targetDatasourceUid": ""},
}  # fmt: skip
#: By the folder of a file: its keys, `!` after those that must be there; what is "" may be anything.
KEYS: dict[str, Any] = {
    "datasources": {
        "apiVersion!": "", "prune": "", "deleteDatasources": {"name!": "", "orgId": "", "orgName": ""},
        "datasources": {
            "name!": "", "type!": "", "access!": "", "uid": "", "orgId": "", "orgName": "", "version": "", "url": "",
            "user": "", "database": "", "basicAuth": "", "basicAuthUser": "", "withCredentials": "", "isDefault": "",
            "correlations": "", "jsonData": "", "secureJsonData": "", "editable": "",
        },
    },
    "dashboards": {
        "apiVersion!": "",
        "providers!": {
            "name!": "", "orgId": "", "folder": "", "folderUid": "", "type": "", "disableDeletion": "", "editable": "",
            "updateIntervalSeconds": "", "allowUiUpdates": "",
            "options!": {"path!": "", "foldersFromFilesStructure": ""},
        },
    },
    "alerting": {
        "apiVersion!": "",
        "groups": {"orgId": "", "name!": "", "folder!": "", "interval!": "", "rules!": _RULE},
        "deleteRules": {"orgId": "", "uid!": ""},
        "contactPoints": {
            "orgId": "", "name!": "",
            "receivers!": {"uid!": "", "type!": "", "settings!": "", "disableResolveMessage": ""},
        },
        "deleteContactPoints": {"orgId": "", "uid!": ""},
    },
}  # fmt: skip
#: Of `jsonData` of a data source of the type prometheus, those that are used here.
OF_PROMETHEUS = {"httpMethod", "timeInterval"}


def wrong(found: Any, known: Any, path: str = "") -> list[str]:
    """The keys that are not known, or are missing, by their path."""
    if isinstance(found, list):
        return [one for number, item in enumerate(found) for one in wrong(item, known, f"{path}[{number}]")]
    if known == "" or not isinstance(found, dict):
        return [] if known == "" else [f"{path}: it is no mapping"]
    names = {name.removesuffix("!"): below for name, below in known.items()}
    told = [f"{path}.{name[:-1]}: it is missing" for name in known if name.endswith("!") and name[:-1] not in found]
    for name, value in found.items():
        told += wrong(value, names[name], f"{path}.{name}") if name in names else [f"{path}.{name}: it is unknown"]
    return told


@pytest.mark.parametrize("file", FILES, ids=lambda one: str(one.relative_to(FOLDER)))
def test_a_provisioned_file_has_grafanas_keys(file: Path) -> None:
    """Those of Grafana's source, and of "Provision Grafana" in its documentation (prune, folderUid and options).

    The structs are in `pkg/services/provisioning/`: datasources/types.go, dashboards/types.go, alerting/*_types.go.
    """
    assert wrong(yaml.safe_load(file.read_text(encoding="utf-8")), KEYS[file.parent.name]) == []


def test_all_kinds_of_files_are_there() -> None:
    assert {file.parent.name for file in FILES} == KEYS.keys()


def test_a_data_source_has_the_keys_of_its_type() -> None:
    (source,) = yaml.safe_load((FOLDER / "datasources" / "prometheus.yaml").read_text())["datasources"]

    assert (source["type"], source["access"]) == ("prometheus", "proxy")
    assert source["jsonData"].keys() <= OF_PROMETHEUS


@pytest.mark.parametrize(
    ("spelled", "told"),
    [
        ({"keep_firing_for": "5m"}, ".groups[0].rules[0].keep_firing_for: it is unknown"),
        ({"missingSeriesEvalsToResolve": 2}, ".groups[0].rules[0].missingSeriesEvalsToResolve: it is unknown"),
        ({"data": [{"refId": "A", "datasourceUid": "p"}]}, ".groups[0].rules[0].data[0].model: it is missing"),
    ],
)
def test_a_key_as_the_api_spells_it_or_a_missing_one_is_found(spelled: dict[str, Any], told: str) -> None:
    rule = {"uid": "u", "title": "t", "data": []} | spelled
    group = {"name": "n", "folder": "f", "interval": "1m", "rules": [rule]}

    assert wrong({"apiVersion": 1, "groups": [group]}, KEYS["alerting"]) == [told]


def test_a_contact_point_is_known_by_its_keys() -> None:
    point = {"name": "ops", "receivers": [{"uid": "u", "type": "webhook", "settings": {"url": "http://h"}}]}

    assert wrong({"apiVersion": 1, "contactPoints": [point]}, KEYS["alerting"]) == []
    assert wrong({"apiVersion": 1, "contactPoints": [{"name": "ops"}]}, KEYS["alerting"])
