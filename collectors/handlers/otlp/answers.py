"""What the receiver answers, in the encoding of the request. Statuses: opentelemetry-proto, docs/specification.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
Media = Literal["application/x-protobuf", "application/json"]

#: Asked of a sender that is to come again.
RETRY_SECONDS = 1

#: gRPC's code for each HTTP status, as google.rpc.Status wants it; others are UNKNOWN.
_CODES = {400: 3, 404: 5, 405: 12, 408: 4, 411: 3, 413: 8, 415: 3, 500: 13, 501: 12, 503: 14}
_UNKNOWN = 2


class Answer(NamedTuple):
    status: int
    body: bytes
    media: Media
    headers: Mapping[str, str] = {}


class RefusedError(Exception):
    """A request that is not taken: the HTTP status and why."""

    def __init__(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers or {}

    def answer(self, media: Media) -> Answer:
        return Answer(self.status, status_body(self.status, str(self), media), media, self.headers)


def busy(why: str) -> RefusedError:
    """A refusal after which the sender is to try again."""
    return RefusedError(503, why, {"Retry-After": str(RETRY_SECONDS)})


def media_of(content_type: str) -> Media | None:
    """The encoding that a Content-Type names; None for one that OTLP does not have."""
    name = content_type.partition(";")[0].strip().lower()
    if name == PROTOBUF:
        return PROTOBUF
    return JSON if name == JSON else None


def status_body(status: int, message: str, media: Media) -> bytes:
    """google.rpc.Status, whose protobuf is two fields: `code` = 1, an int32, and `message` = 2, a string."""
    code = _CODES.get(status, _UNKNOWN)
    if media == JSON:
        return json.dumps({"code": code, "message": message}).encode()
    text = message.encode()
    return bytes((0x08, code, 0x12)) + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    septets = bytearray()
    while number > 0x7F:
        septets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*septets, number))
