"""Reads the text formats in which Prometheus exporters answer: 0.0.4, and OpenMetrics 1.0 as far as names and values.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. Lines that cannot be read are left out and
counted, where prometheus-client refuses the whole page. Names are given as they are written: prometheus-client
appends `_total` to those of TYPE counter. Comments, timestamps and exemplars are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

#: Series that are remembered, at most; then it begins anew.
REMEMBERED = 300_000

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_TERM = re.compile(r'\s*(?:([a-zA-Z_:][a-zA-Z0-9_:]*)|"((?:[^"\\]|\\.)*)")\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|(?=\}))')
#: A name that does not fit the rules of old stands in the braces.
_QUOTED_NAME = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*(?:,|(?=\}))')
_CLOSED = re.compile(r"\s*\}")
_ESCAPE = re.compile(r'\\([\\n"])')
_ESCAPED = {"n": "\n", "\\": "\\", '"': '"'}


class Series(NamedTuple):
    """What stands before the value. The same object is given for the same series of the next page: never change it."""

    name: str
    labels: Mapping[str, str]


class Parser:
    """Reads pages of which most lines were seen before, but for their values.

    What stands before the last space of a line is kept with what it means, so that of a line seen before only the
    number is read. A line with a timestamp or an exemplar is taken apart every time.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        #: Lines of the last page that could not be read, and the first of them, shortened.
        self.left_out, self.first_left_out = 0, ""
        self._known: dict[str, Series] = {}
        self._limit = remembered

    def read(self, text: str) -> Iterator[tuple[Series, float]]:
        """The samples of a page, in its order."""
        self.left_out, self.first_left_out = 0, ""
        found: list[Series] = []
        values: list[float] = []  # apart: a pair for every line would be work for the garbage collector
        known, add, add_value = self._known.get, found.append, values.append
        for line in text.split("\n"):
            head, _, number = line.rpartition(" ")
            series = known(head)
            if series is not None and "_" not in number:  # Python's float takes 1_000
                try:
                    add_value(float(number))
                    add(series)
                    continue
                except ValueError:
                    pass
            anew = self._read_anew(line, head, number)
            if anew is not None:
                add(anew[0])
                add_value(anew[1])
        return zip(found, values, strict=True)

    def _read_anew(self, line: str, head: str, number: str) -> tuple[Series, float] | None:
        stripped = line.strip()
        if not stripped or stripped[0] == "#":
            return None
        try:
            series, rest = _split(stripped)
            value = _number(rest)
        except ValueError:
            self.left_out += 1
            self.first_left_out = self.first_left_out or stripped[:80]
            return None
        if head and number.strip() == rest.strip():
            if len(self._known) >= self._limit:
                self._known.clear()
            self._known[head] = series
        return series, value


def samples(text: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, dict[str, str], float]]:
    """(name, labels, value) of the lines with a wanted name; lines that cannot be read are left out."""
    for line in text.split("\n"):
        match = _NAME.match(line)
        if match is None or not wanted(match[0]):
            continue
        try:
            series, rest = _split(line.strip())
            yield series.name, dict(series.labels), _number(rest)
        except ValueError:
            continue


def _split(line: str) -> tuple[Series, str]:
    """The series of a line, and what stands behind it; raises ValueError."""
    match = _NAME.match(line)
    name = match[0] if match else ""
    rest = line[len(name) :].lstrip()
    if rest.startswith("{"):
        return _braced(name, rest)
    before, brace, _ = rest.partition("{")
    exemplar = " # " in " " + before
    if not name or line[len(name) : len(name) + 1] not in (" ", "\t") or (brace and not exemplar):
        raise ValueError(line)
    return Series(name, {}), rest


def _braced(name: str, text: str) -> tuple[Series, str]:
    """The series of a name and the braces behind it, and what stands behind those; raises ValueError."""
    at, labels = 1, dict[str, str]()
    quoted = _QUOTED_NAME.match(text, at)
    if quoted is not None and not name:
        name, at = _unescaped(quoted[1]), quoted.end()
    elif text.startswith("{,"):
        at = 2
    while (term := _TERM.match(text, at)) is not None:
        label, value, at = term[1] or _unescaped(term[2] or ""), _unescaped(term[3]), term.end()
        if label == "__name__" and not name:
            name = value
        elif label in labels or label.startswith("__"):
            raise ValueError(text)
        else:
            labels[label] = value
    closed = _CLOSED.match(text, at)
    if closed is None or not name:
        raise ValueError(text)
    return Series(name, labels), text[closed.end() :]


def _number(text: str) -> float:
    """The first of the numbers behind a series; the last has to be one too. Raises ValueError."""
    text = text.lstrip()
    parts = [stripped for part in text.split(" " if " " in text else "\t") if (stripped := part.strip())]
    if not parts or "_" in parts[0] or "_" in parts[-1]:
        raise ValueError(text)
    float(parts[-1])
    return float(parts[0])


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED[match[1]], text) if "\\" in text else text
