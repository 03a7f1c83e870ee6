"""Reads the text format in which Prometheus exporters answer.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "\\": "\\", '"': '"'}


def samples(text: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, dict[str, str], float]]:
    """(name, labels, value) of the lines with a wanted name; lines that cannot be read are left out."""
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None or not wanted(match[1]):
            continue
        try:
            value = float(match[3])
        except ValueError:
            continue
        yield match[1], {name: _unescaped(label) for name, label in _LABEL.findall(match[2] or "")}, value


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), text) if "\\" in text else text
