"""Records of numbers, each under a key, in pages of memory or of a file that other processes read meanwhile.

A record is appended once and never moves; its numbers are doubles that are changed in place, each whole at any time.
A page is as follows, in the machine's own byte order:

    magic, started (double), used bytes, then records: bytes of the key, slots, checksum of the key, key, slots

A record counts once the used bytes cover it. What is torn, because its writer was killed, ends the page.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

PAGE = 1 << 16
MAGIC = b"EDArec\0\1"

_HEADER = struct.Struct("=8sdQ")
_USED = struct.Struct("=Q")
_USED_AT = _HEADER.size - _USED.size
_RECORD = struct.Struct("=IIII")

#: Longest key that is sure to fit into a page with its slots.
LONGEST_KEY = PAGE // 2


def in_memory() -> memoryview:
    """A page that nobody else sees."""
    return memoryview(bytearray(PAGE))


class _Page:
    """A page that is being filled."""

    __slots__ = ("buffer", "used")

    def __init__(self, buffer: memoryview, used: int) -> None:
        self.buffer = buffer
        self.used = used


class Ledger:
    """The records of one process. Not for two threads at once, yet a signal handler may come in between."""

    def __init__(self, started: float, new_page: Callable[[], memoryview] = in_memory) -> None:
        self.started = started
        self.pages: list[memoryview] = []
        self._new_page = new_page
        self._last = _Page(memoryview(b""), PAGE)

    def record(self, key: bytes, slots: int) -> memoryview[float]:
        """A new record: its slots, all 0. Raises ValueError when it fits into no page, OSError when there is none."""
        size = _RECORD.size + -(-len(key) // 8) * 8 + slots * 8
        if size > PAGE - _HEADER.size:
            raise ValueError(f"a record of {size} bytes fits into no page")
        page = self._last
        while page.used + size > PAGE:
            page = self._turn()
        # Taken before it is written: whoever interrupts this takes what comes after it.
        at = page.used
        page.used = end = at + size
        page.buffer[at + _RECORD.size : at + _RECORD.size + len(key)] = key
        _RECORD.pack_into(page.buffer, at, len(key), slots, zlib.crc32(key), 0)
        _USED.pack_into(page.buffer, _USED_AT, page.used)
        return page.buffer[end - slots * 8 : end].cast("d")

    def read(self) -> Iterator[tuple[bytes, list[float]]]:
        for page in list(self.pages):
            yield from records(page)

    def _turn(self) -> _Page:
        buffer = self._new_page()
        _HEADER.pack_into(buffer, 0, MAGIC, self.started, _HEADER.size)
        self.pages.append(buffer)
        self._last = _Page(buffer, _HEADER.size)
        return self._last


def started(page: memoryview) -> float | None:
    """When counting began in this page; None when it is none of ours."""
    magic, began, _ = _HEADER.unpack_from(page)
    return began if magic == MAGIC else None


def records(page: memoryview) -> Iterator[tuple[bytes, list[float]]]:
    """Keys and numbers of a page, as far as it is whole."""
    magic, _, used = _HEADER.unpack_from(page)
    if magic != MAGIC:
        return
    at = _HEADER.size
    while at + _RECORD.size <= min(used, PAGE):
        length, slots, checksum, _ = _RECORD.unpack_from(page, at)
        first = at + _RECORD.size + -(-length // 8) * 8
        end = first + slots * 8
        if end > PAGE:
            return
        key = bytes(page[at + _RECORD.size : at + _RECORD.size + length])
        if not length or zlib.crc32(key) != checksum:
            return
        yield key, list(page[first:end].cast("d"))
        at = end
