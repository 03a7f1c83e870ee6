"""Rules: what the language takes, and what its functions mean."""

from __future__ import annotations

import pytest
from given import Given, series

from monitor.alerts.evaluation import Verdict, evaluate
from monitor.alerts.functions import apply, bucket_rates, extrapolated
from monitor.alerts.promql import to_promql
from monitor.alerts.rules import Rule, RuleError, default_rules, matches, parse_rules
from monitor.alerts.states import step
from monitor.percentiles import Increase
from monitor.store.reader import AlertState, Series

DEAD = {"destination": "d.DLT", "source": "d", "reason": ""}
GROWING = next(rule for rule in default_rules() if rule.name == "DeadLettersGrowing")


def reading(*points: tuple[float, float], born: float | None = None) -> Given:
    """One dead-letter counter, and the time of its birth."""
    birth = [] if born is None else [series(GROWING.born or "", (points[-1][0], born), **DEAD)]
    return Given(series(GROWING.metric, *points, **DEAD), *birth)


def rule(text: str) -> Rule:
    """The rule R with these keys."""
    (parsed,) = parse_rules(f'[[rules]]\nname = "R"\n{text}', "r.toml")
    return parsed


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


def run(rule_text: str, truths: list[bool], every: float = 15.0) -> list[str | None]:
    """The states that a rule goes through, a step for each truth."""
    down = rule('metric = "collector_up"\nbelow = 1\n' + rule_text)
    state: AlertState | None = None
    states: list[str | None] = []
    for number, truth in enumerate(truths):
        true = ({"target": "t"}, Verdict({"target": "t"}, 0.0)) if truth else None
        state = step(down, state, true, "fp", number * every)
        states.append(state.state if state else None)
    return states


def test_an_alert_without_for_fires_at_once_and_resolves_at_once() -> None:
    assert run("", [True, False]) == ["firing", "resolved"]


def test_for_holds_an_alert_pending() -> None:
    assert run('for = "30s"', [True, True, True]) == ["pending", "pending", "firing"]


def test_a_pending_alert_that_ends_is_forgotten() -> None:
    assert run('for = "30s"', [True, False, True]) == ["pending", None, "pending"]


def test_keep_firing_for_holds_an_alert_firing() -> None:
    """From the first time on that it did not hold, as in Prometheus."""
    held = run('keep_firing_for = "30s"', [True, False, False, False])

    assert held == ["firing", "firing", "firing", "resolved"]


def test_a_resolved_alert_fires_again() -> None:
    assert run("", [True, False, True]) == ["firing", "resolved", "firing"]


NOBODY = rule(
    """
metric = "backlog_messages"
function = "delta"
window = "10m"
by = ["target", "destination"]
above = 0
[[rules.only_if]]
metric = "consumers"
below = 1
[[rules.unless]]
metric = "in_flight_messages"
above = 0
"""
)


@pytest.mark.parametrize(
    ("consumers", "in_flight", "found"), [(0, 0, True), (1, 0, False), (None, 0, False), (0, 2, False), (0, None, True)]
)
def test_a_rule_holds_only_if_and_unless_others_do(
    consumers: float | None, in_flight: float | None, found: bool
) -> None:
    others = {"consumers": consumers, "in_flight_messages": in_flight}
    known = [series(m, (900, value), destination="orders") for m, value in others.items() if value is not None]
    backlog = series("backlog_messages", (500, 1), (900, 5), destination="orders")

    assert bool(evaluate(NOBODY, Given(backlog, *known), 900)) is found


def test_conditions_are_rendered_as_joins() -> None:
    assert to_promql(NOBODY) == (
        "sum by (target, destination) (delta(eda_backlog_messages[10m])) > 0 "
        "and sum by (target, destination) (eda_consumers) < 1 "
        "unless sum by (target, destination) (eda_in_flight_messages) > 0"
    )


FAILING = rule(
    """
metric = "handler_events_total"
function = "increase"
window = "10m"
where = { outcome = "failed" }
divide_by = { metric = "handler_events_total", function = "increase", window = "10m" }
by = ["target", "handler"]
above = 0.05
"""
)


def events(outcome: str, *values: float) -> Series:
    """A counter of events, read every 100 seconds from 1000 on."""
    points = [(1000.0 + 100 * at, value) for at, value in enumerate(values)]
    return series("handler_events_total", *points, handler="charge", outcome=outcome)


def test_a_ratio_is_of_the_sums_by_the_same_labels() -> None:
    (verdict,) = evaluate(FAILING, Given(events("failed", 0, 10), events("ok", 0, 30), events("retried", 0, 40)), 1100)

    assert verdict.labels == {"target": "t", "handler": "charge"}
    assert verdict.value == pytest.approx(10 / 80)


