"""Dead letters as Event Grid writes them: what the name and the content of a blob say. Pure.

A blob lies at `<subscription>/<year>/<month>/<day>/<hour>/<guid>.json`, or under a namespace at
`<namespace>/<topic>/<subscription>/…`: UTC, not padded with zeros. It holds an event or an array of them, in the
schema of Event Grid or as CloudEvents, with the reason of the death beside the event or under a key of its own.
Source: Microsoft's pages on dead letters of topics and of namespaces.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

#: Reasons of events that do not say why they died.
UNKNOWN, UNREADABLE, NOT_READ = "unknown", "unreadable", "not read"

_NAME = re.compile(r"(?P<stream>.+)/(?P<year>\d{4})/(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<hour>\d{1,2})/[^/]+")
#: Where the reason and the outcome of the last attempt stand: beside the event, or under one of these, in any case.
_PROPERTIES = ("deadletterproperties", "brokerproperties", "event")
_REASON, _OUTCOMES = "deadletterreason", ("lastdeliveryoutcome", "deliveryresult")
_WORD = 60  # characters of a reason or an outcome that are kept
_SPACE = " \t\r\n"


class Place(NamedTuple):
    """Where a dead letter lies. `stream` is the path before the year, `hour` all before the file's name, with its
    slash; `at` is the hour's beginning in epoch seconds."""

    stream: str
    hour: str
    at: float


def place_of(name: str) -> Place | None:
    """Where the blob of this name lies; None where it is not in the layout of dead letters."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        year, month, day, hour = (int(match[part]) for part in ("year", "month", "day", "hour"))
        at = datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None
    return Place(match["stream"], name[: name.rindex("/") + 1], at.timestamp())


def hour_of(stream: str, at: float) -> str:
    """The prefix of the blobs of a stream that were written in the hour of this time."""
    time = datetime.fromtimestamp(at, UTC)
    return f"{day_of(stream, at)}{time.hour}/"


def day_of(stream: str, at: float) -> str:
    """The prefix of the blobs of a stream that were written on the day of this time."""
    time = datetime.fromtimestamp(at, UTC)
    return f"{stream}/{time.year}/{time.month}/{time.day}/"


class Contents(NamedTuple):
    """What a blob holds: events by reason, at least one. `flaw` says what is wrong with it, "" is nothing.

    Where it is not `whole`, these are the events that were read, and there are more.
    """

    reasons: Mapping[str, int]
    flaw: str = ""
    whole: bool = True

    @property
    def events(self) -> int:
        return sum(self.reasons.values())


#: Of a blob that was not read.
UNSEEN = Contents({NOT_READ: 1}, whole=False)


def contents(data: bytes, size: int) -> Contents:
    """What a blob of this size holds, of which `data` is the beginning or all."""
    whole = len(data) >= size
    reasons, flaw = _read(data.decode("utf-8-sig", "replace"))
    if not whole and flaw != _NOT_JSON:
        return Contents(reasons, whole=False) if reasons else UNSEEN
    if not reasons:
        return Contents({UNREADABLE: 1}, flaw or "it holds no event", whole)
    return Contents(reasons, flaw, whole)


def reason_of(event: object) -> str:
    """Why an event died, and the outcome of the last attempt to deliver it, such as "TimeToLiveExceeded: NotFound"."""
    if not isinstance(event, dict):
        return UNREADABLE
    said = _lowered(event)
    for key in _PROPERTIES:
        if isinstance(said.get(key), dict):
            said = {**_lowered(said[key]), **said}
    words = (said.get(_REASON), next((said[key] for key in _OUTCOMES if said.get(key)), None))
    return ": ".join(word.strip()[:_WORD] for word in words if isinstance(word, str) and word.strip()) or UNKNOWN


def _lowered(event: Mapping[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in event.items()}


_NOT_JSON = "it is not JSON"
_DECODER = json.JSONDecoder()


def _read(text: str) -> tuple[Counter[str], str]:
    """The events of a text by reason, and what is wrong with it: it may end anywhere."""
    reasons: Counter[str] = Counter()
    at = _skipped(text, 0)
    if at == len(text):
        return reasons, "it is empty"
    is_array = text[at] == "["
    if not is_array and text[at] != "{":
        return reasons, _NOT_JSON
    at = _skipped(text, at + is_array)
    while at < len(text) and text[at] != "]":
        try:
            event, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            return reasons, "it ends in the middle" if _is_cut(text, error) else _NOT_JSON
        except (ValueError, RecursionError):  # a number of thousands of digits, or brackets in brackets
            return reasons, _NOT_JSON
        reasons[reason_of(event)] += 1
        at = _skipped(text, at)
        if at < len(text) and text[at] == ",":
            at = _skipped(text, at + 1)
    return reasons, "it ends in the middle" if is_array and at == len(text) else ""


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Whether a text could go on: what is missing is missing at its end."""
    return error.msg.startswith("Unterminated string") or len(text.rstrip()) - error.pos < len("\\uXXXX")


def _skipped(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
