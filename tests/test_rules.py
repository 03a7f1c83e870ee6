"""Rules: what the language takes, and what its functions mean."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.alerts.engine import step
from monitor.alerts.promql import to_prometheus_yaml, to_promql
from monitor.alerts.rules import RuleError, Verdict, apply, default_rules, evaluate, extrapolated, matches, parse_rules
from monitor.reader import AlertState, Series

LABELS = {"target": "t", "system": "kafka", "destination": "d.DLT", "source": "d", "reason": ""}
GROWING = next(rule for rule in default_rules() if rule.name == "DeadLettersGrowing")


def reading(*points: tuple[float, float], born: float | None = None) -> Callable[[str, float, float], list[Series]]:
    """Reads one dead-letter counter, and the time of its birth."""

    def read(metric: str, start: float, end: float) -> list[Series]:
        if metric == GROWING.metric:
            found = [point for point in points if start < point[0] <= end]
        else:
            found = [(end, born)] if born is not None else []
        return [Series(metric, LABELS, found)] if found else []

    return read


def test_a_counter_that_rises_is_growth() -> None:
    (verdict,) = evaluate(GROWING, reading((900, 5), (915, 6)), 915)

    assert verdict.labels == {"target": "t", "system": "kafka", "destination": "d.DLT", "source": "d"}


def test_a_counter_that_stands_is_not() -> None:
    assert evaluate(GROWING, reading((900, 5), (915, 5)), 915) == []


def test_the_first_reading_of_a_counter_is_not_growth() -> None:
    assert evaluate(GROWING, reading((915, 5)), 915) == []


def test_a_counter_that_was_born_counts_from_zero() -> None:
    assert [v.value for v in evaluate(GROWING, reading((915, 1), born=915), 915)] == [1]


def test_a_birth_before_the_window_is_not_growth() -> None:
    assert evaluate(GROWING, reading((900, 1), (915, 1), born=915 - 600), 915) == []


@pytest.mark.parametrize(
    ("points", "start", "end", "expected"),
    [
        ([(15, 0), (30, 1), (45, 2), (60, 3)], 0, 60, 3.0),
        ([(15, 10), (30, 11), (45, 12), (60, 13)], 0, 60, 4.0),
        ([(15, 10), (30, 1), (45, 2), (60, 3)], 0, 60, 4.0),
        ([(30, 10)], 0, 60, None),
        ([(15, 5), (30, 5)], 0, 60, 0.0),
    ],
)
def test_increase_extrapolates_as_prometheus_does(
    points: list[tuple[float, float]], start: float, end: float, expected: float | None
) -> None:
    assert extrapolated(points, start, end, counter=True) == expected


def test_functions_over_a_window() -> None:
    points = [(10.0, 3.0), (20.0, 1.0), (30.0, 2.0)]

    assert apply("last", points, 0, 30) == 2
    assert apply("min_over_time", points, 0, 30) == 1
    assert apply("max_over_time", points, 0, 30) == 3
    assert apply("avg_over_time", points, 0, 30) == 2
    assert apply("last", [], 0, 30) is None


@pytest.mark.parametrize(
    ("wanted", "value", "found"),
    [("a", "a", True), ("!=a", "a", False), ("=~a.*", "abc", True), ("=~b", "abc", False), ("!~a.*", "b", True)],
)
def test_a_label_is_matched_as_in_prometheus(wanted: str, value: str, found: bool) -> None:
    assert matches(value, wanted) is found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('metric = "lag"', "metric: 'lag' is not in the vocabulary"),
        ('by = ["queue"]', "by: collector_up has no label 'queue'"),
        ('window = "soon"', "window: 'soon' is not a duration"),
        ('window = "5m"', "window: last takes none"),
        ("above = 1", "expected exactly one of above"),
        ("colour = 1", "colour: unknown key"),
        ('severity = "loud"', "severity:"),
    ],
)
def test_a_mistake_is_named_with_its_rule_and_key(change: str, told: str) -> None:
    key = change.split(" ")[0]
    lines = ['name = "R"', 'metric = "collector_up"', "below = 1"]
    text = "[[rules]]\n" + "\n".join([line for line in lines if not line.startswith(key)] + [change])

    with pytest.raises(RuleError) as caught:
        parse_rules(text, "r.toml")

    assert "r.toml: rule R: " in str(caught.value)
    assert told in str(caught.value)


def test_growth_is_rendered_with_its_birth() -> None:
    assert to_promql(GROWING) == (
        "sum by (target, system, destination, source) ((eda_dead_lettered_messages_total and "
        "(time() - eda_dead_letters_born_timestamp_seconds < 600)) or "
        "increase(eda_dead_lettered_messages_total[10m])) > 0"
    )


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_the_default_rules(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(to_prometheus_yaml(default_rules()))

    done = subprocess.run(["promtool", "check", "rules", "alerts.yml"], cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_rule_file_is_what_is_rendered() -> None:
    """Mend by `make dashboards`."""
    file = Path(__file__).parent.parent / "dashboards" / "prometheus" / "alerts.yml"

    assert file.read_text(encoding="utf-8") == to_prometheus_yaml(default_rules())


def run(rule_text: str, truths: list[bool], every: float = 15.0) -> list[str | None]:
    """The states that a rule goes through, a step for each truth."""
    (rule,) = parse_rules('[[rules]]\nname = "R"\nmetric = "collector_up"\nbelow = 1\n' + rule_text, "r.toml")
    state: AlertState | None = None
    states: list[str | None] = []
    for number, truth in enumerate(truths):
        true = ({"target": "t"}, Verdict({"target": "t"}, 0.0)) if truth else None
        state = step(rule, state, true, "fp", number * every)
        states.append(state.state if state else None)
    return states


def test_an_alert_without_for_fires_at_once_and_resolves_at_once() -> None:
    assert run("", [True, False]) == ["firing", "resolved"]


def test_for_holds_an_alert_pending() -> None:
    assert run('for = "30s"', [True, True, True]) == ["pending", "pending", "firing"]


def test_a_pending_alert_that_ends_is_forgotten() -> None:
    assert run('for = "30s"', [True, False, True]) == ["pending", None, "pending"]


def test_keep_firing_for_holds_an_alert_firing() -> None:
    assert run('keep_firing_for = "30s"', [True, False, False]) == ["firing", "firing", "resolved"]


def test_a_resolved_alert_fires_again() -> None:
    assert run("", [True, False, True]) == ["firing", "resolved", "firing"]


(NOBODY,) = parse_rules(
    """
