"""The variables of a dashboard filled in, as Grafana's page does before it asks. Pure.

What begins with `$__` is filled in by Grafana's server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: Of a label and the series that are to match: its values.
Ask = Callable[[str, str], Sequence[str]]
_USE = re.compile(r"\$\{(?P<braced>\w+)(?::\w+)?\}|\[\[(?P<old>\w+)(?::\w+)?\]\]|\$(?P<plain>\w+)")
_LABEL_VALUES = re.compile(r"\s*label_values\(\s*(?:(?P<match>.*),)?\s*(?P<label>\w+)\s*\)\s*", re.DOTALL)
_ALL = "$__all"
_EVERY = ".+"


def values_of(board: Mapping[str, Any], ask: Ask) -> dict[str, str]:
    """The value of each variable, as it stands in a query; of those that may be all, all.

    Values are asked in the order of the dashboard, so that a variable may hang on those before it.
    """
    values: dict[str, str] = {}
    for one in board.get("templating", {}).get("list", []):
        if one.get("type") != "datasource":
            values[str(one["name"])] = _value(one, values, ask)
    return values


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with the values of its variables; others stay as they are."""

    def value(use: re.Match[str]) -> str:
        name = use["braced"] or use["old"] or use["plain"]
        return values.get(name, use[0])

    return _USE.sub(value, text)


def _value(one: Mapping[str, Any], values: Mapping[str, str], ask: Ask) -> str:
    chosen = (one.get("current") or {}).get("value", "")
    several = list(chosen) if isinstance(chosen, list) else [chosen]
    is_all = _ALL in several or (several in ([], [""]) and bool(one.get("includeAll")))
    if is_all and one.get("allValue"):
        return str(one["allValue"])
    if not is_all and several not in ([], [""]):
        return _alternatives([str(value) for value in several]) if one.get("multi") else str(several[0])
    offered = list(_offered(one, values, ask))
    if is_all:
        return _alternatives(offered) or _EVERY
    return offered[0] if offered else ""


def _offered(one: Mapping[str, Any], values: Mapping[str, str], ask: Ask) -> Sequence[str]:
    if one.get("type") in ("custom", "interval"):
        return [part.strip().rpartition(" : ")[2] for part in str(one.get("query", "")).split(",")]
    if one.get("type") != "query":
        return [str(one.get("query", ""))]
    query = one.get("query", "")
    written = str(query.get("query", "") if isinstance(query, Mapping) else query)
    wanted = _LABEL_VALUES.fullmatch(filled(written, values))
    return ask(wanted["label"], (wanted["match"] or "").strip()) if wanted else []


def _alternatives(values: Sequence[str]) -> str:
    """A regular expression in a quoted string of PromQL that is true of each value and no other."""
    escaped = [re.sub(r"([\\^$.*+?()\[\]{}|/])", r"\\\\\1", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})" if escaped else ""
