"""What a link opens: one thing, and the time that its charts show. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

#: Spans that the pages offer, in seconds.
SPANS = {"15m": 900.0, "1h": 3600.0, "6h": 21600.0, "1d": 86400.0, "7d": 604800.0}
#: How long before a chart may be compared with, in seconds.
BEFORE = {"1h": 3600.0, "1d": 86400.0, "7d": 604800.0}
DEFAULT_SPAN = "1h"

#: Labels that name the one thing; an alert is named by its fingerprint.
LABELS = ("target", "destination", "group", "service", "source", "alert")
#: All parameters of an address that are ours.
PARAMETERS = (*LABELS, "at", "range", "before")


class PlaceError(ValueError):
    """A parameter of the address cannot be understood. The message names it, its value, and what was expected."""


@dataclass(frozen=True, slots=True)
class Place:
    """`labels` are those of the thing; none is the list of all. `at` is in epoch seconds, None is now."""

    labels: tuple[tuple[str, str], ...] = ()
    at: float | None = None
    span: str = DEFAULT_SPAN
    before: str = ""

    @property
    def is_one(self) -> bool:
        return bool(self.labels)

    def get(self, label: str) -> str:
        return dict(self.labels).get(label, "")

    def has(self, labels: Mapping[str, str], fingerprint: str) -> bool:
        """Whether an alert is the one of the place, or about its thing."""
        return all((fingerprint if name == "alert" else labels.get(name)) == value for name, value in self.labels)

    def only(self, labels: tuple[str, ...]) -> dict[str, str]:
        """The labels of these names that the place has."""
        return {name: value for name, value in self.labels if name in labels}

    def window(self, now: float) -> tuple[float, float]:
        """Start and end of the charts: up to now, or with a quarter of the span after the moment."""
        seconds = SPANS[self.span]
        end = now if self.at is None else min(now, self.at + seconds / 4)
        return end - seconds, end


def parsed(parameters: Mapping[str, str]) -> Place:
    """The place that the parameters of an address name; raises PlaceError. Others than ours are left alone."""
    labels = tuple((name, parameters[name]) for name in LABELS if parameters.get(name))
    span, before = parameters.get("range", DEFAULT_SPAN), parameters.get("before", "")
    if span not in SPANS:
        raise PlaceError(f"range={span}: expected one of {', '.join(SPANS)}")
    if before and before not in BEFORE:
        raise PlaceError(f"before={before}: expected one of {', '.join(BEFORE)}")
    return Place(labels, _moment(parameters.get("at", "")), span, before)


def written(place: Place) -> dict[str, str]:
    """The parameters that `parsed` reads."""
    parameters = dict(place.labels)
    if place.at is not None:
        parameters["at"] = datetime.fromtimestamp(place.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if place.span != DEFAULT_SPAN:
        parameters["range"] = place.span
    if place.before:
        parameters["before"] = place.before
    return parameters


def opened(place: Place, labels: Mapping[str, str]) -> Place:
    """The same time, for the thing of these labels."""
    return replace(place, labels=tuple((name, labels[name]) for name in LABELS if labels.get(name)))


def _moment(text: str) -> float | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)", text):
        raise PlaceError(f"at={text}: expected a time such as 2026-01-02T03:04:05Z")
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise PlaceError(f"at={text}: expected a time such as 2026-01-02T03:04:05Z") from None
