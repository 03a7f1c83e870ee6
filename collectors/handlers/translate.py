"""From the points of an instance to the vocabulary: by the configuration's mappings first, then by dialects. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.handlers import dialects
from collectors.handlers.dialects.words import Names, Translated
from collectors.handlers.mapping import MetricMapping
from collectors.handlers.points import Point


def translated(points: Iterable[Point], names: Names, mappings: Iterable[MetricMapping] = ()) -> Translated:
    """What is known of one instance. A metric that is mapped is nothing to the dialects."""
    into, known, mapped = Translated(), dict(dialects.exposed(points)), list(mappings)
    for mapping in mapped:
        mapping.apply(known, names, into)
    for name in {mapping.name for mapping in mapped}:
        known.pop(name, None)
    dialects.translate(known, names, into)
    return into
