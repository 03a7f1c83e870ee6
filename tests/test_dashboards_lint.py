"""The rules of grafana/dashboard-linter, and some of our own, held by every dashboard.

Excluded, with reasons: template-job-rule, template-instance-rule, target-job-rule and target-instance-rule, for `job`
and `instance` name the agent, which is of no matter to people: what they know is `target`, and each query has it where
the metric is read from a broker. target-logql-rule and target-logql-auto-rule: nothing here asks Loki. Windows of their
own, instead of $__rate_interval, are those of `OWN_WINDOWS`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from collectors.kafka import compat
from collectors.metrics import METRICS
from monitor.alerts.rules import default_rules
from monitor.grafana import dashboards
from monitor.grafana.limits import limit
from monitor.grafana.queries import FILTERS

ROOT = Path(__file__).parent.parent / "dashboards"
BOARDS = dashboards()
PANELS = [pytest.param(panel, id=f"{b['uid']}: {panel['title']}") for b in BOARDS for panel in b["panels"]]
TARGETS = [
    pytest.param(target["expr"], id=f"{b['uid']}: {panel['title']} {target['refId']}")
    for b in BOARDS
    for panel in b["panels"]
    for target in panel["targets"]
]
EXPRS = [param.values[0] for param in TARGETS]
#: "Within the hour" is an hour however far the dashboard is zoomed out, and an objective has windows of its own.
OWN_WINDOWS = {"15m", "1h", "6h", "1d", "7d"}
#: Of https://github.com/grafana/grafana's list, those that are used here.
UNITS = {"short", "none", "s", "ops", "reqps", "bytes", "percentunit", "bool_yes_no"}
with_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
with_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")
board = pytest.mark.parametrize("board", BOARDS, ids=lambda one: str(one["uid"]))
panel = pytest.mark.parametrize("panel", PANELS)
expr = pytest.mark.parametrize("expr", TARGETS)


def variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in board["templating"]["list"]}


def filled_in(expr: str) -> str:
    with_spans = expr.replace("$__rate_interval_ms", "60000").replace("$__rate_interval", "1m")
    return re.sub(r"\$[a-z]\w*", ".*", with_spans)


@board
def test_template_datasource_rule(board: dict[str, Any]) -> None:
    one = variables(board)["datasource"]

    assert (one["type"], one["query"], one["label"]) == ("datasource", "prometheus", "Data source")


@board
def test_template_on_time_change_reload_rule(board: dict[str, Any]) -> None:
    assert {one["refresh"] for one in variables(board).values() if one["type"] == "query"} == {2}


@board
def test_template_label_promql_rule(board: dict[str, Any]) -> None:
    """Variables ask for the values of a label, of a selector whose braces and brackets close."""
    for one in variables(board).values():
        if one["type"] == "query":
            assert re.fullmatch(r"label_values\(\{[^{}]+\}, \w+\)", one["query"]["query"])


@board
def test_uneditable_dashboard(board: dict[str, Any]) -> None:
    assert board["editable"] is False


@panel
def test_panel_datasource_rule(panel: dict[str, Any]) -> None:
    assert {panel["datasource"]["uid"], *(one["datasource"]["uid"] for one in panel["targets"])} == {"${datasource}"}


@panel
def test_panel_title_description_rule(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]


@panel
def test_panel_units_rule(panel: dict[str, Any]) -> None:
    columns = [
        one["value"] for o in panel["fieldConfig"]["overrides"] for one in o["properties"] if one["id"] == "unit"
    ]

    assert {panel["fieldConfig"]["defaults"]["unit"], *columns} <= UNITS


@panel
def test_panel_no_targets_rule(panel: dict[str, Any]) -> None:
    assert panel["targets"]


@with_promtool
def test_target_promql_rule(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": filled_in(one)} for number, one in enumerate(EXPRS)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))

    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=none", str(tmp_path / "rules.yml")], capture_output=True
    )

    assert done.returncode == 0, done.stderr


@expr
def test_target_rate_interval_rule(expr: str) -> None:
    assert set(re.findall(r"\[([^\]]+)\]", expr)) <= {"$__rate_interval", *OWN_WINDOWS}


@expr
def test_target_counter_agg_rule(expr: str) -> None:
    """A counter stands within rate or increase; but dead letters that were born within a window count whole."""
    bare = set(re.findall(r"(?<!rate\()(?<!increase\()\b(eda_\w+_total)\{", expr))

    assert bare <= {"eda_dead_lettered_messages_total"}


@expr
def test_dead_letters_are_counted_in_one_way(expr: str) -> None:
    """As the rules do: of a counter that was born within the window, all of it."""
    asked = re.findall(r"\(eda_dead_lettered_messages_total\{", expr)
    counted = re.findall(
        r"\(\((eda_dead_lettered_messages_total\{[^}]*\}) and \([^()]*\(\)[^()]*\)\) or increase\(\1", expr
    )

    assert len(asked) == 2 * len(counted)


@panel
def test_what_services_tell_is_narrowed_by_the_service_that_is_chosen(panel: dict[str, Any]) -> None:
    """Where the board has that variable."""
    of_service = [one for b in BOARDS if panel in b["panels"] and "service" in variables(b) for one in panel["targets"]]
    for target in of_service:
        for name, _, matchers in re.findall(r"\beda_(\w+?)(_bucket)?\{([^}]*)\}", target["expr"]):
            assert "service" not in METRICS[name].labels or 'service=~"$service"' in matchers


@board
def test_ids_of_panels_and_queries_are_there_and_differ(board: dict[str, Any]) -> None:
    for one in board["panels"]:
        assert len({target["refId"] for target in one["targets"]} - {""}) == len(one["targets"])


@board
def test_links_open_dashboards_that_ship_at_the_same_time(board: dict[str, Any]) -> None:
    found = re.findall(r'"url": "/d/([\w-]+)\?([^"]*)"', json.dumps(board))

    for uid, asked in found:
        assert "${__url_time_range}" in asked
        opened = variables({one["uid"]: one for one in BOARDS}[uid])
        assert set(re.findall(r"var-(\w+)=", asked)) <= opened.keys()


@expr
def test_labels_that_are_asked_for_exist(expr: str) -> None:
    for name, _, matchers in re.findall(r"\beda_(\w+?)(_bucket)?\{([^}]*)\}", expr):
        asked = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers))
        assert asked <= {"target", "system", *METRICS[name].labels}


@board
def test_no_query_goes_without_a_filter(board: dict[str, Any]) -> None:
    """Each variable of a board narrows down every query whose metric has its label, but for what handlers tell."""
    names = set(FILTERS) & variables(board).keys()
    for one in board["panels"]:
        for target in one["targets"]:
            for _, _, matchers in re.findall(r"\beda_(\w+?)(_bucket)?\{([^}]*)\}", target["expr"]):
                assert any(f"${name}" in matchers for name in (*names, "source"))


@expr
def test_topk_is_asked_for_a_moment_alone(expr: str) -> None:
    """Over time its members change with every point, and the lines with them."""
    kinds = {one["type"] for b in BOARDS for one in b["panels"] for t in one["targets"] if t["expr"] == expr}

    assert "topk" not in expr or kinds == {"table"}


@board
def test_the_console_is_linked_at_the_end_of_the_time_shown(board: dict[str, Any]) -> None:
    (url,) = [one["url"] for one in board["links"] if one["title"] == "Console"]

    assert re.fullmatch(r"\$\{console\}/[a-z-]*\?at=\$\{__to:date:iso\}", url)


@pytest.mark.parametrize("rule", [one for one in default_rules() if one.severity != "none"], ids=lambda rule: rule.name)
def test_a_threshold_is_that_of_its_rule(rule: Any) -> None:
    operator, threshold = rule.comparison
    found = limit(rule.name)

    assert abs(found.value - threshold) <= 2e-6
    assert found.below == operator.startswith("<")


@pytest.mark.parametrize(
    "query",
    [
        "sum(kafka_brokers)",
        "count(kafka_topic_partitions)",
        "sum(kafka_topic_partitions{topic=~'x'}) by (topic)",
        "sum(rate(kafka_topic_partition_current_offset{topic=~'x'}[1m])) by (topic)",
        "sum(delta(kafka_topic_partition_current_offset{topic=~'x'}[5m])) by (topic)",
        "sum(delta(kafka_consumergroup_current_offset{topic=~'x'}[5m])) by (consumergroup, topic)",
        "sum(kafka_consumergroup_lag{topic=~'x'}) by (consumergroup, topic)",
        "kafka_consumergroup_lag_sum{consumergroup=~'x'}",
        "sum(kafka_consumergroup_members{consumergroup=~'x'}) by (consumergroup)",
        "sum(kafka_topic_partition_replicas{topic=~'x'}) by (topic)",
        "sum(kafka_topic_partition_in_sync_replica{topic=~'x'}) by (topic, partition)",
        "sum(kafka_topic_partition_under_replicated_partition{topic=~'x'}) by (topic, partition)",
        "sum(kafka_topic_partition_leader_is_preferred{topic=~'x'} < 1)",
        "max(kafka_topic_partition_leader{topic=~'x'}) by (topic, partition)",
        "sum(kafka_topic_partition_current_offset{topic=~'x'} - kafka_topic_partition_oldest_offset{topic=~'x'})",
    ],
)
def test_dashboards_of_kafka_exporter_are_served(query: str) -> None:
    """Those on grafana.com (7589) and of Strimzi: their metrics and labels, with `kafka_exporter_names = true`."""
    served = {one.name: one.labels for one in compat.METRICS}
    names = re.findall(r"\bkafka_\w+", query)
    labels = {label for grouped in re.findall(r"by \(([^)]+)\)", query) for label in grouped.split(", ")}
    labels |= set(re.findall(r"(\w+)=~", query))

    assert names
    for name in names:
        assert labels <= set(served[name])


@board
def test_no_query_uses_a_variable_that_the_dashboard_lacks(board: dict[str, Any]) -> None:
    known = {one["name"] for one in board["templating"]["list"]}
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    asked += [one["expr"] for one in board["annotations"]["list"] if "expr" in one]

    assert {name for expr in asked for name in re.findall(r"\$([a-z]+)\b", expr)} <= known


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
