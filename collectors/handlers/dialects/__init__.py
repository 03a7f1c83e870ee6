"""What applications expose, said in our vocabulary: a file for every dialect, and the table of them all. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from collectors.handlers.dialects import celery, dramatiq, faststream, otel, ours
from collectors.handlers.dialects.words import (
    DEAD_LETTERED,
    DROPPED,
    FAILED,
    OK,
    RETRIED,
    Exposed,
    Names,
    Translated,
)
from collectors.handlers.points import Point

#: Every dialect, asked of every instance, for an application may speak several; with the outcomes that it tells of.
DIALECTS: tuple[tuple[Callable[[Exposed, Names, Translated], None], tuple[str, ...]], ...] = (
    (ours.translate, (OK, FAILED, RETRIED, DEAD_LETTERED, DROPPED)),
    (faststream.translate, (OK, FAILED)),
    (celery.exporter, (OK, FAILED, RETRIED)),
    (celery.flower, (OK, FAILED, RETRIED)),
    (dramatiq.translate, (OK, FAILED, RETRIED, DEAD_LETTERED)),
    (otel.translate, (OK, FAILED)),
)


def exposed(points: Iterable[Point]) -> Exposed:
    """The points by name; where OpenTelemetry's names came with their dots, these are underscores."""
    found: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        if "." in point.name:
            labels = {name.replace(".", "_"): value for name, value in point.labels.items()}
            found[point.name.replace(".", "_")].append(Point(point.name, labels, point.value))
        else:
            found[point.name].append(point)
    return found


def translate(known: Exposed, names: Names, into: Translated) -> None:
    for dialect, outcomes in DIALECTS:
        before = len(into.counts)
        dialect(known, names, into)
        into.tell_none_yet(before, outcomes)
