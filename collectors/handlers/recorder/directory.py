"""The files in which the processes of one service count, and their sum.

Every process has a file of its own (`*.live`) and holds a lock on it as long as it lives; nobody else writes to it.
The files of the dead are folded into one (`*.fold`), which names those it contains: written anew beside the old one,
renamed, and only then are they removed. So whoever is killed on the way leaves either the old fold and all files, or
the new one and files that it names, which nobody counts again.
"""

from __future__ import annotations

import errno
import mmap
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from collectors.handlers.recorder import layout
from collectors.handlers.recorder.ledger import PAGE, Ledger, in_memory, records, started

try:
    import fcntl
except ImportError:  # Windows has no fork either
    fcntl = None  # type: ignore[assignment]

#: The number is that of the form of the files: other ones are left alone.
_PREFIX = "eda-handlers1"
_FOLDED = b"folded "

#: A file that was begun and never came to live; older ones are leftovers of the killed.
_BIRTH_SECONDS = 60.0

#: Key of a record -> its numbers, added up over processes.
Records = dict[bytes, list[float]]


class Totals:
    """What all processes counted together, and since when (Unix time)."""

    def __init__(self) -> None:
        self.started: float | None = None
        self.records: Records = {}

    def add(self, key: bytes, numbers: list[float], alive: bool) -> None:
        total = self.records.setdefault(key, [0.0] * len(numbers))
        if len(total) == len(numbers):
            layout.add(total, numbers, alive)

    def note_start(self, began: float) -> None:
        self.started = began if self.started is None else min(self.started, began)


