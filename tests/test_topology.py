"""Who publishes where, who reads it, and where its dead letters go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.console.data import DeadLetterStore
from monitor.console.diagram import dot
from monitor.console.flows import Destination
from monitor.console.problems import problems
from monitor.console.topology import Edge, Graph, Key, Layer, Node, Published, Route, State, around, graph, legible
from monitor.verdicts import Evidence

ORDERS = Destination("shop", "orders", 10.0, 8.0, 5.0, ("billing",))
BILLING = ("shop", "orders", "billing")
LETTERS = DeadLetterStore("shop", "orders.dlq", "orders", 9, 0, 120, False, ())
WELL = Evidence(backlog=0, rate_out=8.0, consumers=2)
STOPPED = Evidence(backlog=1200, age=600, consumers=0, resting=300)

ORDERS_KEY = Key(Layer.DESTINATION, "shop", "orders")
BILLING_KEY = Key(Layer.GROUP, "shop", "billing", "orders")
LETTERS_KEY = Key(Layer.DEAD_LETTERS, "shop", "orders.dlq")
WEB_KEY = Key(Layer.PRODUCER, "", "web")


def of(evidence: Evidence = WELL, *routes: Route, published: tuple[Published, ...] = ()) -> Graph:
    groups = {BILLING: evidence}
    found = problems([], groups, [LETTERS], [], {}, 0.0)
    return graph(published, [ORDERS], groups, [LETTERS], routes, found)


def node(whole: Graph, key: Key) -> Node:
    return next(one for one in whole.nodes if one.key == key)


def test_events_go_from_producers_to_groups_and_dead_letters() -> None:
    whole = of(published=(Published("web", "orders", 10.0),))

    assert set(whole.edges) == {
        Edge(WEB_KEY, ORDERS_KEY, 10.0),
        Edge(ORDERS_KEY, BILLING_KEY, 8.0),
        Edge(ORDERS_KEY, LETTERS_KEY, None, dead=True),
    }
    assert {one.key for one in whole.nodes} == {WEB_KEY, ORDERS_KEY, BILLING_KEY, LETTERS_KEY}


def test_a_store_tells_what_lies_there_of_all_its_sources_and_not_what_comes() -> None:
    coming = Destination("shop", "orders.dlq", 0.5, None, None, ())
    stores = [LETTERS, replace(LETTERS, source="refunds", depth=4)]

    whole = graph((), [coming], {}, stores, (), ())

    assert node(whole, LETTERS_KEY).figures == "13 wait"


def test_a_way_that_two_metrics_tell_is_one_edge() -> None:
    assert sum(edge.dead for edge in of(WELL, Route("shop", "orders", "orders.dlq")).edges) == 1


def test_a_way_of_dead_letters_is_known_before_the_first_of_them() -> None:
    whole = of(WELL, Route("mail", "emails", "emails.dead"))

    assert Key(Layer.DEAD_LETTERS, "mail", "emails.dead") in {one.key for one in whole.nodes}


@pytest.mark.parametrize(
    ("evidence", "state"),
    [(WELL, State.WELL), (STOPPED, State.BAD), (Evidence(backlog=5), State.UNKNOWN),
     (Evidence(backlog=5, rate_in=2, rate_out=1), State.SLOW)],
)  # fmt: skip
def test_the_state_of_a_group_is_that_of_its_problem(evidence: Evidence, state: State) -> None:
    assert node(of(evidence), BILLING_KEY).state is state


def test_what_is_wrong_tells_why() -> None:
    assert node(of(STOPPED), BILLING_KEY).why.startswith("No consumer reads it")


def test_a_backlog_that_is_not_known_is_not_0() -> None:
    assert node(of(Evidence()), BILLING_KEY).figures == "backlog unknown"


def test_what_no_broker_tells_of_is_drawn_without_a_target() -> None:
    whole = of(published=(Published("web", "elsewhere", 1.0),))

    assert Edge(WEB_KEY, Key(Layer.DESTINATION, "", "elsewhere"), 1.0) in whole.edges


def test_a_destination_of_several_targets_is_published_to_each() -> None:
    both = [ORDERS, Destination("mirror", "orders", None, None, None, ())]

    whole = graph([Published("web", "orders", 1.0)], both, {}, [], [], [])

    assert {edge.end.target for edge in whole.edges} == {"shop", "mirror"}


def test_only_what_is_wrong_leaves_what_is_beside_it() -> None:
    kept = around(of(STOPPED), only_wrong=True)

    assert {one.key for one in kept.nodes} == {ORDERS_KEY, BILLING_KEY}


def test_where_all_is_well_nothing_wrong_is_left() -> None:
    assert around(of(WELL), only_wrong=True) == Graph((), ())


def test_a_word_keeps_what_has_it_in_a_name_and_what_is_beside_it() -> None:
    kept = around(of(WELL), "DLQ")

    assert {one.key for one in kept.nodes} == {ORDERS_KEY, LETTERS_KEY}


def test_a_node_opens_its_page() -> None:
    text = dot(of(STOPPED))

    assert '"/consumers?target=shop&destination=orders&group=billing"' in text
    assert '"/dead-letters?target=shop&destination=orders.dlq"' in text


def test_the_state_is_told_by_a_sign_and_a_word_too() -> None:
    assert '"✗ billing\\n1,200 wait, 0 consumers"' in dot(of(STOPPED))
    assert "group billing: wrong" in dot(of(STOPPED))


def test_no_name_ends_its_string_or_begins_a_command() -> None:
    name = '"]; x -> y [a="\\N\n<b>'
    one = Node(Key(Layer.DESTINATION, "shop", name), State.WELL, "")

    (line,) = [line for line in dot(Graph((one,), ())).splitlines() if "label=" in line and "fillcolor" in line]

    assert '\\"]; x -> y [a=\\"\\\\N <b>' in line
    assert line.count('"') % 2 == line.count('\\"') % 2


def many(count: int, wrong: int = 0) -> Graph:
    """So many destinations with a group each, of which the first few are wrong."""
    nodes, edges = [], []
    for number in range(count):
        state = State.BAD if number < wrong else State.WELL
        destination = Key(Layer.DESTINATION, "shop", f"d-{number:03}")
        group = Key(Layer.GROUP, "shop", "billing", f"d-{number:03}")
        nodes += [Node(destination, State.WELL, "2/s in"), Node(group, state, "0 wait")]
        edges.append(Edge(destination, group, 2.0))
    return Graph(tuple(nodes), tuple(edges))


def test_of_hundreds_that_are_well_one_of_each_kind_is_drawn() -> None:
    drawn = legible(many(100), 60)

    assert [(one.key.name, one.count, one.labels) for one in drawn.nodes] == [
        ("100 destinations", 100, {}),
        ("100 groups", 100, {}),
    ]
    assert [edge.rate for edge in drawn.edges] == [200.0]


def test_what_is_wrong_is_drawn_with_what_is_beside_it() -> None:
    drawn = legible(many(100, wrong=2), 60)

    assert {one.key.name for one in drawn.nodes} == {"d-000", "d-001", "billing", "98 destinations", "98 groups"}
    assert sum(one.state is State.BAD for one in drawn.nodes) == 2


def test_of_hundreds_that_are_wrong_so_many_are_drawn() -> None:
    drawn = legible(many(100, wrong=100), 60)

    assert [one.state for one in drawn.nodes] == [State.BAD] * 60


def test_a_drawing_that_stands_for_many_opens_no_page() -> None:
    assert "URL" not in dot(legible(many(100), 60))