@pytest.mark.parametrize("others", [(), (events("failed", 5, 5), events("ok", 7, 7))])
def test_a_ratio_to_nothing_says_nothing(others: tuple[Series, ...]) -> None:
    idle = rule(
        """
metric = "handler_in_progress"
divide_by = { metric = "handler_events_total", function = "increase", window = "10m" }
by = ["target", "handler"]
at_least = 0
"""
    )

    assert evaluate(idle, Given(series("handler_in_progress", (1100, 1), handler="charge"), *others), 1100) == []


def test_a_ratio_is_rendered_as_a_division_by_what_is_not_zero() -> None:
    assert to_promql(FAILING) == (
        'sum by (target, handler) (increase(eda_handler_events_total{outcome="failed"}[10m])) / '
        "(sum by (target, handler) (increase(eda_handler_events_total[10m])) != 0) > 0.05"
    )


BEHIND = rule(
    """
metric = "handler_in_progress"
by = ["target", "handler", "destination", "group"]
below = 1
[[rules.only_if]]
metric = "backlog_messages"
on = ["destination", "group"]
above = 0
"""
)
IDLE = series("handler_in_progress", (1100, 0), handler="charge", destination="orders", group="billing")


@pytest.mark.parametrize(("group", "found"), [("billing", True), ("audit", False)])
def test_a_condition_without_target_is_joined_over_all_targets(group: str, found: bool) -> None:
    backlog = series("backlog_messages", (1000, 7), target="kafka-1", destination="orders", group=group)

    assert bool(evaluate(BEHIND, Given(IDLE, backlog), 1100)) is found


def test_a_condition_looks_back_five_minutes() -> None:
    backlog = series("backlog_messages", (799, 7), target="kafka-1", destination="orders", group="billing")

    assert evaluate(BEHIND, Given(IDLE, backlog), 1100) == []


def test_a_condition_is_not_read_where_the_rule_does_not_hold() -> None:
    given = Given(IDLE._replace(points=[(1100, 1)]))

    evaluate(BEHIND, given, 1100)

    assert given.read == [("handler_in_progress", False)]


def test_a_join_is_rendered_with_its_labels() -> None:
    assert to_promql(BEHIND) == (
        "sum by (target, handler, destination, group) (eda_handler_in_progress) < 1 "
        "and on (destination, group) sum by (destination, group) (eda_backlog_messages) > 0"
    )


def test_a_quantile_is_rendered_over_the_buckets_and_other_functions_over_the_count() -> None:
    slow = rule(
        """
metric = "handler_duration_seconds"
function = "quantile"
q = 0.95
window = "10m"
where = { outcome = "!=dropped" }
by = ["target", "handler"]
above = 4.096
[[rules.only_if]]
metric = "handler_duration_seconds"
function = "increase"
window = "90s"
at_least = 1234567
"""
    )

    assert to_promql(slow) == (
        "histogram_quantile(0.95, sum by (le, target, handler) "
        '(rate(eda_handler_duration_seconds_bucket{outcome!="dropped"}[10m]))) > 4.096 '
        "and sum by (target, handler) (increase(eda_handler_duration_seconds_count[90s])) >= 1234567"
    )


@pytest.mark.parametrize(("window", "rendered"), [("1.5s", "1500ms"), ("90s", "90s"), ("2h", "120m")])
def test_a_window_is_rendered_in_whole_numbers(window: str, rendered: str) -> None:
    growing = rule(f'metric = "messages_in_total"\nfunction = "increase"\nwindow = "{window}"\nabove = 0')

    assert f"[{rendered}]" in to_promql(growing)


QUANTILE = 'metric = "handler_duration_seconds"\nfunction = "quantile"\nq = 0.5\nwindow = "1m"\nabove = 1'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (QUANTILE.replace("q = 0.5", ""), "q: expected with quantile"),
        (QUANTILE.replace("q = 0.5", "q = 1.5"), "q: Input should be less than or equal to 1"),
        (QUANTILE.replace("quantile", "rate"), "q: expected with quantile, and with it alone"),
        (QUANTILE.replace("handler_duration_seconds", "backlog_messages"), "function: quantile is of histograms"),
        (QUANTILE.replace("above = 1", "at_least = 600"), "at_least: expected less than 524.288 seconds"),
        (QUANTILE + '\ndivide_by = { metric = "consumers" }', "divide_by: quantile and absent are no sums"),
        ('metric = "consumers"\nabove = 1\ndivide_by = { metric = "lag" }', "divide_by: metric: 'lag' is not"),
        (
            'metric = "consumers"\nabove = 1\ndivide_by = { metric = "consumers", above = 1 }',
            "divide_by.above: unknown",
        ),
        (
            'metric = "consumers"\nabove = 1\nby = ["target", "group"]\ndivide_by = { metric = "node_up" }',
            "divide_by: node_up has no label 'group'",
        ),
        ('metric = "consumers"\nabove = 1\nby = ["group"]', "by: expected 'target' among the labels"),
        (
            'metric = "consumers"\nabove = 1\nonly_if = [{ metric = "node_up", above = 1, on = ["node"] }]',
            "only_if.on: 'node' is not in by; expected some of target, system",
        ),
        (
            'metric = "consumers"\nabove = 1\nby = ["target", "group"]\n'
            'unless = [{ metric = "node_up", above = 1, on = ["group"] }]',
            "unless: node_up has no label 'group'",
        ),
        (
            'metric = "consumers"\nabove = 1\nonly_if = [{ metric = "node_up", above = 1, on = [] }]',
            "only_if.0.on: Tuple should have at least 1 item",
        ),
    ],
)
def test_a_mistake_in_quantiles_ratios_and_joins_is_named(text: str, told: str) -> None:
    with pytest.raises(RuleError) as caught:
        rule(text)

    assert str(caught.value).startswith("r.toml: rule R: ")
    assert told in str(caught.value)