class LiveFile:
    """The file of this process: it gives pages to a ledger, and is locked until it is closed or the process dies."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError when the folder takes no file."""
        _must_lock()
        folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{_PREFIX}-{uuid.uuid4().hex}.live"
        path = folder / self.name
        unborn = path.with_suffix(".new")
        self._lock = os.open(unborn, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A second description of the file: a mapping keeps its own one open, and in a forked child that would keep the
        # lock of a dead parent.
        self._file = os.open(unborn, os.O_RDWR)
        self._identity = os.fstat(self._file)
        self._pages = 0
        unborn.rename(path)

    def new_page(self) -> memoryview:
        """Raises OSError when the disk is full.

        A page is written before it is mapped: where the disk has no room for it, touching it would kill the process.
        """
        at = self._pages * PAGE
        if os.pwrite(self._file, bytes(PAGE), at) < PAGE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        page = memoryview(mmap.mmap(self._file, PAGE, offset=at))
        self._pages += 1
        return page

    def close(self) -> None:
        """Let go of the file in a forked child; the parent keeps its lock. Other files of these numbers are left."""
        for file in (self._lock, self._file):
            with suppress(OSError):
                if os.path.samestat(os.fstat(file), self._identity):
                    os.close(file)


class Claim:
    """A lock of this name that one process holds until it releases it or dies."""

    def __init__(self, folder: Path, name: str) -> None:
        """Raises OSError when the folder takes no file."""
        _must_lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._file: int | None = os.open(folder / f"{_PREFIX}-{name}.claim", os.O_RDWR | os.O_CREAT, 0o644)

    def take(self) -> bool:
        """False when another process holds it."""
        return self._file is not None and _took(self._file, fcntl.LOCK_EX)

    def wait(self) -> None:
        """Until it is taken."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def release(self) -> None:
        """In a forked child the parent keeps it."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


class Directory:
    """The files of all processes in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fold_path = folder / f"{_PREFIX}.fold"

    def read(self, totals: Totals, own: str = "") -> None:
        """Add what the other processes counted, dead or alive, each once; `own` is the file that is left out.

        Nothing is waited for: when files were folded meanwhile, all is read again.
        """
        for _ in range(100):
            found = Totals()
            with self._open_fold() as fold:
                some_died = self._read_once(found, fold, own)
                if self._is_current(fold):
                    break
        for key, numbers in found.records.items():
            totals.add(key, numbers, alive=True)
        if found.started is not None:
            totals.note_start(found.started)
        if some_died:
            with suppress(OSError):  # the sum is right without it
                self.fold()

    def claim(self, name: str) -> Claim:
        """A claim that one process of this directory can hold."""
        return Claim(self.folder, name)

    def fold(self) -> None:
        """Fold the files of the dead into one. Does nothing while another process is at it."""
        with self._locked() as ours:
            if not ours:
                return
            self._remove_unborn()
            totals = Totals()
            with self._open_fold() as fold:
                folded = _add_fold(totals, fold)
            dead = [path for path in self._live() if path.name in folded or not _is_alive(path)]
            fresh = [path for path in dead if path.name not in folded]
            if fresh:
                for path in fresh:
                    _add_file(totals, path, alive=False)
                self._write_fold(totals, dead)
            for path in dead:
                path.unlink(missing_ok=True)

    def _read_once(self, found: Totals, fold: IO[bytes] | None, own: str) -> bool:
        """True when there are files of the dead."""
        folded = _add_fold(found, fold)
        some_died = bool(folded)
        for path in self._live():
            if path.name in folded or path.name == own:
                continue
            with suppress(FileNotFoundError):
                alive = _is_alive(path)
                _add_file(found, path, alive)
                some_died |= not alive
        return some_died

    def _live(self) -> list[Path]:
        return sorted(self.folder.glob(f"{_PREFIX}-*.live"))

    @contextmanager
    def _open_fold(self) -> Iterator[IO[bytes] | None]:
        try:
            file = self._fold_path.open("rb")
        except FileNotFoundError:
            yield None
        else:
            with file:
                yield file

    def _is_current(self, fold: IO[bytes] | None) -> bool:
        """Whether this is still the fold: while it is open, no other file has its number."""
        try:
            now = self._fold_path.stat()
        except FileNotFoundError:
            return fold is None
        return fold is not None and os.path.samestat(now, os.fstat(fold.fileno()))

    def _write_fold(self, totals: Totals, contained: list[Path]) -> None:
        beside = self._fold_path.with_suffix(".beside")
        beside.unlink(missing_ok=True)
        with beside.open("wb") as file:
            ledger = Ledger(totals.started or time.time(), in_memory)
            for path in contained:
                ledger.record(_FOLDED + path.name.encode(), 0)
            for key, numbers in totals.records.items():
                slots = ledger.record(key, len(numbers))
                for at, number in enumerate(numbers):
                    slots[at] = number
            for page in ledger.pages:
                file.write(page)
        beside.replace(self._fold_path)

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """False when another process holds the lock."""
        file = os.open(self.folder / f"{_PREFIX}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield _took(file, fcntl.LOCK_EX)
        finally:
            os.close(file)

    def _remove_unborn(self) -> None:
        for path in self.folder.glob(f"{_PREFIX}-*.new"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _BIRTH_SECONDS and not _is_alive(path):
                    path.unlink()


def _must_lock() -> None:
    if fcntl is None:
        raise OSError("files of several processes need flock, which this system does not have")


def _took(file: int, lock: int) -> bool:
    try:
        fcntl.flock(file, lock | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(path: Path) -> bool:
    """Whether the process that counts in this file lives: then it holds the lock.

    It is asked for as a shared one, so that two who ask do not take each other for its holder.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        return not _took(file, fcntl.LOCK_SH)
    finally:
        os.close(file)


def _add_file(totals: Totals, path: Path, alive: bool) -> None:
    with path.open("rb") as file:
        for page in _pages(file):
            _add_page(totals, page, alive)


def _add_fold(totals: Totals, fold: IO[bytes] | None) -> set[str]:
    """Add what the dead counted; returns the names of the files that are in it."""
    folded: set[str] = set()
    for page in _pages(fold) if fold else ():
        folded.update(_add_page(totals, page, alive=False))
    return folded


def _add_page(totals: Totals, page: memoryview, alive: bool) -> list[str]:
    began = started(page)
    if began is not None:
        totals.note_start(began)
    folded = []
    for key, numbers in records(page):
        if key.startswith(_FOLDED):
            folded.append(key.removeprefix(_FOLDED).decode())
        else:
            totals.add(key, numbers, alive)
    return folded


def _pages(file: IO[bytes]) -> list[memoryview]:
    """The pages as they are now; mapped, not read, so that every number is whole."""
    size = os.fstat(file.fileno()).st_size // PAGE * PAGE
    if not size:
        return []
    whole = memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))
    return [whole[at : at + PAGE] for at in range(0, size, PAGE)]
