"""What this process counts: the numbers of its handlers, its counters, and the sum with other processes.

Counting never raises. What goes wrong in it is counted, and logged once.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import uuid
from pathlib import Path

from collectors.handlers.recorder import layout
from collectors.handlers.recorder.directory import Directory, LiveFile, Totals
from collectors.handlers.recorder.ledger import Ledger, in_memory

_log = logging.getLogger("collectors.handlers")

_OWN = {__name__.partition(".")[0], *sys.stdlib_module_names}

#: Reasons that one series may have; the rest are `other`.
REASONS = 20
OTHER = "other"

#: Characters of a label, and of a reason, that are kept.
LABEL_LENGTH, REASON_LENGTH = 1000, 120

_DIRECTORY_VARIABLES = ("EDA_HANDLERS_DIR", "PROMETHEUS_MULTIPROC_DIR")

Labels = tuple[str, ...]


class Handler:
    """The numbers of one handler in this process. `slots` are as in `layout`; they are None until they are needed."""

    __slots__ = ("labels", "running", "slots")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.slots: memoryview[float] | None = None
        #: call -> when it began (Unix time), the longest first.
        self.running: dict[object, float] = {}


class Recorder:
    """All numbers of this process. A forked child begins anew."""

    def __init__(self) -> None:
        self.handlers: dict[Labels, Handler] = {}
        self.complained: set[tuple[str, str]] = set()
        self.begin()

    def begin(self) -> None:
        """Forget all numbers, and everything that another process may hold."""
        #: Re-entrant: a signal handler may record in the middle of a recording.
        self.lock = threading.RLock()
        #: Random, of this process alone.
        self.instance = uuid.uuid4().hex
        self.started = time.time()
        self._counters: dict[tuple[str, Labels], memoryview[float]] = {}
        self._admitted: dict[tuple[str, Labels], set[str]] = {}
        self._ledger: Ledger | None = None
        self._file: LiveFile | None = None
        self._memory_only = False
        #: True in a child without a directory whose parent serves: nobody sees what it counts.
        self.unseen = False
        for handler in list(self.handlers.values()):
            handler.slots = None
            handler.running = {}

    def begin_in_child(self) -> None:
        """What was counted before the fork is the parent's."""
        file = self._file
        self.begin()
        if file is not None:
            file.close()

    def handler(self, *labels: str) -> Handler:
        """The handler of these labels: service, handler, destination, group."""
        with self.lock:
            return self.handlers.setdefault(labels, Handler(labels))

    def open_slots(self, handler: Handler) -> memoryview[float]:
        """The handler's slots, taken at its first call in this process. The lock must be held."""
        if self.unseen:
            self.unseen = False
            _log.warning(
                "this process was forked from the one that serves metrics, and is not seen: set EDA_HANDLERS_DIR"
            )
        if handler.slots is None:
            handler.slots = self._record(("", *handler.labels), layout.HANDLER_SLOTS)
        return handler.slots

    def count(self, metric: str, labels: Labels, amount: float = 1.0) -> None:
        """Add to a counter; labels in the order of `layout.COUNTERS`. Reasons beyond `REASONS` count as `other`."""
        try:
            with self.lock:
                slot = self._counters.get((metric, labels))
                if slot is None:
                    slot = self._open_counter(metric, labels)
                slot[0] += amount
        except Exception as error:
            self.complain("count", error)

    def complain(self, where: str, error: BaseException) -> None:
        """Count an error of the instrumentation itself, and log the first of its kind. Never raises."""
        kind = (where, type(error).__name__)
        first = kind not in self.complained
        if not first and where == "count":
            return  # counting this would end here again
        try:
            self.complained.add(kind)
            self.count(layout.ERRORS_TOTAL, kind[1:])
            if first:
                _log.warning("%s: %s: %s; more of it is only counted", where, kind[1], _told(error))
        except Exception:
            return  # there is nobody left to tell

    def totals(self) -> Totals:
        """What all processes of the directory counted, or else this one alone."""
        totals = self.own_totals()
        try:
            shared = directory()
            if shared is not None:
                shared.read(totals, own=self._file.name if self._file else "")
        except Exception as error:
            self.complain("reading the directory of handlers", error)
        return totals

    def own_totals(self) -> Totals:
        """What this process counted."""
        totals = Totals()
        with self.lock:
            for key, numbers in self._ledger.read() if self._ledger else ():
                totals.add(key, numbers, alive=True)
            if self._ledger or directory() is None:
                totals.note_start(self.started)
        return totals

    def _open_counter(self, metric: str, labels: Labels) -> memoryview[float]:
        name = layout.COUNTERS[metric]
        if len(labels) != len(name.labels):
            raise ValueError(f"{metric} takes the labels {name.labels}, not {labels}")
        kept = tuple(map(text, labels))
        if name.labels[-1] == "reason":
            kept = (*kept[:-1], self._admitted_reason(metric, kept[:-1], kept[-1][:REASON_LENGTH]))
        slot = self._counters.get((metric, kept))
        if slot is None:
            slot = self._counters[metric, kept] = self._record((metric, *kept), 1)
        return slot

    def _admitted_reason(self, metric: str, series: Labels, reason: str) -> str:
        """The reason, or `other` where the series has its number of them, counted over all processes."""
        known = self._admitted.setdefault((metric, series), {OTHER})
        if reason not in known and len(known) <= REASONS:
            known |= self._reasons_of_others(metric, series)
        if reason not in known and len(known) > REASONS:
            return OTHER
        known.add(reason)
        return reason

    def _reasons_of_others(self, metric: str, series: Labels) -> set[str]:
        shared = directory()
        if shared is None:
            return set()
        totals = Totals()
        shared.read(totals)
        labels = map(labels_of, totals.records)
        return {reason for name, *others, reason in labels if (name, *others) == (metric, *series)}

    def _record(self, key: Labels, slots: int) -> memoryview[float]:
        if self._ledger is None:
            self._ledger = Ledger(self.started, self._new_page)
        return self._ledger.record(json.dumps(key, ensure_ascii=False, separators=(",", ":")).encode(), slots)

    def _new_page(self) -> memoryview:
        """A page of this process's file; of memory where there is no directory, or it takes no more."""
        if not self._memory_only:
            try:
                shared = directory()
                if shared is not None:
                    self._file = self._file or LiveFile(shared.folder)
                    return self._file.new_page()
            except OSError as error:
                self._memory_only = True  # first, for the complaint is counted too
                self.complain("writing to the directory of handlers; counting in memory", error)
        return in_memory()


