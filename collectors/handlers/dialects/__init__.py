"""What applications expose, said in our vocabulary: a file for every dialect, and the table of them all. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from collectors.handlers.dialects import celery, dramatiq, faststream, otel, ours
from collectors.handlers.dialects.words import Exposed, Names, Translated
from collectors.handlers.points import Point

#: Every dialect, asked of every instance: an application may speak several.
DIALECTS: tuple[Callable[[Exposed, Names, Translated], None], ...] = (
    ours.translate,
    faststream.translate,
    celery.exporter,
    celery.flower,
    dramatiq.translate,
    otel.translate,
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
    for dialect in DIALECTS:
        dialect(known, names, into)
