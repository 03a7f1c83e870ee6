"""How much memory a body would take once parsed, found without parsing it. Pure."""

from __future__ import annotations

from functools import cache
from typing import Any

#: A million fields, or less where they are long: over 20,000 points of histograms.
MOST_WEIGHT = 64 * 1024 * 1024
MOST_JSON_VALUES = 1_000_000

#: What protobuf takes for a message with nothing in it, measured. Every field weighs as much, for it takes time too.
_FIELD = 65
#: A number in memory; packed into a varint it may be a single byte.
_NUMBER = 8

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5


def json_values(body: bytes) -> int:
    """An upper bound of the values in a text of JSON."""
    return body.count(b",") + body.count(b"{") + body.count(b"[")


def weight(body: bytes, descriptor: Any, limit: int) -> int:
    """Bytes that the message takes, counted up to the limit. Raises IndexError where the wire format is broken."""
    total = 0
    parts = [(0, len(body), _fields(descriptor))]
    while parts and total <= limit:
        at, end, fields = parts.pop()
        while at < end and total <= limit:
            tag, at = _varint(body, at)
            size, at = _size(body, at, tag & 7)
            total += _FIELD
            known = tag & 7 == _DELIMITED and tag >> 3 in fields
            if known and (inner := fields[tag >> 3]) is not None:
                parts.append((at + size, end, fields))
                end, fields = min(at + size, end), _fields(inner)
            else:
                total += size * _NUMBER if known else size
                at += size
    return total


def _size(body: bytes, at: int, wire: int) -> tuple[int, int]:
    """(bytes of the value, where it begins)."""
    if wire == _DELIMITED:
        return _varint(body, at)
    if wire == _VARINT:
        return _varint(body, at)[1] - at, at
    if wire in (_FIXED64, _FIXED32):
        return (8 if wire == _FIXED64 else 4), at
    raise IndexError(f"wire type {wire}")


def _varint(body: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = body[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise IndexError("a number of more than ten bytes")


@cache
def _fields(descriptor: Any) -> dict[int, Any]:
    """By number: the descriptor of a field that is a message, None of one that is packed varints."""
    fields = {field.number: field.message_type for field in descriptor.fields if field.message_type is not None}
    packed = (field.number for field in descriptor.fields if field.is_packed and field.type in _PACKED_VARINTS)
    return fields | dict.fromkeys(packed)


#: FieldDescriptor's TYPE_INT64, UINT64, INT32, BOOL, UINT32, ENUM, SINT32 and SINT64.
_PACKED_VARINTS = frozenset((3, 4, 5, 8, 13, 14, 17, 18))
