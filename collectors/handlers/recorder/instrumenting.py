"""One line before a handler: it is timed and counted, and behaves as before.

billing = instrument("orders", group="billing")

@billing
def charge(event): ...
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, fields
from types import CodeType, CoroutineType
from typing import Any, TypeVar, cast

from collectors.handlers.recorder.event import Event
from collectors.handlers.recorder.families import expose
from collectors.handlers.recorder.layout import DEAD_LETTERED, DROPPED, FAILED, OK, RETRIED
from collectors.handlers.recorder.naming import default_service, module_name, qualified_name
from collectors.handlers.recorder.process import RECORDER, Handler, text

Errors = type[BaseException] | tuple[type[BaseException], ...]
Target = TypeVar("Target")
Opened = Callable[[tuple[Any, ...], dict[str, Any]], Event]

#: Exceptions with which frameworks steer: (package, class) -> outcome. They are known by name, never imported.
_STEERING = {
    ("celery", "Retry"): RETRIED,
    ("celery", "Ignore"): DROPPED,
    ("celery", "Reject"): DEAD_LETTERED,
    ("faststream", "AckMessage"): OK,
    ("faststream", "NackMessage"): RETRIED,
    ("faststream", "RejectMessage"): DEAD_LETTERED,
    ("faststream", "SkipMessage"): DROPPED,
    ("dramatiq", "Retry"): RETRIED,
    ("dramatiq", "SkipMessage"): DROPPED,
    ("taskiq", "NoResultError"): OK,
    ("taskiq", "TaskRejectedError"): DEAD_LETTERED,
    ("huey", "RetryTask"): RETRIED,
    ("huey", "CancelExecution"): DROPPED,
    ("arq", "Retry"): RETRIED,
    ("arq", "RetryJob"): RETRIED,
}


@dataclass(eq=False, repr=False)
class Instrument:
    """Measures the handlers of a destination: a decorator, and by `event()` a context manager.

    `handler` is by default the qualified name of what is decorated, `service` is $OTEL_SERVICE_NAME or the program's
    name. `timestamp` and `count` are given the event: the first argument, or the one that `argument` names; they say
    when it was written (Unix time in seconds, a datetime, or None), and how many events a batch has. Exceptions of the
    classes in `retried_on`, `dropped_on` and `dead_lettered_on` have that outcome. Raises TypeError for what are none.
    """

    destination: str
    _: KW_ONLY
    group: str = ""
    handler: str | None = None
    service: str | None = None
    timestamp: Callable[[Any], Any] | None = None
    count: Callable[[Any], int] | None = None
    argument: str | None = None
    retried_on: Errors = ()
    dropped_on: Errors = ()
    dead_lettered_on: Errors = ()

    def __post_init__(self) -> None:
        self._outcomes = (
            (DEAD_LETTERED, _classes("dead_lettered_on", self.dead_lettered_on)),
            (DROPPED, _classes("dropped_on", self.dropped_on)),
            (RETRIED, _classes("retried_on", self.retried_on)),
        )
        self._callers: dict[CodeType, Handler] = {}
        expose()

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(Instrument, **{each.name: getattr(self, each.name) for each in fields(self)}), ()

    def __call__(self, target: Target) -> Target:
        """The same handler, measured. Raises TypeError for what cannot be called."""
        return cast(Target, self._measured(target))

    def event(self, *, timestamp: object = None, count: int = 1) -> Event:
        """A call of the handler that is around this line, for `with` and `async with`."""
        code = sys._getframe(1).f_code
        handler = self._callers.get(code)
        if handler is None:
            module = module_name(sys._getframe(1).f_globals.get("__name__", ""))
            handler = self._callers[code] = self._handler_named(f"{module}.{code.co_qualname}")
        return Event(handler, self._judge, timestamp, count if count == 1 else _whole(count))

    def _measured(self, target: Any) -> Any:
        if isinstance(target, staticmethod | classmethod):
            return type(target)(self._wrapped(target.__func__, skip=isinstance(target, classmethod)))
        if isinstance(target, type):
            if not any("__call__" in vars(base) for base in target.__mro__):
                raise TypeError(f"instrument: objects of {target.__qualname__} cannot be called")
            target.__call__ = self._wrapped(  # type: ignore[method-assign]
                target.__call__, skip=True, name=qualified_name(target)
            )
            return target
        if not callable(target):
            raise TypeError(f"instrument: {target!r} cannot be called; expected a function, method, class or callback")
        return self._wrapped(target, skip=_takes_self(target))

    def _wrapped(self, function: Callable[..., Any], skip: bool, name: str | None = None) -> Callable[..., Any]:
        opened = self._opener(function, skip, name or qualified_name(function))
        called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
        wrap = next(wrap for is_kind, wrap in _WRAPPERS if is_kind(function) or is_kind(called))
        measured = wrap(function, opened)
        functools.update_wrapper(measured, function)
        # Celery asks for a signature without looking through wrappers.
        with suppress(ValueError, TypeError):
            measured.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return measured

    def _opener(self, function: Callable[..., Any], skip: bool, name: str) -> Opened:
        """Makes the event of a call from its arguments."""
        handler, judge = self._handler_named(name), self._judge
        timestamp, count = self.timestamp, self.count
        if timestamp is None and count is None:
            return lambda args, kwargs: Event(handler, judge)
        at, pick = _picker(function, skip, self.argument)

        def opened(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Event:
            event = Event(handler, judge)
            try:
                subject = args[at] if at < len(args) else pick(kwargs)
                if count is not None:
                    event.count = _whole(count(subject))
                if timestamp is not None:
                    event.timestamp = timestamp(subject)
            except Exception as error:
                RECORDER.complain("timestamp or count of an event", error)
            return event

        return opened

    def _handler_named(self, name: str) -> Handler:
        service = default_service() if self.service is None else self.service
        labels = (service, name if self.handler is None else self.handler, self.destination, self.group)
        return RECORDER.handler(*map(text, labels))

    def _judge(self, error: BaseException) -> tuple[int, str]:
        """Outcome and reason of an exception that a handler raised."""
        for outcome, classes in self._outcomes:
            if isinstance(error, classes):
                return outcome, type(error).__name__
        for cls in type(error).__mro__:
            outcome = _STEERING.get((cls.__module__.partition(".")[0], cls.__name__), FAILED)
            if outcome != FAILED:
                return _steered(error, outcome)
        return FAILED, type(error).__name__


#: As it is written: `billing = instrument("orders", group="billing")`.
instrument = Instrument


def _steered(error: BaseException, outcome: int) -> tuple[int, str]:
    """Celery's Reject may put the message back, and its Retry knows of what went wrong."""
    if getattr(error, "requeue", False):
        outcome = RETRIED
    cause = getattr(error, "exc", None)
    return outcome, type(cause if isinstance(cause, BaseException) else error).__name__


