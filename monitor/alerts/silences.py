"""Silences: their matchers as people write them, and which of them an alert meets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from collectors.base import parse_duration
from monitor.alerts.routing import match_all
from monitor.alerts.rules import matcher, matches
from monitor.store.ledger import Silence


def parse_matchers(texts: Iterable[str]) -> dict[str, str]:
    """`name=text`, `name!=text`, `name=~text` or `name!~text` each; raises ValueError that says what is wrong."""
    found: dict[str, str] = {}
    for text in texts:
        match = re.fullmatch(r"([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*(.*)", text, re.S)
        if match is None:
            raise ValueError(f"matcher {text!r}: expected name=value, name!=value, name=~regex or name!~regex")
        name, operator, value = match[1], match[2], match[3].removeprefix('"').removesuffix('"')
        if name in found:
            raise ValueError(f"matcher {text!r}: {name} is given twice; expected each label once")
        _must_compile(text, operator, value)
        found[name] = operator + value
    if all(matches("", wanted) for wanted in found.values()):
        raise ValueError("matchers: they would match every alert; expected one that an empty label does not meet")
    return found


def parse_lasting(text: str) -> float:
    """Seconds that a silence lasts; raises ValueError."""
    seconds = parse_duration(text)
    if not 0 < seconds <= 366 * 86400:
        raise ValueError(f"{text!r}: expected more than 0 and at most 366d")
    return seconds


def matchers_of(labels: Mapping[str, str]) -> list[str]:
    """What `parse_matchers` reads, for alerts that have just these labels."""
    return [f'{name}="{text}"' for name, text in labels.items()]


def _must_compile(text: str, operator: str, value: str) -> None:
    if operator in ("=~", "!~"):
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"matcher {text!r}: not a regular expression: {error}") from None


def shown(matchers: Mapping[str, str]) -> str:
    """Matchers in one line, as they are written."""
    return " ".join(
        f"{name}{operator}{text}" for name, wanted in matchers.items() for operator, text in [matcher(wanted)]
    )


def silence_of(labels: Mapping[str, str], silences: Iterable[Silence], now: float) -> Silence | None:
    """The silence that is in force for an alert with these labels: the one that ends last."""
    met = [s for s in silences if s.starts_at <= now < s.ends_at and match_all(labels, s.matchers)]
    return max(met, key=lambda silence: silence.ends_at, default=None)
