"""The rules that ship: the files that are rendered of them, the docs that tell of them, and what each says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from monitor.alerts.exports import to_alertmanager_yaml, to_grafana_yaml
from monitor.alerts.promql import to_prometheus_yaml
from monitor.alerts.rules import Condition, Function, Rule, default_rules, parse_rules
from monitor.alerts.wording import texts
from monitor.config import parse as parse_config

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_the_default_rules(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(to_prometheus_yaml(default_rules()))

    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_rule_file_is_what_is_rendered() -> None:
    """Mend by `make dashboards`."""
    file = ROOT / "dashboards" / "prometheus" / "alerts.yml"

    assert file.read_text(encoding="utf-8") == to_prometheus_yaml(default_rules())


def test_the_files_for_alertmanager_and_grafana_are_what_is_rendered() -> None:
    """Mend by `make dashboards`."""
    alertmanager = ROOT / "dashboards" / "alertmanager" / "alertmanager.yml"
    grafana = ROOT / "dashboards" / "provisioning" / "alerting" / "eda-monitor.yaml"

    assert alertmanager.read_text(encoding="utf-8") == to_alertmanager_yaml()
    assert grafana.read_text(encoding="utf-8") == to_grafana_yaml(default_rules(), "eda-prometheus")


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")
def test_amtool_takes_the_example_of_alertmanager() -> None:
    file = ROOT / "dashboards" / "alertmanager" / "alertmanager.yml"

    done = subprocess.run(["amtool", "check-config", str(file)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_is_told_each_rule_once_under_an_identity_of_its_own() -> None:
    (group,) = json.loads(to_grafana_yaml(default_rules(), "p"))["groups"]
    uids = [one["uid"] for one in group["rules"]]

    assert len(set(uids)) == len(uids) == len([one for one in default_rules() if one.unless_fired is None])
    assert all(len(uid) <= 40 for uid in uids)


@pytest.mark.parametrize("one", default_rules(), ids=lambda one: str(one.name))
def test_every_rule_that_ships_says_what_it_means_and_what_to_do(one: Rule) -> None:
    runbooks = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    section = runbooks.partition(f"\n## {one.name}\n")[2].partition("\n## ")[0]

    assert one.summary and one.description
    assert one.runbook == f"docs/runbooks.md#{one.name.lower()}"
    assert [f"**{word}:**" in section for word in ("Means", "Look", "Do")] == [True] * 3


def test_the_docs_list_the_rules_that_ship() -> None:
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (\w+) \|", (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8"), re.M)

    assert rows == [(one.name, one.severity) for one in default_rules()]


def test_the_docs_list_every_key_and_function_of_the_language() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    tables = text[text.index("| key |") : text.index("Windows of more than an hour are")]
    listed = {name for row in re.findall(r"^\| (`[^|]*) \|", tables, re.M) for name in re.findall(r"`(\w+)`", row)}
    keys = {field.alias or name for model in (Rule, Condition) for name, field in model.model_fields.items()}

    assert listed == (keys | set(get_args(Function))) - {"name"}


def test_the_example_of_the_docs_is_a_rule() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    parameters, example = re.findall(r"```toml\n(.*?)```", text, re.S)

    parse_rules(example, "docs/alerts.md")
    assert parse_config(parameters, "docs/alerts.md", ROOT).alerting_settings.rules


@pytest.mark.parametrize(
    ("name", "threshold"),
    [
        ("BacklogAgeHigh", "above 300"),
        ("DeadLettersBurst", "above 5 times the increase of dead_lettered_messages_total, 24 h before"),
        ("PublishFailing", "at least 5"),
    ],
)
def test_an_alert_tells_its_threshold(name: str, threshold: str) -> None:
    rule = next(one for one in default_rules() if one.name == name)

    assert texts(rule, {}, 1.0)["threshold"] == threshold
