"""What an alert says of its value: things are whole, shares and seconds are not."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from monitor.alerts.promql import to_prometheus_yaml
from monitor.alerts.rules import Rule, default_rules
from monitor.alerts.wording import shown, texts

RULES = {rule.name: rule for rule in default_rules()}


@pytest.mark.parametrize(
    ("rule", "value", "said"),
    [
        ("DeadLettersGrowing", 1.5, "1"),  # one, in a window of which two thirds were seen
        ("DeadLettersGrowing", 0.25, "1"),
        ("DeadLettersGrowing", 0.0, "0"),
        ("DeadLettersGrowing", 2.9999999996, "3"),
        ("DeadLettersGrowing", 102.564, "102"),
        ("EventsLost", 7.7, "7"),
        ("EventsLost", -0.5, "-1"),
        ("DeadLetterBudgetBurnsFast", 0.0173611, "0.0174"),
        ("HandlerSlow", 4.19, "4.19"),
        ("BacklogAgeHigh", 312.4, "312"),
    ],
)
def test_a_number_of_things_is_whole_and_other_values_have_three_digits(rule: str, value: float, said: str) -> None:
    assert shown(RULES[rule], value) == said


def test_the_text_of_a_rule_has_the_whole_number() -> None:
    assert texts(RULES["DeadLettersGrowing"], {"destination": "dlq"}, 1.5)["summary"].endswith(": 1")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(("name", "value"), [("MessagesUnroutable", 1.25), ("DeadLetterBudgetBurnsFast", 0.25)])
def test_prometheus_says_the_same(name: str, value: float, tmp_path: Path) -> None:
    """promtool compares the annotations that Prometheus makes with those that are expected here."""
    rule: Rule = RULES[name].model_copy(update={"for_": 0.0, "only_if": ()})
    by = {label: {"target": "t", "system": "s"}.get(label, "") for label in rule.by}
    found = {label: text for label, text in by.items() if text}
    series = [
        {"series": f"eda_{one}{{{', '.join(f'{key}={json.dumps(text)}' for key, text in found.items())}}}", "values": v}
        for one, v in (("unroutable_messages_total", "5 6 6"), ("dead_lettered_messages_total", "5 6 6"),
                       ("messages_in_total", "3 7 7"))
    ]  # fmt: skip
    annotations = texts(rule, by, value)
    del annotations["threshold"]
    annotations.pop("page", None)
    case = {
        "interval": "4m",
        "input_series": series,
        "alert_rule_test": [
            {
                "eval_time": "8m",
                "alertname": rule.name,
                "exp_alerts": [{"exp_labels": {**found, "severity": rule.severity}, "exp_annotations": annotations}],
            }
        ],
    }
    (tmp_path / "alerts.yml").write_text(to_prometheus_yaml([rule]))
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": ["alerts.yml"], "tests": [case]}))

    done = subprocess.run(["promtool", "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