def _plain(function: Callable[..., Any], opened: Opened) -> Callable[..., Any]:
    def handler(*args: Any, **kwargs: Any) -> Any:
        with opened(args, kwargs) as event:
            result = function(*args, **kwargs)
            if type(result) is not CoroutineType:
                return result
            event.forget()
        return _awaited(result, opened(args, kwargs))  # a callback that only made the coroutine

    return handler


async def _awaited(coroutine: Coroutine[Any, Any, Any], event: Event) -> Any:
    with event:
        return await coroutine


def _coroutine(function: Callable[..., Any], opened: Opened) -> Callable[..., Any]:
    async def handler(*args: Any, **kwargs: Any) -> Any:
        with opened(args, kwargs):
            return await function(*args, **kwargs)

    return handler


def _generator(function: Callable[..., Any], opened: Opened) -> Callable[..., Any]:
    def handler(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = function(*args, **kwargs)
        event = opened(args, kwargs)
        step, value, ended_by = steps.send, None, None
        try:
            event.begin()
            while True:
                event.enter_context()
                try:
                    value = step(value)
                finally:
                    event.leave_context()
                try:
                    step, value = steps.send, (yield value)
                except BaseException as thrown:
                    step, value = steps.throw, thrown
        except StopIteration as end:
            return end.value
        except GeneratorExit:
            raise  # whoever reads it has had enough
        except BaseException as error:
            ended_by = error
            raise
        finally:
            event.end(ended_by)
            ended_by = value = None

    return handler


def _async_generator(function: Callable[..., Any], opened: Opened) -> Callable[..., Any]:
    async def handler(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = function(*args, **kwargs)
        event = opened(args, kwargs)
        step, value, ended_by = steps.asend, None, None
        try:
            event.begin()
            while True:
                event.enter_context()
                try:
                    value = await step(value)
                finally:
                    event.leave_context()
                try:
                    step, value = steps.asend, (yield value)
                except BaseException as thrown:
                    step, value = steps.athrow, thrown
        except StopAsyncIteration:
            return
        except GeneratorExit:
            raise
        except BaseException as error:
            ended_by = error
            raise
        finally:
            event.end(ended_by)
            ended_by = value = None

    return handler


#: What a handler is -> how it is wrapped; the first that fits.
_WRAPPERS: tuple[tuple[Callable[[Any], bool], Callable[[Callable[..., Any], Opened], Callable[..., Any]]], ...] = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.isgeneratorfunction, _generator),
    (callable, _plain),
)


def _classes(setting: str, errors: Errors) -> tuple[type[BaseException], ...]:
    classes = errors if isinstance(errors, tuple) else (errors,)
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, BaseException)):
            raise TypeError(f"instrument: {setting} takes classes of exceptions, not {cls!r}")
    return classes


def _whole(count: Any) -> int:
    """How many events there are; one where nobody can tell."""
    try:
        return max(0, int(count))
    except Exception as error:
        RECORDER.complain("the number of events", error)
        return 1


def _takes_self(function: Any) -> bool:
    """Whether it is a function of a class body: one that is called as a method later."""
    return inspect.isfunction(function) and function.__code__.co_varnames[:1] in (("self",), ("cls",))


def _picker(
    function: Callable[..., Any], skip: bool, argument: str | None
) -> tuple[int, Callable[[dict[str, Any]], Any]]:
    """Where the event stands among the arguments of a call, and what picks it from those that are given by name.

    Raises TypeError when the function has no such argument.
    """
    try:
        names = list(inspect.signature(function).parameters)
    except ValueError:  # written in C, and does not say
        names = []
    if argument is not None and argument not in names:
        raise TypeError(f"instrument: {qualified_name(function)} has no argument {argument!r}; it has {names}")
    at = int(skip) if argument is None else names.index(argument)
    name = names[at] if at < len(names) else ""
    return at, lambda kwargs: kwargs[name] if name in kwargs else next(iter(kwargs.values()))
