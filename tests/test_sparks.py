"""A trend as a small picture."""

from __future__ import annotations

import re
from base64 import b64decode
from xml.dom.minidom import parseString

from monitor.console.sparks import HEIGHT, WIDTH, spark


def drawn(html: str) -> list[list[float]]:
    found = re.search(r"base64,([^\"]+)", html)
    assert found is not None
    line = parseString(b64decode(found[1])).getElementsByTagName("polyline")[0]
    return [[float(part) for part in point.split(",")] for point in line.getAttribute("points").split()]


def test_the_highest_point_is_at_the_top_and_0_at_the_bottom() -> None:
    first, middle, last = drawn(spark([(0, 0), (5, 10), (10, 0)], "red", "x"))

    assert first[1] == last[1] > middle[1]
    assert 0 <= middle[1] < first[1] <= HEIGHT
    assert 0 <= first[0] < middle[0] < last[0] <= WIDTH


def test_nothing_but_0_is_a_line_at_the_bottom() -> None:
    assert {y for _, y in drawn(spark([(0, 0), (10, 0)], "red", "x"))} == {HEIGHT - 2}


def test_who_cannot_see_it_is_told_and_no_name_breaks_out() -> None:
    assert 'alt="a &quot;&lt;b&gt;"' in spark([(0, 1)], "red", 'a "<b>')
