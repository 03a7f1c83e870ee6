"""OpenTelemetry's names become Prometheus' names, as Prometheus' own OTLP endpoint and the SDKs' exporters make them.

Source: opentelemetry-specification, compatibility/prometheus_and_openmetrics.md (UnderscoreEscapingWithSuffixes).
A unit is told by a suffix and nothing is scaled: a histogram in `ms` ends in `_milliseconds`, and `dialects` makes
seconds of it. Names that begin with `eda_` are those of this project's recorder, and stay as they are. Pure.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal

OWN_PREFIX = "eda_"

Kind = Literal["counter", "gauge", "histogram"]

#: UCUM's codes that have a word; others are taken as they stand.
_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "%": "percent",
    "1": "",
}
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}

_ANNOTATION = re.compile(r"\{[^}]*\}")
_NOT_OF_NAMES = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_OF_LABELS = re.compile(r"[^a-zA-Z0-9]+")


@lru_cache(maxsize=4096)
def metric_name(name: str, unit: str, kind: Kind) -> str:
    """The name of the Prometheus metric."""
    if name.startswith(OWN_PREFIX):
        return name
    words = [word for word in _NOT_OF_NAMES.split(name) if word]
    for word in _unit_words(unit):
        if word not in words:
            words.append(word)
    if kind == "counter":
        words = [word for word in words if word != "total"] + ["total"]
    elif kind == "gauge" and unit == "1":
        words = [word for word in words if word != "ratio"] + ["ratio"]
    made = "_".join(words)
    return f"_{made}" if made[:1].isdigit() else made


def _unit_words(unit: str) -> Iterable[str]:
    """The words of a unit: `By/s` is bytes, per_second. What stands in braces is a remark."""
    amount, _, per = _ANNOTATION.sub("", unit).strip().partition("/")
    yield from (word for word in [_plain(_UNITS.get(amount, amount))] if word)
    yield from (f"per_{word}" for word in [_plain(_PER.get(per, per))] if word)


def _plain(text: str) -> str:
    return _NOT_OF_NAMES.sub("_", text).strip("_")


@lru_cache(maxsize=4096)
def label_name(key: str) -> str:
    made = _NOT_OF_LABELS.sub("_", key)
    if not made or made[0] == "_" or made[0].isdigit():
        return f"key_{made.lstrip('_')}"
    return made


def labels_of(attributes: Iterable[Any]) -> dict[str, str]:
    """Labels of OTLP's KeyValues, by name; values of keys that become the same name are joined, in the keys' order."""
    labels: dict[str, str] = {}
    for key, value in sorted((one.key, text_of(one.value)) for one in attributes):
        name = label_name(key)
        labels[name] = f"{labels[name]};{value}" if name in labels else value
    return labels


def text_of(value: Any) -> str:
    """An AnyValue as text: what is no scalar is JSON."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return str(value.string_value)
    plain = _plain_value(value)
    return plain if isinstance(plain, str) else "" if plain is None else json.dumps(plain, ensure_ascii=False)


def _plain_value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {one.key: _plain_value(one.value) for one in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind) if kind else None
