"""Who publishes where, who reads it, and where its dead letters go: nodes, edges and the state of each. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from monitor.console.data import DeadLetterStore
from monitor.console.flows import Destination
from monitor.console.problems import Group, Harm, Problem
from monitor.derive import rate_text
from monitor.verdicts import Evidence, Kind, verdict


class Layer(StrEnum):
    """From where events come to where they end."""

    PRODUCER = "producer"
    DESTINATION = "destination"
    GROUP = "group"
    DEAD_LETTERS = "dead letters"


class State(StrEnum):
    BAD = "wrong"
    SLOW = "slow"
    NOTE = "note"
    UNKNOWN = "unknown"
    WELL = "well"


class Key(NamedTuple):
    """What a node is: `target` is empty where no broker tells of it; `destination` is of a group alone."""

    layer: Layer
    target: str
    name: str
    destination: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """`figures` are in words; `why` is the cause where something is wrong. Several that are alike may stand as one."""

    key: Key
    state: State
    figures: str
    why: str = ""
    count: int = 1

    @property
    def page(self) -> str:
        return {Layer.GROUP: "consumers", Layer.DEAD_LETTERS: "dead-letters"}.get(self.key.layer, "destinations")

    @property
    def labels(self) -> dict[str, str]:
        """What names it on its page; nothing for a producer, which has none of its own, and for several."""
        key = self.key
        if key.layer is Layer.PRODUCER or self.count > 1:
            return {}
        if key.layer is Layer.GROUP:
            return {"target": key.target, "destination": key.destination, "group": key.name}
        return {"target": key.target, "destination": key.name}


class Edge(NamedTuple):
    """Events go from one to the other, so many a second; None where that is not known. `dead` are dead letters."""

    begin: Key
    end: Key
    rate: float | None
    dead: bool = False


class Graph(NamedTuple):
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Published(NamedTuple):
    service: str
    destination: str
    rate: float | None


class Route(NamedTuple):
    target: str
    source: str
    destination: str


def graph(
    published: Iterable[Published],
    destinations: Sequence[Destination],
    groups: Mapping[Group, Evidence],
    stores: Sequence[DeadLetterStore],
    routes: Iterable[Route],
    problems: Iterable[Problem],
) -> Graph:
    """All nodes once, sorted, and the edges between them."""
    wrong = _by_thing(problems)
    dead = {(one.target, one.destination) for one in stores} | {(one.target, one.destination) for one in routes}
    nodes: dict[Key, Node] = {}
    edges: list[Edge] = []

    def add(key: Key, figures: str, state: State = State.WELL) -> Key:
        known = nodes.get(key)
        if known is None or (figures and not known.figures):
            problem = wrong.get(key)
            nodes[key] = Node(key, _state(problem) if problem else state, figures, problem.cause if problem else "")
        return key

    def place(target: str, name: str, figures: str = "") -> Key:
        layer = Layer.DEAD_LETTERS if (target, name) in dead else Layer.DESTINATION
        return add(Key(layer, target, name), figures)

    lying = Counter[tuple[str, str]]()
    for store in stores:
        lying[store.target, store.destination] += int(store.depth)
    for (target, destination), depth in lying.items():
        place(target, destination, f"{depth:,} wait")
    for one in destinations:
        place(one.target, one.destination, f"{rate_text(one.rate_in)} in" if one.rate_in is not None else "")
    for (target, destination, group), one_group in groups.items():
        key = add(Key(Layer.GROUP, target, group, destination), _waiting(one_group), _of_verdict(one_group))
        edges.append(Edge(place(target, destination), key, one_group.rate_out))
    for service, destination, rate in published:
        producer = add(Key(Layer.PRODUCER, "", service), "publishes")
        targets = sorted({one.target for one in destinations if one.destination == destination}) or [""]
        edges += [Edge(producer, place(target, destination), rate) for target in targets]
    ways = {Route(*route) for route in routes} | {
        Route(one.target, one.source, one.destination) for one in stores if one.source
    }
    for target, source, destination in sorted(ways):
        edges.append(Edge(place(target, source), place(target, destination), None, dead=True))
    return Graph(tuple(sorted(nodes.values(), key=_order)), tuple(edges))


def around(whole: Graph, word: str = "", only_wrong: bool = False) -> Graph:
    """What has the word in a name, or is not well, with what is one step away from it."""
    kept = {
        node.key
        for node in whole.nodes
        if word.casefold() in f"{node.key.name} {node.key.destination} {node.key.target}".casefold()
        and not (only_wrong and node.state is State.WELL)
    }
    if word or only_wrong:
        steps = [edge for edge in whole.edges if edge.begin in kept or edge.end in kept]
        kept |= {key for edge in steps for key in (edge.begin, edge.end)}
    return Graph(
        tuple(node for node in whole.nodes if node.key in kept),
        tuple(edge for edge in whole.edges if edge.begin in kept and edge.end in kept),
    )


def legible(whole: Graph, most: int) -> Graph:
    """So many nodes at most, the worst first. What is well and beside what is well stands as one for all of a kind."""
    near = _not_well(whole)
    near |= {key for edge in whole.edges if near & {edge.begin, edge.end} for key in (edge.begin, edge.end)}
    alike = Counter(_kind(node.key) for node in whole.nodes if node.key not in near)
    stands = {
        node.key: node.key
        if node.key in near or alike[_kind(node.key)] == 1
        else Key(node.key.layer, node.key.target, f"{alike[_kind(node.key)]:,} {_PLURALS[node.key.layer]}")
        for node in whole.nodes
    }
    nodes = {stands[node.key]: node for node in whole.nodes}
    gathered = [
        node if node.key == key else Node(key, State.WELL, "well, one and all", count=alike[_kind(key)])
        for key, node in nodes.items()
    ]
    kept = {node.key for node in sorted(gathered, key=lambda node: list(State).index(node.state))[:most]}
    return Graph(tuple(node for node in gathered if node.key in kept), tuple(_merged(whole.edges, stands, kept)))


_PLURALS = {
    Layer.PRODUCER: "producers",
    Layer.DESTINATION: "destinations",
    Layer.GROUP: "groups",
    Layer.DEAD_LETTERS: "stores of dead letters",
}


def _kind(key: Key) -> tuple[Layer, str]:
    return key.layer, key.target


def _not_well(whole: Graph) -> set[Key]:
    return {node.key for node in whole.nodes if node.state is not State.WELL}


def _merged(edges: Iterable[Edge], stands: Mapping[Key, Key], kept: Collection[Key]) -> Iterator[Edge]:
    """Those between what is kept; several between the same two are one, with what is known of their rates together."""
    rates: dict[tuple[Key, Key, bool], list[float]] = {}
    for edge in edges:
        ends = stands[edge.begin], stands[edge.end]
        if ends[0] != ends[1] and ends[0] in kept and ends[1] in kept:
            rates.setdefault((*ends, edge.dead), []).extend([] if edge.rate is None else [edge.rate])
    for (begin, end, dead), known in rates.items():
        yield Edge(begin, end, sum(known) if known else None, dead)


def _by_thing(problems: Iterable[Problem]) -> dict[Key, Problem]:
    """The worst problem of each node; they come the worst first."""
    found: dict[Key, Problem] = {}
    for one in problems:
        for key in _keys(one):
            found.setdefault(key, one)
    return found


def _keys(one: Problem) -> Iterator[Key]:
    target, destination, group = (one.subject.get(label) for label in ("target", "destination", "group"))
    if one.subject.page == "consumers":
        yield Key(Layer.GROUP, target, group, destination)
    elif one.subject.page == "dead-letters":
        yield Key(Layer.DEAD_LETTERS, target, destination)
    elif one.subject.page == "destinations" and one.subject.get("service"):
        yield Key(Layer.PRODUCER, "", one.subject.get("service"))
    elif one.subject.page == "destinations":
        yield Key(Layer.DESTINATION, target, destination)


def _state(problem: Problem) -> State:
    return {Harm.SLOW: State.SLOW, Harm.NOTE: State.NOTE}.get(problem.harm, State.BAD)


def _of_verdict(one: Evidence) -> State:
    """Of a group of which no problem is told."""
    return State.UNKNOWN if verdict(one).kind is Kind.UNKNOWN else State.WELL


def _waiting(one: Evidence) -> str:
    waits = "backlog unknown" if one.backlog is None else f"{one.backlog:,.0f} wait"
    if one.consumers is None:
        return waits
    return f"{waits}, {one.consumers:,.0f} consumer{'' if one.consumers == 1 else 's'}"


def _order(node: Node) -> tuple[str, int, str, str]:
    return node.key.target, list(Layer).index(node.key.layer), node.key.destination, node.key.name
