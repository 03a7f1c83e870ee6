"""What came back for a panel: how many rows, how new the newest. Pure.

The answer of `POST /api/ds/query` is data frames: fields with their type, and the values column by column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def error_of(answer: Mapping[str, Any]) -> str:
    """What the first query that failed says of it; "" where none did."""
    for ref, result in sorted((answer.get("results") or {}).items()):
        if result.get("error"):
            return f"{ref}: {' '.join(str(result['error']).split())}"
    return ""


def rows_of(answer: Mapping[str, Any]) -> int:
    """Rows in which any value is known; times alone are none."""
    return sum(1 for fields, columns in _frames(answer) for row in _rows(columns) if _is_told(fields, row))


def newest_of(answer: Mapping[str, Any]) -> float | None:
    """The time of the newest row whose value is known, in epoch seconds; None without a time."""
    times = [
        value / 1000
        for fields, columns in _frames(answer)
        for row in _rows(columns)
        if _is_told(fields, row)
        for kind, value in zip(fields, row, strict=False)
        if kind == "time" and isinstance(value, int | float)
    ]
    return max(times, default=None)


def _frames(answer: Mapping[str, Any]) -> Iterator[tuple[list[str], Sequence[Sequence[Any]]]]:
    for result in (answer.get("results") or {}).values():
        for frame in result.get("frames") or []:
            fields = [str(field.get("type")) for field in frame.get("schema", {}).get("fields", [])]
            yield fields, frame.get("data", {}).get("values") or []


def _rows(columns: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    return zip(*columns, strict=False)


def _is_told(fields: Sequence[str], row: tuple[Any, ...]) -> bool:
    return any(value is not None for kind, value in zip(fields, row, strict=False) if kind != "time")
