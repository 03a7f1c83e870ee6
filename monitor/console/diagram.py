"""A graph in the DOT language, laid out from left to right. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, urlencode

from monitor.console.topology import Edge, Graph, Key, Layer, Node, State
from monitor.console.widgets import plain
from monitor.derive import rate_text

#: Sign, fill and border of each state: the sign and the word tell it without the colour.
LOOKS = {
    State.BAD: ("✗", "#fde0dd", "#b42318"),
    State.SLOW: ("!", "#fdebc8", "#8a5300"),
    State.NOTE: ("i", "#dbe9fb", "#1d4f91"),
    State.UNKNOWN: ("?", "#ececec", "#5c5c5c"),
    State.WELL: ("✓", "#e3f4e6", "#2f7a3d"),
}
SHAPES = {
    Layer.PRODUCER: "ellipse",
    Layer.DESTINATION: "box",
    Layer.GROUP: "component",
    Layer.DEAD_LETTERS: "folder",
}
#: What each node is called in the text.
Names = Mapping[Key, str]

#: So long a name is shown whole.
NAME = 36


def dot(graph: Graph) -> str:
    """Each target is a frame around its nodes; a node links to its page."""
    names = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
    return "\n".join(
        [
            "digraph {",
            'graph [rankdir=LR, bgcolor="transparent", nodesep=0.12, ranksep=0.7, fontname="sans-serif", pad=0.05]',
            'node [style="filled,rounded", fontname="sans-serif", fontsize=11, height=0.3, margin="0.1,0.04"]',
            'edge [color="#8a8a8a", fontcolor="#8a8a8a", fontname="sans-serif", fontsize=9, arrowsize=0.6]',
            *_nodes(graph.nodes, names),
            *(_edge(edge, names) for edge in graph.edges),
            "}",
        ]
    )


def _nodes(nodes: Iterable[Node], names: Names) -> Iterator[str]:
    frames: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        frames[node.key.target].append(node)
    for number, (target, inside) in enumerate(frames.items()):
        if not target:
            yield from (_node(node, names) for node in inside)
            continue
        yield f"subgraph cluster_{number} {{"
        yield f'label={_quoted(plain(target, NAME))}; color="#b5b5b5"; fontcolor="#8a8a8a"; fontsize=12; style=rounded'
        yield from (_node(node, names) for node in inside)
        yield "}"


def _node(node: Node, names: Names) -> str:
    sign, fill, border = LOOKS[node.state]
    label = f"{sign} {plain(node.key.name, NAME)}"
    told = f"{node.key.layer} {plain(node.key.name)}: {node.state}" + (f". {plain(node.why)}" if node.why else "")
    attributes = {
        "label": label + (f"\n{node.figures}" if node.figures else ""),
        "shape": SHAPES[node.key.layer],
        "fillcolor": fill,
        "color": border,
        "fontcolor": "#1a1a1a",
        "tooltip": told,
        "penwidth": "1" if node.state is State.WELL else "2",
    }
    if node.labels:
        attributes |= {"URL": address(node), "target": "_self"}
    told_attributes = ", ".join(f"{name}={_quoted(text)}" for name, text in attributes.items())
    return f"{names[node.key]} [{told_attributes}]"


def address(node: Node) -> str:
    """The path and parameters of the node's page."""
    named = {name: text for name, text in node.labels.items() if text}
    return f"/{node.page}?{urlencode(named, quote_via=quote)}"


def _edge(edge: Edge, names: Names) -> str:
    rate = "" if edge.rate is None else rate_text(edge.rate)
    style = ', style=dashed, color="#b42318"' if edge.dead else ""
    idle = ", style=dotted" if edge.rate == 0 else ""
    return f"{names[edge.begin]} -> {names[edge.end]} [label={_quoted(rate)}{style}{idle}]"


def _quoted(text: str) -> str:
    """A string of DOT: a backslash, a quote and the end of a line mean nothing else in it."""
    for of, to in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", " "), ("\0", " ")):
        text = text.replace(of, to)
    return f'"{text}"'