[[rules]]
name = "NobodyConsumes"
metric = "backlog_messages"
function = "delta"
window = "10m"
by = ["destination"]
above = 0
[[rules.only_if]]
metric = "consumers"
below = 1
[[rules.unless]]
metric = "in_flight_messages"
above = 0
""",
    "test",
)


@pytest.mark.parametrize(
    ("consumers", "in_flight", "found"), [(0, 0, True), (1, 0, False), (None, 0, False), (0, 2, False), (0, None, True)]
)
def test_a_rule_holds_only_if_and_unless_others_do(
    consumers: float | None, in_flight: float | None, found: bool
) -> None:
    points: dict[str, list[tuple[float, float | None]]] = {
        "backlog_messages": [(500, 1), (900, 5)],
        "consumers": [(900, consumers)],
        "in_flight_messages": [(900, in_flight)],
    }

    def read(metric: str, start: float, end: float) -> list[Series]:
        known = [(at, value) for at, value in points[metric] if value is not None]
        return [Series(metric, {"destination": "orders"}, known)] if known else []

    assert bool(evaluate(NOBODY, read, 900)) is found


def test_conditions_are_rendered_as_joins() -> None:
    assert to_promql(NOBODY) == (
        "sum by (destination) (delta(eda_backlog_messages[10m])) > 0 "
        "and sum by (destination) (eda_consumers) < 1 unless sum by (destination) (eda_in_flight_messages) > 0"
    )
