"""The rules as Grafana-managed alerts mean what they mean in Prometheus."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts import states
from monitor.alerts.exports import INTERVAL_SECONDS, to_grafana_group, to_grafana_yaml
from monitor.alerts.promql import to_prometheus_yaml
from monitor.alerts.rules import Rule, default_rules
from monitor.store.reader import AlertState

RULES = default_rules()
KNOWN = [rule for rule in RULES if rule.unless_fired is None]
OF_PROMETHEUS = [
    told
    for rule, told in zip(RULES, yaml.safe_load(to_prometheus_yaml(RULES))["groups"][0]["rules"], strict=True)
    if rule.unless_fired is None
]
OF_GRAFANA = to_grafana_group(RULES, "folder", "p")["rules"]
PAIRS = [
    pytest.param(theirs, ours, id=str(ours["title"])) for theirs, ours in zip(OF_PROMETHEUS, OF_GRAFANA, strict=True)
]


@pytest.mark.parametrize(("prometheus", "grafana"), PAIRS)
def test_a_rule_asks_waits_and_tells_the_same(prometheus: dict[str, Any], grafana: dict[str, Any]) -> None:
    """Where PromQL finds a series the alert is on, whatever its value; where it finds none all is well."""
    query, condition = grafana["data"]

    assert query["model"]["expr"] == prometheus["expr"]
    assert query["model"]["instant"] is True
    assert (grafana["condition"], condition["model"]["expression"]) == ("B", "$A == $A")
    assert (grafana["noDataState"], grafana["execErrState"]) == ("OK", "Error")
    assert grafana["for"] == prometheus.get("for", "0m")
    assert grafana.get("keep_firing_for") == prometheus.get("keep_firing_for")
    assert grafana["labels"] == prometheus["labels"]
    texts = {name: text.replace("$values.A.Value", "$value") for name, text in grafana["annotations"].items()}
    assert texts == prometheus["annotations"]


def test_files_and_the_api_tell_the_same_rules_each_in_its_spelling() -> None:
    """A key in the other one's spelling is dropped without a word."""
    (group,) = json.loads(to_grafana_yaml(RULES, "p"))["groups"]
    renamed = {"keepFiringFor": "keep_firing_for", "missing_series_evals_to_resolve": "missingSeriesEvalsToResolve"}
    of_files = [{renamed.get(name, name): value for name, value in rule.items()} for rule in group["rules"]]
    only_of_the_api = {"folderUID": "folder", "ruleGroup": group["name"], "orgID": 1}

    assert [one | only_of_the_api for one in of_files] == OF_GRAFANA
    assert not any(set(renamed.values()) & rule.keys() for rule in group["rules"])


def in_prometheus(rule: Rule, found: list[bool]) -> list[bool]:
    """Whether the alert of a series fires after each evaluation, by our machine, which is Prometheus'."""
    firing, state = [], None
    labels = dict.fromkeys(rule.by, "x")
    for number, is_found in enumerate(found):
        true = (labels, (True, 1.0)) if is_found else None
        state = states.step(rule, state, true, "f", number * INTERVAL_SECONDS)
        firing.append(isinstance(state, AlertState) and state.state == "firing")
    return firing


def in_grafana(told: dict[str, Any], rule: Rule, found: list[bool], alone: list[bool]) -> list[bool]:
    """The same by Grafana's machine, as it is documented.

    Where a series is missing among others its alert keeps its state for `missingSeriesEvalsToResolve` evaluations;
    where nothing is found at all, which is OK here, it recovers for `keep_firing_for`.
    """
    firing: list[bool] = []
    state, since, seen = "normal", 0.0, 0.0
    for number, (is_found, is_alone) in enumerate(zip(found, alone, strict=True)):
        now = number * INTERVAL_SECONDS
        if is_found:
            if state == "normal":
                state, since = "pending", now
            if state == "recovering" or (state == "pending" and now - since >= rule.for_):
                state = "firing"
            seen = now
        elif is_alone:
            if state == "firing" and rule.keep_firing_for:
                state, since = "recovering", now
            elif state != "recovering" or now - since >= rule.keep_firing_for:
                state = "normal"
            seen = now
        elif now - seen >= told["missingSeriesEvalsToResolve"] * INTERVAL_SECONDS:
            state = "normal"
        firing.append(state in ("firing", "recovering"))
    return firing


@pytest.mark.parametrize("is_alone", [False, True])
@given(rule=st.sampled_from(KNOWN), found=st.lists(st.booleans(), min_size=1, max_size=12), gap=st.integers(0, 20))
def test_an_alert_fires_and_ends_at_the_same_evaluation(
    rule: Rule, found: list[bool], gap: int, is_alone: bool
) -> None:
    """Found long enough to fire, then now and then, then no more: among others that are found, and alone."""
    held = [True] * (1 + int(rule.for_ // INTERVAL_SECONDS + 1))
    some = found if rule.for_ == 0 else []  # a pending alert that is not found for a while goes on waiting in Grafana
    series = [*some, *held, *[False] * gap, True, *[False] * 70]
    told = OF_GRAFANA[KNOWN.index(rule)]

    assert (
        in_grafana(told, rule, series, [is_alone] * len(series))[: len(some) + len(held) + gap]
        == in_prometheus(rule, series)[: len(some) + len(held) + gap]
    )
