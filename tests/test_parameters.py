"""Parameters of rules: set for all or for what matches, told to the engine and to Prometheus alike."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from given import Given, series

from monitor.alerts.evaluation import evaluate
from monitor.alerts.parameters import configured
from monitor.alerts.promql import to_prometheus_yaml, to_promql
from monitor.alerts.rules import Rule, RuleError, default_rules
from monitor.config import parse

OVERRIDDEN = """
[alerting.rules.BacklogAgeHigh]
above = 100
[[alerting.rules.BacklogAgeHigh.override]]
match = { destination = "=~slow.*", group = "nightly" }
above = 5000
severity = "info"
[[alerting.rules.BacklogAgeHigh.override]]
match = { destination = "=~slow.*" }
enabled = false
"""


def rules(text: str, name: str = "") -> list[Rule]:
    config = parse(text, "c.toml", Path())
    found = configured(config.rules, config.alerting_settings.rules, "c.toml")
    return [one for one in found if not name or one.name == name]


def waits(destination: str, group: str, seconds: float) -> Given:
    points = [(870.0, seconds), (900.0, seconds)]
    return Given(series("backlog_age_seconds", *points, destination=destination, group=group))


def verdicts(text: str, readings: Given) -> list[str]:
    return [one.severity for one in rules(text, "BacklogAgeHigh") for _ in evaluate(one, readings, 900)]


def test_without_parameters_the_rules_are_those_that_ship() -> None:
    assert rules("") == default_rules()


def test_a_threshold_is_set_for_all() -> None:
    assert verdicts("[alerting.rules.BacklogAgeHigh]\nabove = 100", waits("orders", "billing", 200)) == ["warning"]


def test_a_rule_is_disabled() -> None:
    assert rules("[alerting.rules.BacklogAgeHigh]\nenabled = false", "BacklogAgeHigh") == []


@pytest.mark.parametrize(
    ("destination", "group", "seconds", "found"),
    [
        ("orders", "billing", 200, ["warning"]),
        ("slow-1", "nightly", 200, []),
        ("slow-1", "nightly", 6000, ["info"]),
        ("slow-1", "billing", 6000, []),
    ],
)
def test_the_first_override_that_matches_counts(destination: str, group: str, seconds: float, found: list[str]) -> None:
    assert verdicts(OVERRIDDEN, waits(destination, group, seconds)) == found


def test_each_alert_is_judged_by_one_variant() -> None:
    labels = [{"destination": d, "group": g} for d in ("orders", "slow-1") for g in ("billing", "nightly")]
    covered = [sum(one.covers(own) for one in rules(OVERRIDDEN, "BacklogAgeHigh")) for own in labels]

    assert covered == [1, 1, 0, 1]  # the one that is disabled by none


def test_an_override_is_a_rule_for_prometheus_and_the_rest_leaves_it_out() -> None:
    nightly, rest = map(to_promql, rules(OVERRIDDEN, "BacklogAgeHigh"))
    by = "sum by (target, system, destination, group)"

    assert nightly.startswith(f'{by} (eda_backlog_age_seconds{{destination=~"slow.*", group="nightly"}}) > 5000 and')
    assert rest.startswith(f"{by} (eda_backlog_age_seconds) > 100 and")
    assert rest.endswith(
        f'unless {by} (eda_backlog_age_seconds{{destination=~"slow.*", group="nightly"}}) '
        f'unless {by} (eda_backlog_age_seconds{{destination=~"slow.*"}})'
    )


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_rules_with_overrides(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(to_prometheus_yaml(rules(OVERRIDDEN)))

    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"], cwd=tmp_path, check=False
    )

    assert done.returncode == 0


def test_rules_of_ones_own_join_those_that_ship() -> None:
    own = """
[[rules]]
name = "Mine"
metric = "consumers"
by = ["target", "group"]
below = 2
[alerting.rules.Mine]
below = 3
"""
    (mine,) = rules(own, "Mine")

    assert to_promql(mine) == "sum by (target, group) (eda_consumers) < 3"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[alerting.rules.Nope]\nabove = 1", "c.toml: alerting.rules.Nope: there is no such rule; expected one of B"),
        (
            "[alerting.rules.BacklogAgeHigh]\nbelow = 1",
            "c.toml: alerting.rules.BacklogAgeHigh.below: expected 'above', with which it compares",
        ),
        (
            '[[alerting.rules.NodeDown.override]]\nmatch = { queue = "q" }\nbelow = 1',
            "c.toml: alerting.rules.NodeDown.override[0].match.queue: its alerts have no such label; expected",
        ),
        (
            '[[rules]]\nname = "NodeDown"\nmetric = "node_up"\nbelow = 1',
            "c.toml: rule NodeDown is given twice: a rule that ships has this name",
        ),
        ('[[rules]]\nname = "Mine"\nmetric = "lag"\nbelow = 1', "c.toml: rule Mine: metric: 'lag' is not in"),
        (
            '[[rules]]\nname = "Mine"\nmetric = "consumers"\nbelow = 1\nunless_fired = { rule = "X", window = "1h" }',
            "c.toml: rule Mine: unless_fired.rule: there is no rule 'X'",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(text: str, told: str) -> None:
    with pytest.raises(RuleError) as caught:
        rules(text)

    assert told in str(caught.value)
