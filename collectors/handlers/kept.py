"""How totals are stored with the scrapes: an instance a key, so that what is lost of one write is lost as a whole.

Instances stand under a digest of their address, which may hold a secret.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

from collectors.handlers.dialects.ours import METRICS
from collectors.handlers.points import Distribution
from collectors.handlers.totals import KEPT, Instance, Key, Life, Series, Sum, Totals, Value

_INSTANCE, _KEPT, _CLOCK = "instance/", "kept", "clock"


def digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:20]


def take_changes(totals: Totals) -> dict[str, bytes | None]:
    """What is to be stored now, by key; None forgets it."""
    changes: dict[str, bytes | None] = {_CLOCK: repr(totals.noted_at).encode()}
    for name in totals.changed:
        changes[_INSTANCE + name if name != KEPT else _KEPT] = None if name != KEPT else _packed(_sums(totals.kept))
    for name, instance in totals.instances.items():
        if instance.changed:
            changes[_INSTANCE + name] = _packed(_instance(instance))
            instance.changed = False
    totals.changed.clear()
    return changes


def restore(totals: Totals, memory: Mapping[str, bytes]) -> None:
    """Put back what was stored; what cannot be read is as if it had never been."""
    for key, blob in memory.items():
        try:
            if key == _CLOCK:
                totals.noted_at = float(blob)
            elif key == _KEPT:
                totals.kept = _read_sums(_unpacked(blob))
            elif key.startswith(_INSTANCE):
                totals.instances[key.removeprefix(_INSTANCE)] = _read_instance(_unpacked(blob))
        except (ValueError, TypeError, KeyError, IndexError, zlib.error):
            continue
    totals.restored()


def _instance(instance: Instance) -> dict[str, Any]:
    lives = [
        [life.started, [_series(name, key, one) for (name, key), one in life.series.items()]] for life in instance.lives
    ]
    return {"gone": instance.gone, "kept": _sums(instance.kept), "lives": lives}


def _read_instance(stored: Any) -> Instance:
    lives = []
    for started, rows in stored["lives"]:
        life = Life(started)
        for name, labels, metric, ours, last, witness, base, absent in rows:
            origin = name, tuple((label, value) for label, value in labels)
            series = Series(_read(last), witness, [_read(value) for value in base], absent)
            life.series[origin, _key(metric, ours)] = series
        lives.append(life)
    return Instance(lives, _read_sums(stored["kept"]), stored["gone"], changed=False)


def _series(origin: tuple[str, tuple[tuple[str, str], ...]], key: Key, one: Series) -> list[Any]:
    return [*origin, key[0].name, key[1], one.last, one.witness, one.base, one.absent]


def _sums(sums: Mapping[Key, Sum]) -> list[Any]:
    return [[metric.name, labels, values] for (metric, labels), values in sums.items()]


def _read_sums(stored: Any) -> dict[Key, Sum]:
    return {_key(metric, labels): [_read(value) for value in values] for metric, labels, values in stored}


def _key(metric: str, labels: list[str]) -> Key:
    return METRICS[metric], tuple(labels)


def _read(stored: Any) -> Value:
    if not isinstance(stored, list):
        return float(stored)
    bounds, counts, spent = stored
    return Distribution(tuple(bounds), tuple(counts), spent)


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)


def _unpacked(blob: bytes) -> Any:
    return json.loads(zlib.decompress(blob))