def labels_of(key: bytes) -> Labels:
    """The metric, empty for a handler's record, and the labels in a record's key."""
    return tuple(json.loads(key))


def text(value: object) -> str:
    """Any text as a label: what UTF-8 cannot hold becomes `?`, and it has an end."""
    return str(value)[:LABEL_LENGTH].encode("utf-8", "replace").decode()


def is_own(error: BaseException) -> bool:
    """Whether code of this package raised it, or what it uses of the standard library; not a signal handler meanwhile.

    A time limit, such as Celery's soft one, is an exception that a signal handler raises wherever the process stands.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = str(trace.tb_frame.f_globals.get("__name__")) if trace is not None else __name__
    return module.partition(".")[0] in _OWN


def _told(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "it cannot be told"


def directory() -> Directory | None:
    """Where the processes of this service count together; None where this one counts in its memory."""
    for variable in _DIRECTORY_VARIABLES:
        if folder := os.environ.get(variable):
            return Directory(Path(folder))
    return None


#: What this process counts.
RECORDER = Recorder()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=RECORDER.begin_in_child)


def count(metric: str, labels: Labels, amount: float = 1.0) -> None:
    """Add to a counter of the vocabulary, by its exposed name, with its labels in order. Never raises."""
    RECORDER.count(metric, labels, amount)
