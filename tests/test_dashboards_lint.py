"""The rules of grafana/dashboard-linter, and a few of our own, over every dashboard.

Of its rules these do not apply, for our series tell themselves apart by `target`, not by where they were scraped:
template-job-rule, template-instance-rule, target-job-rule and target-instance-rule; and target-logql-rule and
target-logql-auto-rule, for nothing is asked of Loki. A counter of dead letters that was born within a window counts
whole, as in the rule DeadLettersGrowing, so target-counter-agg-rule leaves that one out.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.kafka import compat
from monitor.grafana import dashboards

ROOT = Path(__file__).parent.parent / "dashboards"
BOARDS = {board["uid"]: board for board in dashboards()}
PANELS = [
    pytest.param(board, panel, id=f"{uid}: {panel['title']}")
    for uid, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
#: Those of Grafana's units that we use.
UNITS = {"none", "short", "percentunit", "s", "ops", "reqps", "bytes", "bool_yes_no", "bool_on_off"}
RATE = re.compile(r"\b(?:rate|irate)\([^\[\]]*\[([^\]]*)\]")
#: What the dashboards of kafka_exporter ask for.
OF_KAFKA_EXPORTER = (
    "kafka_brokers",
    "kafka_topic_partitions",
    "kafka_topic_partition_current_offset",
    "kafka_topic_partition_oldest_offset",
    "kafka_topic_partition_in_sync_replica",
    "kafka_topic_partition_under_replicated_partition",
    "kafka_consumergroup_current_offset",
    "kafka_consumergroup_lag",
    "kafka_consumergroup_members",
)

each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
each_panel = pytest.mark.parametrize(("board", "panel"), PANELS)
with_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
with_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")


@each_board
def test_template_datasource_rule(board: dict[str, Any]) -> None:
    (variable,) = [one for one in board["templating"]["list"] if one["type"] == "datasource"]

    assert (variable["name"], variable["label"], variable["query"]) == ("datasource", "Data source", "prometheus")


@each_board
def test_template_on_time_change_reload_rule(board: dict[str, Any]) -> None:
    assert {one["refresh"] for one in board["templating"]["list"] if one["type"] == "query"} == {2}


@each_board
def test_template_label_promql_rule(board: dict[str, Any]) -> None:
    queries = [one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query"]

    assert queries
    assert all(re.fullmatch(r"label_values\(\w*(\{[^{}]*\})?, \w+\)", query) for query in queries)


@each_board
def test_uneditable_dashboard(board: dict[str, Any]) -> None:
    assert board["editable"] is False


@each_panel
def test_panel_datasource_rule(board: dict[str, Any], panel: dict[str, Any]) -> None:
    uids = {one["datasource"]["uid"] for one in (panel, *panel["targets"])}

    assert uids == {"${datasource}"}


@each_panel
def test_panel_title_description_rule(board: dict[str, Any], panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]


@each_panel
def test_panel_units_rule(board: dict[str, Any], panel: dict[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS


@each_panel
def test_panel_no_targets_rule(board: dict[str, Any], panel: dict[str, Any]) -> None:
    assert panel["targets"]


@each_panel
def test_target_rate_interval_rule(board: dict[str, Any], panel: dict[str, Any]) -> None:
    ranges = {found for target in panel["targets"] for found in RATE.findall(target["expr"])}

    assert ranges <= {"$__rate_interval"}


@each_panel
def test_target_counter_agg_rule(board: dict[str, Any], panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        bare = re.sub(r"\b(rate|irate|increase)\([^\[\]]*\[[^\]]*\]", "", target["expr"])
        assert set(re.findall(r"\b(eda_\w+_total)\b", bare)) <= {"eda_dead_lettered_messages_total"}


@with_promtool
def test_target_promql_rule(tmp_path: Path) -> None:
    """Every query is one that Prometheus reads."""
    queries = {target["expr"] for _, panel in (one.values for one in PANELS) for target in panel["targets"]}
    filled = [re.sub(r"\$__(rate_interval|range)", "5m", query) for query in sorted(queries)]
    rules = [{"record": f"query:{number}", "expr": expr} for number, expr in enumerate(filled)]
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))

    done = subprocess.run(["promtool", "check", "rules", tmp_path / "queries.yml"], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


@each_panel
def test_each_query_has_a_letter_of_its_own(board: dict[str, Any], panel: dict[str, Any]) -> None:
    letters = [target["refId"] for target in panel["targets"]]

    assert all(letters)
    assert len(set(letters)) == len(letters)


@each_board
def test_links_between_dashboards_lead_to_one_that_ships_and_keep_the_time(board: dict[str, Any]) -> None:
    urls = re.findall(r'"(/d/[^"]+)"', json.dumps(board))

    for url in urls:
        assert re.match(r"/d/([\w-]+)", url)[1] in BOARDS  # type: ignore[index]
        assert "${__url_time_range}" in url


@each_board
def test_no_query_uses_a_variable_that_the_dashboard_lacks(board: dict[str, Any]) -> None:
    known = {one["name"] for one in board["templating"]["list"]}
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    asked += [one["expr"] for one in board["annotations"]["list"] if "expr" in one]

    assert {name for expr in asked for name in re.findall(r"\$([a-z]+)\b", expr)} <= known


def test_the_dashboards_of_kafka_exporter_find_their_names() -> None:
    assert set(OF_KAFKA_EXPORTER) <= {metric.name for metric in compat.METRICS}


@with_promtool
def test_promtool_takes_the_configuration_of_prometheus_and_its_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "config", ROOT / "prometheus" / "prometheus.yml"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr


@with_amtool
def test_amtool_takes_the_configuration_of_alertmanager() -> None:
    done = subprocess.run(
        ["amtool", "check-config", ROOT / "alertmanager" / "alertmanager.yml"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboards_are_provisioned_by_keys_of_grafana() -> None:
    known = {"name", "orgId", "folder", "folderUid", "type", "disableDeletion", "updateIntervalSeconds",
             "allowUiUpdates", "options"}  # fmt: skip
    whole = yaml.safe_load((ROOT / "provisioning" / "dashboards" / "eda-monitor.yaml").read_text())

    assert whole.keys() == {"apiVersion", "providers"}
    assert all(provider.keys() <= known for provider in whole["providers"])
