"""How a panel is asked, and what its answer says: variables and data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from monitor.grafana.remote.frames import error_of, newest_of, rows_of
from monitor.grafana.remote.proof import asking, own_datasource, proofs
from monitor.grafana.remote.server import Datasource, GrafanaError
from monitor.grafana.remote.variables import filled, values_of

ALL = {"text": "All", "value": "$__all"}


def values(*variables: Mapping[str, Any], offered: Sequence[str] = ()) -> dict[str, str]:
    return values_of({"templating": {"list": variables}}, lambda label, match: offered)


def a_query(**keys: Any) -> dict[str, Any]:
    return {"name": "target", "type": "query", "query": {"query": "label_values(up, target)"}, **keys}


@pytest.mark.parametrize("written", ["$target", "${target}", "${target:regex}", "[[target]]"])
def test_a_variable_is_filled_in_however_it_is_written(written: str) -> None:
    assert filled(f'up{{target=~"{written}"}}', {"target": "shop"}) == 'up{target=~"shop"}'


@pytest.mark.parametrize("written", ["$__rate_interval", "${__interval}", "$unknown", "$targets"])
def test_what_the_server_fills_in_and_what_is_unknown_stays(written: str) -> None:
    assert filled(f"[{written}]", {"target": "shop"}) == f"[{written}]"


def test_all_is_the_value_that_the_dashboard_has_for_it() -> None:
    assert values(a_query(current=ALL, includeAll=True, allValue=".*")) == {"target": ".*"}


def test_all_without_a_value_is_each_that_is_offered() -> None:
    found = values(a_query(current=ALL, includeAll=True, multi=True), offered=["a.b", "c"])

    assert found == {"target": r"(a\\.b|c)"}


def test_all_of_nothing_is_any() -> None:
    assert values(a_query(current=ALL, includeAll=True)) == {"target": ".+"}


def test_what_was_never_chosen_is_the_first_that_is_offered() -> None:
    assert values(a_query(), offered=["a", "b"]) == {"target": "a"}


def test_what_was_chosen_is_what_it_is() -> None:
    one = a_query(current={"value": "shop"})
    several = a_query(current={"value": ["shop", "bar"]}, multi=True)

    assert values(one) == {"target": "shop"}
    assert values(several) == {"target": "(shop|bar)"}


def test_a_variable_hangs_on_those_before_it() -> None:
    asked = []
    first = a_query(name="system", current={"value": "kafka"})
    second = a_query(query='label_values(eda_collector_up{system=~"$system", a="b,c"}, target)')

    values_of({"templating": {"list": [first, second]}}, lambda label, match: asked.append((label, match)) or [])

    assert asked == [("target", 'eda_collector_up{system=~"kafka", a="b,c"}')]


def test_a_list_written_down_offers_its_first() -> None:
    assert values({"name": "q", "type": "custom", "query": "half : 0.5, most : 0.95"}) == {"q": "0.5"}


def test_a_data_source_is_no_value() -> None:
    assert values({"name": "datasource", "type": "datasource", "query": "prometheus"}) == {}


def an_answer(*columns: Sequence[Any], kinds: Sequence[str] = ("time", "number")) -> dict[str, Any]:
    fields = [{"type": kind} for kind in kinds]
    return {"results": {"A": {"status": 200, "frames": [{"schema": {"fields": fields}, "data": {"values": columns}}]}}}


def test_rows_are_those_with_a_value() -> None:
    answer = an_answer([1000, 2000, 3000], [1.0, 0, None])

    assert rows_of(answer) == 2
    assert newest_of(answer) == 2.0


@pytest.mark.parametrize(
    "answer",
    [{}, {"results": {"A": {"status": 200}}}, {"results": {"A": {"frames": []}}}, an_answer(), an_answer([], [])],
)
def test_what_is_empty_has_no_rows(answer: dict[str, Any]) -> None:
    assert (rows_of(answer), newest_of(answer), error_of(answer)) == (0, None, "")


def test_the_first_error_is_told_in_a_line() -> None:
    answer = {"results": {"A": {"frames": []}, "B": {"error": "bad_data: parse\n error", "status": 400}}}

    assert error_of(answer) == "B: bad_data: parse error"


def a_panel(**keys: Any) -> dict[str, Any]:
    return {"id": 1, "title": "P", "targets": [{"refId": "A", "expr": "up"}], **keys}


def test_panels_in_closed_rows_are_asked_and_those_that_ask_nothing_are_not() -> None:
    row = {"id": 9, "type": "row", "panels": [a_panel(id=2)]}
    hidden = a_panel(id=3, targets=[{"refId": "A", "expr": "up", "hide": True}])

    found = asking({"panels": [a_panel(), row, hidden, {"id": 4, "type": "text"}]})

    assert [panel["id"] for panel in found] == [1, 2]


class Answering:
    """A Grafana that says one thing, and notes what it is asked."""

    def __init__(self, answer: dict[str, Any] | GrafanaError) -> None:
        self.answer, self.asked = answer, []

    def query(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked += body["queries"]
        if isinstance(self.answer, GrafanaError):
            raise self.answer
        return self.answer

    def label_values(self, datasource: str, label: str, match: str) -> list[str]:
        return []


PROMETHEUS = Datasource("prom-1", "Prometheus")


def test_a_panel_asks_its_own_data_source_and_ours_where_it_is_variable() -> None:
    targets = [
        {"refId": "A", "expr": "up"},
        {"refId": "B", "expr": "up", "datasource": {"uid": "another"}, "instant": True},
    ]
    server = Answering({"results": {}})

    list(proofs(server, {"panels": [a_panel(datasource={"uid": "${datasource}"}, targets=targets)]}, PROMETHEUS))

    assert [one["datasource"]["uid"] for one in server.asked] == ["prom-1", "another"]
    assert [(one["instant"], one["range"]) for one in server.asked] == [(False, True), (True, False)]


@pytest.mark.parametrize(
    ("chosen", "own"),
    [({"value": "p2"}, "p2"), ({"value": "Second"}, "p2"), ({"value": "default"}, "p1"), ({}, "p1"), (None, "p1")],
)
def test_a_dashboard_opens_with_the_data_source_that_it_says(chosen: dict[str, str] | None, own: str) -> None:
    first, second = Datasource("p1", "First"), Datasource("p2", "Second")
    board = {"templating": {"list": [{"name": "datasource", "type": "datasource", "current": chosen}]}}

    assert own_datasource(board, [first, second], first).uid == own
    assert own_datasource({}, [first, second], first) == first


def test_a_panel_that_fails_does_not_keep_the_next_from_being_asked() -> None:
    server = Answering(GrafanaError("it answered 500", 500))

    found = list(proofs(server, {"uid": "u", "panels": [a_panel(), a_panel(id=2)]}, PROMETHEUS))

    assert [(one.id, one.error) for one in found] == [
        (1, "it answered 500"),
        (2, "it answered 500"),
    ]
    assert not any(one.shows_data for one in found)


def test_when_nobody_answers_no_further_panel_is_asked() -> None:
    server = Answering(GrafanaError("http://g: cannot be reached"))

    with pytest.raises(GrafanaError):
        list(proofs(server, {"panels": [a_panel(), a_panel()]}, PROMETHEUS))
    assert len(server.asked) == 1
