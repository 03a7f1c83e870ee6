"""The text format of Prometheus, as exporters write it; prometheus-client's parser is the oracle."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from collectors.exposition import Parser, samples

Read = list[tuple[str, dict[str, str], float]]


def ours(text: str, parser: Parser | None = None) -> Read:
    return [(series.name, dict(series.labels), value) for series, value in (parser or Parser()).read(text)]


def theirs(text: str) -> Read:
    return [
        (sample.name, sample.labels, float(sample.value))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def same(left: Read, right: Read) -> bool:
    """Equal, and NaN is NaN."""
    return repr(sorted(left, key=repr)) == repr(sorted(right, key=repr))


# text as exporters have to carry it: everything that means something to the format, and lines that only Python breaks
HOSTILE = st.text(st.sampled_from(list('ab 1,={}#"\\\n\r\t_é漢\u2028\x85\x0b')), max_size=8)
NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,6}", fullmatch=True).filter(lambda name: not name.startswith("__"))
LABELS = st.dictionaries(NAMES.filter(lambda name: ":" not in name), HOSTILE, max_size=4)
NUMBERS = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**6), 10**18).map(str),
    st.sampled_from(["NaN", "+Inf", "-Inf", "nan", "+inf", "1e5", "0x1p3"[:1], "1E+09", ".5", "5."]),
)


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@st.composite
def lines(draw: st.DrawFn) -> str:
    name, labels = draw(NAMES), draw(LABELS)
    space, gap = draw(st.sampled_from(["", " "])), draw(st.sampled_from([" ", "  ", "\t"]))
    inside = ",".join(f'{space}{label}{space}={space}"{escaped(value)}"{space}' for label, value in labels.items())
    if inside and draw(st.booleans()):
        inside += ","
    braces = f"{{{inside}}}" if labels or draw(st.booleans()) else ""
    tail = draw(st.sampled_from(["", " 1700000000000", ' # {trace_id="a b } # c"} 0.5', " # {} 1 1700000000.5", "\r"]))
    return f"{name}{braces}{gap}{draw(NUMBERS)}{tail if gap != chr(9) else ''}"


OTHERS = st.sampled_from(
    ["", "  ", "# a comment", "#", "# EOF", "# HELP ab help \\n {}", "# TYPE ab gauge", "\t", "\r"]
)
PAGES = st.lists(st.one_of(lines(), OTHERS), max_size=12).map(lambda found: "\n".join(found) + "\n")


@settings(max_examples=200, deadline=None)
@given(PAGES)
def test_every_page_that_keeps_to_the_format_is_read_as_prometheus_client_reads_it(page: str) -> None:
    parser = Parser()

    assert same(ours(page, parser), theirs(page))
    assert parser.left_out == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(PAGES, min_size=1, max_size=4), st.integers(1, 3))
def test_what_is_remembered_changes_nothing(pages: list[str], remembered: int) -> None:
    small, large = Parser(remembered), Parser()

    for page in [*pages, *pages]:
        assert same(ours(page, small), theirs(page))
        assert same(ours(page, large), theirs(page))


@settings(max_examples=400, deadline=None)
@given(lines(), st.data())
def test_a_broken_line_is_left_out_or_read_as_prometheus_client_reads_it(line: str, data: st.DataObject) -> None:
    """prometheus-client refuses a page for one such line. Some broken lines it takes, such as `1a{} 1`: we do not."""
    at = data.draw(st.integers(0, len(line)))
    line = (
        line[:at]
        + data.draw(st.text(st.sampled_from('a1 ,={}#"\\_\t'), max_size=2))
        + line[at + data.draw(st.integers(0, 2)) :]
    )
    parser = Parser()
    read = ours(line, parser)
    try:
        expected = theirs(line)
    except (ValueError, IndexError):
        expected = None

    if read:
        assert expected is not None and same(read, expected)
        assert same(ours(line, parser), expected)
    else:
        assert parser.left_out == bool(expected or expected is None)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("up 1", ("up", {}, 1.0)),
        ('a{b="c"} 2', ("a", {"b": "c"}, 2.0)),
        ('a{b="c",d="e",} 2 1700000000000', ("a", {"b": "c", "d": "e"}, 2.0)),
        ('a{b="x} y",c="1, 2"} 1.5e3', ("a", {"b": "x} y", "c": "1, 2"}, 1500.0)),
        (r'a{b="say \"hi\" \\ \n"} 1', ("a", {"b": 'say "hi" \\ \n'}, 1.0)),
        ('a{b=""} +Inf', ("a", {"b": ""}, math.inf)),
        ('{"a.b",c="d"} 1', ("a.b", {"c": "d"}, 1.0)),
        ('a{"b.c"="d"} 1', ("a", {"b.c": "d"}, 1.0)),
        ('a{b="two\u2028lines\x85"} 1', ("a", {"b": "two\u2028lines\x85"}, 1.0)),
    ],
)
def test_a_line_is_a_sample(line: str, found: tuple[str, dict[str, str], float]) -> None:
    assert list(samples(line, lambda name: True)) == [found] or line.startswith("{")
    assert ours(line) == [found] == theirs(line)


@pytest.mark.parametrize(
    "line",
    ["a", "a x", "{} 1", "1a 2", "a 1_0", 'a{b="c" 1', 'a{b="c",b="d"} 1', 'a{__b="c"} 1', 'a{b="c"}} 1', "a 1 then"],
)
def test_a_line_that_cannot_be_read_is_left_out_and_counted(line: str) -> None:
    parser = Parser()

    assert ours(f"{line}\nb 1\n", parser) == [("b", {}, 1.0)]
    assert (parser.left_out, parser.first_left_out) == (1, line)
    assert list(samples(line, lambda name: True)) == []


@pytest.mark.parametrize("line", ["# HELP a b", "# TYPE a counter", "# TYPE", "", " "])
def test_comments_and_blank_lines_say_nothing(line: str) -> None:
    parser = Parser()

    assert ours(line, parser) == []
    assert parser.left_out == 0


def test_a_value_that_cannot_be_read_behind_a_known_series_is_left_out() -> None:
    parser = Parser()
    parser.read('a{b="c"} 1\n')

    assert ours('a{b="c"} 1_0\na{b="c"} x\na{b="c"} 2\n', parser) == [("a", {"b": "c"}, 2.0)]
    assert parser.left_out == 2


def test_only_wanted_names_are_read() -> None:
    assert [name for name, _, _ in samples("a 1\nb 2\n", lambda name: name == "b")] == ["b"]