def test_a_bucket_is_not_stretched_back_to_below_zero() -> None:
    """Prometheus takes each of its buckets, which hold the ones below them too, for a counter of its own."""
    points = [(15.0 * at, 0.0) for at in range(1, 41)]
    grown, stood = Increase({}, (1.0,), (930, 70), 0.0), Increase({}, (1.0,), (0, 1000), 0.0)

    rates = bucket_rates(grown, stood, points, 0, 600).counts

    assert rates == pytest.approx((930 / 600, (1000 * 600 / 585 - 930) / 600))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('metric = "consumers"\nabove = 1\noffset = "1m"', "offset: Input should be greater than or equal to 300"),
        (
            'metric = "consumers"\nfunction = "min_over_time"\nwindow = "2h"\nabove = 1',
            "window: expected at most an hour with min_over_time",
        ),
        (
            'metric = "collector_last_success_timestamp_seconds"\nfunction = "age"\noffset = "1d"\nabove = 1',
            "offset: expected with last, ",
        ),
        ('metric = "consumers"\nabove = 1\nthan = { metric = "lag" }', "than: metric: 'lag' is not"),
        (
            'metric = "consumers"\nabove = 1\nby = ["target", "group"]\nthan = { metric = "node_up" }',
            "than: node_up has no label 'group'",
        ),
        (
            'metric = "consumers"\nabove = 1\nrelabel = { group = "destination" }',
            "relabel: consumers has a label 'group' of its own",
        ),
        (
            'metric = "consumers"\nabove = 1\nrelabel = { source = "queue" }',
            "relabel: consumers has no label 'queue'",
        ),
        ('metric = "consumers"\nabove = 1\nwhere = { group = "=~(" }', "where.group: '(' is not a regular expression"),
    ],
)
def test_a_mistake_in_history_and_comparisons_is_named(text: str, told: str) -> None:
    with pytest.raises(RuleError) as caught:
        rule(text)

    assert str(caught.value).startswith("r.toml: rule R: ")
    assert told in str(caught.value)


TWICE = rule(
    """
metric = "backlog_messages"
by = ["target", "destination"]
above = 2
than = { metric = "messages_in_total", function = "last" }
"""
)


@pytest.mark.parametrize(("other", "found"), [(4, True), (5, False), (0, True), (None, False)])
def test_a_value_is_compared_with_so_many_times_another_one(other: float | None, found: bool) -> None:
    others = [] if other is None else [series("messages_in_total", (900, other), destination="orders")]

    assert (
        bool(evaluate(TWICE, Given(series("backlog_messages", (900, 10), destination="orders"), *others), 900)) is found
    )


def test_a_label_is_taken_from_another_one() -> None:
    share = rule(
        """
metric = "dead_letters"
by = ["target", "source"]
above = 0.1
divide_by = { metric = "messages_in_total", relabel = { source = "destination" } }
"""
    )
    dead = series("dead_letters", (900, 2), destination="d.DLT", source="d")

    (verdict,) = evaluate(share, Given(dead, series("messages_in_total", (900, 10), destination="d")), 900)

    assert verdict == Verdict({"target": "t", "source": "d"}, 0.2)
    assert 'label_replace(eda_messages_in_total, "source", "$1", "destination", "(.*)")' in to_promql(share)


def test_an_offset_looks_at_the_value_of_then() -> None:
    gone = rule('metric = "consumers"\noffset = "1d"\nabove = 0')
    past = series("consumers", (1000, 1), (1000 + 86400, 0), destination="d", group="g")

    assert [v.value for v in evaluate(gone, Given(past), 1000 + 86400)] == [1]
    assert to_promql(gone) == "sum by (target, system) (eda_consumers offset 1440m) > 0"
