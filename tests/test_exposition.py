"""The text format of Prometheus, as exporters write it."""

from __future__ import annotations

import math

import pytest

from collectors.exposition import samples


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("up 1", ("up", {}, 1.0)),
        ('a{b="c"} 2', ("a", {"b": "c"}, 2.0)),
        ('a{b="c",d="e",} 2 1700000000000', ("a", {"b": "c", "d": "e"}, 2.0)),
        ('a{b="x} y",c="1, 2"} 1.5e3', ("a", {"b": "x} y", "c": "1, 2"}, 1500.0)),
        (r'a{b="say \"hi\" \\ \n"} 1', ("a", {"b": 'say "hi" \\ \n'}, 1.0)),
        ('a{b=""} +Inf', ("a", {"b": ""}, math.inf)),
    ],
)
def test_a_line_is_a_sample(line: str, found: tuple[str, dict[str, str], float]) -> None:
    assert list(samples(line, lambda name: True)) == [found]


@pytest.mark.parametrize("line", ["# HELP a b", "# TYPE a counter", "", "a", "a x", "{} 1", "1a 2"])
def test_anything_else_is_left_out(line: str) -> None:
    assert list(samples(line, lambda name: True)) == []


def test_only_wanted_names_are_read() -> None:
    assert [name for name, _, _ in samples("a 1\nb 2\n", lambda name: name == "b")] == ["b"]
