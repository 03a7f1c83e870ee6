"""The body of a request becomes OTLP's message, within bounds of memory that no sender can pass.

A few bytes can stand for much: gzip holds a thousandfold, an empty protobuf message takes two bytes on the wire and 65
in memory. So nothing is inflated beyond its limit, and large bodies are weighed before they are parsed, one at a time.

OTLP's JSON is proto3's JSON but for the ids of traces and spans, which are hexadecimal: they stand in exemplars only,
which nobody reads here. Fields that are not known are passed over in both encodings.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from collectors.handlers.otlp.answers import JSON, Media, RefusedError, busy
from collectors.handlers.otlp.weight import MOST_JSON_VALUES, MOST_WEIGHT, json_values, weight

MEBIBYTE = 1024 * 1024
MOST_RAW = 16 * MEBIBYTE
MOST_INFLATED = 64 * MEBIBYTE

#: Bodies up to this size are decoded side by side, larger ones one after the other.
SMALL = 256 * 1024
#: How long a large body waits for its turn, in seconds: less than the ten that the SDKs wait for an answer.
PATIENCE_SECONDS = 5.0
#: Protobuf up to this size cannot grow to more than 140 MB.
_UNWEIGHED = 4 * MEBIBYTE

_GZIP = 16 + zlib.MAX_WBITS
_large = threading.Lock()


@contextmanager
def message(raw: bytes, media: Media, gzipped: bool) -> Iterator[ExportMetricsServiceRequest]:
    """The request in these bytes, to be let go of at the end of the block. Raises RefusedError: 400, 413 or 503."""
    body = _inflated(raw, SMALL) if gzipped else raw if len(raw) <= SMALL else None
    if body is not None:
        yield _parsed(body, media)
        return
    if not _large.acquire(timeout=PATIENCE_SECONDS):
        raise busy("too many large bodies at once")
    try:
        body = _inflated(raw, MOST_INFLATED) if gzipped else raw
        if body is None:
            raise RefusedError(413, f"the body is larger than {MOST_INFLATED} bytes after decompression")
        yield _parsed(body, media)
    finally:
        _large.release()


def response(rejected: int, why: str, media: Media) -> bytes:
    """The answer to a request that was taken, in whole (no bytes in protobuf) or in part."""
    answer = ExportMetricsServiceResponse()
    if rejected or why:
        answer.partial_success.rejected_data_points = rejected
        answer.partial_success.error_message = why
    text = json_format.MessageToJson(answer, indent=None) if media == JSON else answer.SerializeToString()
    return text.encode() if isinstance(text, str) else text


def _inflated(raw: bytes, limit: int) -> bytes | None:
    """What gzip holds; None when that is more than the limit. Raises RefusedError where it is broken."""
    stream = zlib.decompressobj(_GZIP)
    try:
        body = stream.decompress(raw, limit + 1)
    except zlib.error as error:
        raise RefusedError(400, f"the body is not gzip: {error}") from None
    if len(body) > limit:
        return None
    if not stream.eof:
        raise RefusedError(400, "the body is not gzip: it ends too early")
    if stream.unused_data:
        raise RefusedError(400, f"{len(stream.unused_data)} bytes stand behind the end of the gzip body")
    return body


def _parsed(body: bytes, media: Media) -> ExportMetricsServiceRequest:
    return _from_json(body) if media == JSON else _from_protobuf(body)


def _from_protobuf(body: bytes) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    try:
        if len(body) > _UNWEIGHED and weight(body, request.DESCRIPTOR, MOST_WEIGHT) > MOST_WEIGHT:
            raise RefusedError(413, f"the body would take more than {MOST_WEIGHT} bytes of memory")
        request.ParseFromString(body)
    except (DecodeError, IndexError):
        raise RefusedError(400, "the body is not an ExportMetricsServiceRequest in protobuf") from None
    return request


def _from_json(body: bytes) -> ExportMetricsServiceRequest:
    if json_values(body) > MOST_JSON_VALUES:
        raise RefusedError(413, f"the body holds more than {MOST_JSON_VALUES} values")
    request = ExportMetricsServiceRequest()
    try:
        found = json.loads(body.decode(), object_hook=_without_exemplars)
        if not isinstance(found, dict):
            raise ValueError("expected an object")
        json_format.ParseDict(found, request, ignore_unknown_fields=True)
    except RecursionError:
        raise RefusedError(400, "the body is nested too deeply") from None
    except (json_format.ParseError, ValueError, TypeError, AttributeError, KeyError) as error:
        why = str(error).partition("\n")[0][:200]
        raise RefusedError(400, f"the body is not an ExportMetricsServiceRequest in JSON: {why}") from None
    return request


def _without_exemplars(found: dict[str, Any]) -> dict[str, Any]:
    found.pop("exemplars", None)
    return found
