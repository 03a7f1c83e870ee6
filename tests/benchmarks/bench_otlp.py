"""OTLP: 1,000 histogram points from bytes to series, beside only parsing the same bytes, in one run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from google.protobuf import json_format

from collectors.handlers.geometry import BOUNDS
from collectors.handlers.otlp import decode
from collectors.handlers.otlp.answers import JSON, PROTOBUF, Media
from collectors.handlers.otlp.arrivals import Arrival, Batch
from collectors.handlers.otlp.streams import Streams

sys.path.append(str(Path(__file__).parent.parent))

from exports import LATER, buckets, histogram, request

POINTS, ROUNDS = 1_000, 25


def export(time: int) -> bytes:
    """A point for each of many destinations, with the attributes of OpenTelemetry's conventions."""
    common = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.consumer.group.name": "billing",
    }
    points = [
        buckets(
            [3] * (len(BOUNDS) + 1), BOUNDS, time=time, **common, **{"messaging.destination.name": f"orders-{number}"}
        )
        for number in range(POINTS)
    ]
    return request(histogram(*points)).SerializeToString()


def arrivals(body: bytes, media: Media = PROTOBUF) -> list[Arrival]:
    with decode.message(body, media, gzipped=False) as found:
        return [arrival for block in found.resource_metrics for arrival in Batch(block).arrivals()]


def milliseconds(call: Callable[[int], object]) -> float:
    """The median of a few runs, of CPU."""
    taken = []
    for number in range(ROUNDS):
        began = time.process_time()
        call(number)
        taken.append(time.process_time() - began)
    return sorted(taken)[ROUNDS // 2] * 1e3


def main() -> None:
    bodies = [export(LATER + number) for number in range(ROUNDS)]
    texts = [json_format.MessageToJson(decode.ExportMetricsServiceRequest.FromString(body)).encode() for body in bodies]
    streams = Streams()

    parse = milliseconds(lambda n: decode.ExportMetricsServiceRequest.FromString(bodies[n]))
    read = milliseconds(lambda n: arrivals(bodies[n]))
    whole = milliseconds(lambda n: streams.take("billing", arrivals(bodies[n]), float(n)))
    text = milliseconds(lambda n: arrivals(texts[n], JSON))
    told = milliseconds(lambda n: streams.instances(float(n)))

    print(f"OTLP, {POINTS:,} histogram points of {len(BOUNDS) + 1} buckets, {len(bodies[0]) / 1e3:.0f} kB")
    print(f"  ParseFromString alone     {parse:8.2f} ms")
    print(f"  bytes to arrivals         {read:8.2f} ms  ({read / POINTS * 1e3:.0f} µs a point)")
    print(f"  bytes to series           {whole:8.2f} ms")
    print(f"  JSON to arrivals          {text:8.2f} ms  ({len(texts[0]) / 1e3:.0f} kB)")
    print(f"  what stands, read         {told:8.2f} ms")


if __name__ == "__main__":
    main()
