"""One call of a handler, from its beginning to its outcome, and what the handler may say about it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from contextvars import ContextVar, Token
from datetime import datetime
from time import perf_counter, time
from types import TracebackType
from typing import NamedTuple

from collectors.handlers.geometry import BOUNDS
from collectors.handlers.recorder import layout
from collectors.handlers.recorder.layout import (
    DEAD_LETTERED,
    DISTRIBUTION,
    DROPPED,
    EVENTS,
    FAILED,
    IN_PROGRESS,
    LAST_SUCCESS,
    OK,
    OUTCOMES,
    QUEUE,
    RETRIED,
    SINCE,
    SUM,
)
from collectors.handlers.recorder.process import RECORDER, Handler, is_own

#: Says the outcome of an exception, and its reason.
Judge = Callable[[BaseException], tuple[int, str]]

#: A timestamp further ahead than this is no clock that runs fast.
_DAY = 86400.0


class _Part(NamedTuple):
    """Some events of a call, and what became of them."""

    outcome: int
    reason: str
    events: float


class Event:
    """A call of a handler: a context manager, `async with` too. It never raises, and lets every exception pass.

    What the handler says counts before what it raises. `events` are how many of a batch it is said of, by default all.
    """

    __slots__ = ("_began", "_handler", "_judge", "_said", "_token", "count", "timestamp")

    def __init__(self, handler: Handler, judge: Judge, timestamp: object = None, count: int = 1) -> None:
        self._handler = handler
        self._judge = judge
        self.timestamp = timestamp
        self.count = count
        self._said: list[tuple[int, str, float | None]] | None = None
        self._token: Token[Event] | None = None

    def failed(self, reason: object = "", events: float | None = None) -> None:
        """It was not handled, and nobody will see to it."""
        self._say(FAILED, reason, events)

    def retried(self, reason: object = "", events: float | None = None) -> None:
        """It will come again."""
        self._say(RETRIED, reason, events)

    def dead_lettered(self, reason: object = "", events: float | None = None) -> None:
        """It was given up, and kept as a dead letter."""
        self._say(DEAD_LETTERED, reason, events)

    def dropped(self, reason: object = "", events: float | None = None) -> None:
        """It was left out on purpose."""
        self._say(DROPPED, reason, events)

    def __enter__(self) -> Event:
        try:
            self.begin()
            self._token = _current.set(self)
        except BaseException:  # a signal handler raised: whoever called us is to see it, but no call that never ends
            self.forget()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.leave_context()
            self.end(error)
        except BaseException:
            self.forget()
            raise

    async def __aenter__(self) -> Event:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def begin(self) -> None:
        """The call begins."""
        try:
            handler = self._handler
            now = time()
            with RECORDER.lock:
                slots = handler.slots or RECORDER.open_slots(handler)
                running = handler.running
                running[self] = now
                slots[IN_PROGRESS] = len(running)
                if len(running) == 1:
                    slots[SINCE] = now
                written = self.timestamp
                if written is not None:
                    age = now - written if type(written) is float and 0 < written <= now else _age(written, now)
                    if age is not None:
                        slots[QUEUE + bisect_left(BOUNDS, age)] += 1.0
                        slots[QUEUE + SUM] += age
        except Exception as error:
            if not is_own(error):
                raise
            RECORDER.complain("the beginning of an event", error)
        self._began = perf_counter()

    def end(self, error: BaseException | None) -> None:
        """The call ends, by this exception or without one."""
        try:
            took = perf_counter() - self._began
            parts = None if error is None and self._said is None else self._verdict(error)
            outcome = OK if parts is None else parts[-1].outcome
            handler = self._handler
            with RECORDER.lock:
                running = handler.running
                began = running.pop(self, None)
                slots = handler.slots
                if began is None or slots is None:
                    return  # it began before this process was forked: the parent counts it
                first = outcome * DISTRIBUTION
                slots[first + bisect_left(BOUNDS, took)] += 1.0
                slots[first + SUM] += took
                slots[IN_PROGRESS] = len(running)
                if slots[SINCE] == began:
                    slots[SINCE] = next(iter(running.values()), 0.0)
                if outcome == OK:
                    slots[LAST_SUCCESS] = began + took
                if parts is None:
                    slots[EVENTS] += self.count
                else:
                    self._count_parts(slots, parts)
        except Exception as trouble:
            if not is_own(trouble):
                raise
            RECORDER.complain("the end of an event", trouble)

    def enter_context(self) -> None:
        """From here on it is the current event."""
        self._token = _current.set(self)

    def leave_context(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            try:
                _current.reset(token)
            except (ValueError, RuntimeError):
                return  # a generator is closed in another context than it was begun in: nothing is to be reset there

    def forget(self) -> None:
        """It was no call after all; or it is one no longer."""
        with RECORDER.lock:
            self._handler.running.pop(self, None)
            slots = self._handler.slots
            if slots is not None:
                slots[IN_PROGRESS] = len(self._handler.running)
                slots[SINCE] = next(iter(self._handler.running.values()), 0.0)

    def _say(self, outcome: int, reason: object, events: float | None) -> None:
        try:
            said = (outcome, str(reason) or OUTCOMES[outcome], None if events is None else float(events))
            self._said = [*(self._said or ()), said]
        except Exception as error:
            RECORDER.complain("an outcome that was said", error)

    def _verdict(self, error: BaseException | None) -> list[_Part]:
        """What became of the events, all of them; the last part is that of the call."""
        whole = _Part(OK, "", 0.0) if error is None else _Part(*self._judged(error), 0.0)
        left, parts = float(self.count), []
        for outcome, reason, events in self._said or ():
            if events is None:
                whole = _Part(outcome, reason, 0.0)
            else:
                taken = min(max(0.0, events), left)
                left -= taken
                parts.append(_Part(outcome, reason, taken))
        return [*parts, whole._replace(events=left)] if left or not parts else parts

    def _judged(self, error: BaseException) -> tuple[int, str]:
        try:
            return self._judge(error)
        except Exception as trouble:
            RECORDER.complain("the judgement of an exception", trouble)
            return FAILED, type(error).__name__

    def _count_parts(self, slots: memoryview[float], parts: list[_Part]) -> None:
        for outcome, reason, events in parts:
            slots[EVENTS + outcome] += events
            if outcome != OK:
                RECORDER.count(layout.FAILURES_TOTAL, (*self._handler.labels, reason), events)


class _NoEvent(Event):
    """What is said of it is said of nothing."""

    __slots__ = ()

    def __init__(self) -> None:
        self._token = None

    def begin(self) -> None:
        return

    def end(self, error: BaseException | None) -> None:
        return

    def _say(self, outcome: int, reason: object, events: float | None) -> None:
        return


_current: ContextVar[Event] = ContextVar("current event of a handler")
_NO_EVENT = _NoEvent()


def current_event() -> Event:
    """The event that is being handled here; outside of a handler one of which nothing is counted."""
    return _current.get(_NO_EVENT)


def _age(timestamp: object, now: float) -> float | None:
    """Seconds since an epoch time or a datetime; None where it is unknown, or is told to be none."""
    try:
        written = float(timestamp.timestamp() if isinstance(timestamp, datetime) else timestamp)  # type: ignore[arg-type]
        if written <= 0:
            return None  # how Kafka says that there is none
        if written < now + _DAY:
            return max(0.0, now - written)  # the other clock may run ahead
        raise ValueError(f"the timestamp {timestamp!r} lies ahead; expected Unix time in seconds")
    except Exception as error:
        RECORDER.complain("the timestamp of an event", error)
        return None
