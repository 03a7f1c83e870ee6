"""Whatever kind a handler is of, it behaves as it did before it was measured."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from handled import outcomes, reasons, recorder, value  # noqa: F401

from collectors.handlers import current_event, instrument

orders = instrument("orders", group="billing")


@orders
def charge(event: int, currency: str = "EUR") -> str:
    """Takes the money."""
    return f"{event} {currency}"


@orders
async def acharge(event: int) -> int:
    await asyncio.sleep(0)
    return event


class Charger:
    @orders
    def method(self, event: int) -> int:
        return event

    @orders
    @staticmethod
    def static_outside(event: int) -> int:
        return event

    @staticmethod
    @orders
    def static_inside(event: int) -> int:
        return event

    @orders
    @classmethod
    def class_outside(cls, event: int) -> tuple[type, int]:
        return cls, event

    @classmethod
    @orders
    def class_inside(cls, event: int) -> tuple[type, int]:
        return cls, event


@orders
class Multiplier:
    """An object that is called."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, event: int) -> int:
        return event * self.factor


def test_it_still_looks_as_it_did() -> None:
    assert charge.__name__ == "charge"
    assert charge.__qualname__ == "charge"
    assert charge.__module__ == __name__
    assert charge.__doc__ == "Takes the money."
    assert str(inspect.signature(charge)) == "(event: 'int', currency: 'str' = 'EUR') -> 'str'"
    assert inspect.getfullargspec(charge).args == ["event", "currency"]
    assert inspect.iscoroutinefunction(acharge)
    assert not inspect.iscoroutinefunction(charge)


def test_generators_are_still_seen_as_such() -> None:
    def generator(event: int) -> Iterator[int]:
        yield event

    async def agenerator(event: int) -> AsyncIterator[int]:
        yield event

    assert inspect.isgeneratorfunction(orders(generator))
    assert inspect.isasyncgenfunction(orders(agenerator))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_stands_in_a_module_can_be_pickled(protocol: int) -> None:
    for thing in (charge, acharge, Charger.static_outside, Multiplier):
        assert pickle.loads(pickle.dumps(thing, protocol)) is thing
    assert pickle.loads(pickle.dumps(Multiplier(3), protocol))(2) == 6
    again = pickle.loads(pickle.dumps(orders, protocol))
    assert (again.destination, again.group) == ("orders", "billing")


def test_methods_of_every_kind_are_called_as_before() -> None:
    charger = Charger()
    assert charger.method(1) == 1
    assert Charger.method(charger, 2) == 2
    assert charger.static_outside(3) == Charger.static_inside(3) == 3
    assert charger.class_outside(4) == Charger.class_inside(4) == (Charger, 4)
    assert outcomes(handler=f"{__name__}.Charger.method") == {"ok": 2}
    assert outcomes() == {"ok": 6}


def test_a_class_with_call_is_measured_by_its_own_name() -> None:
    handle = Multiplier(2)
    assert isinstance(handle, Multiplier)
    assert handle(4) == 8
    assert outcomes(handler=f"{__name__}.Multiplier") == {"ok": 1}


def test_objects_partials_and_builtins_are_callbacks() -> None:
    class Double:
        def __call__(self, event: int) -> int:
            return event * 2

    assert orders(Double())(4) == 8
    assert orders(functools.partial(max, 3))(2) == 3
    assert orders(len)([1]) == 1
    assert outcomes() == {"ok": 3}


def test_an_object_with_an_async_call_is_awaited() -> None:
    class Double:
        async def __call__(self, event: int) -> int:
            await asyncio.sleep(0.005)
            return event * 2

    handle = orders(Double())
    assert inspect.iscoroutinefunction(handle)
    assert asyncio.run(handle(4)) == 8
    assert (value("handler_duration_seconds_sum") or 0) > 0.004


def test_a_callback_that_returns_a_coroutine_is_measured_to_its_end() -> None:
    async def work(event: int) -> int:
        await asyncio.sleep(0.005)
        current_event().retried("busy")
        return event

    handle = orders(lambda event: work(event))

    async def consume() -> int:
        return await handle(4)

    assert asyncio.run(consume()) == 4
    assert outcomes() == {"retried": 1}
    assert (value("handler_duration_seconds_sum") or 0) > 0.004
    assert value("handler_in_progress") == 0


def test_a_coroutine_is_measured_while_it_waits() -> None:
    seen = []

    @orders
    async def handle(event: int) -> None:
        await asyncio.sleep(0.005)
        seen.append(value("handler_in_progress"))

    async def both() -> None:
        await asyncio.gather(handle(1), handle(2))

    asyncio.run(both())
    assert seen[0] == 2
    assert (value("handler_duration_seconds_sum") or 0) > 0.009
    assert outcomes() == {"ok": 2}


def test_tasks_side_by_side_speak_each_for_itself() -> None:
    @orders
    async def handle(outcome: str) -> None:
        await asyncio.sleep(0)
        getattr(current_event(), outcome)(outcome)

    async def all_of_them() -> None:
        await asyncio.gather(*map(handle, ["failed", "retried", "dropped"]))

    asyncio.run(all_of_them())
    assert reasons() == {"failed": 1, "retried": 1, "dropped": 1}


def test_a_cancelled_handler_failed_and_stays_cancelled() -> None:
    @orders
    async def handle() -> None:
        await asyncio.sleep(60)

    async def cancel() -> bool:
        task = asyncio.create_task(handle())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert asyncio.run(cancel())
    assert reasons() == {"CancelledError": 1}


def test_async_with_measures_too() -> None:
    async def handle() -> None:
        async with orders.event(count=2) as event:
            event.dropped("duplicate")

    asyncio.run(handle())
    assert outcomes() == {"dropped": 2}


def talk(event: Any) -> Iterator[Any]:
    """A generator that tells whatever happens to it."""
    heard = yield ("began", event)
    try:
        heard = yield ("heard", heard)
    except KeyError as error:
        heard = yield ("caught", error.args)
    return ("returned", heard)


def conversation(function: Any) -> list[Any]:
    told: list[Any] = []
    generator = function(1)
    told.append(next(generator))
    told.append(generator.send("a"))
    told.append(generator.throw(KeyError("b")))
    try:
        generator.send("c")
    except StopIteration as end:
        told.append(end.value)
    with pytest.raises(StopIteration):
        next(generator)
    return told


def test_a_generator_hears_and_tells_what_it_did_before() -> None:
    assert conversation(orders(talk)) == conversation(talk)
    assert outcomes() == {"ok": 1}


def test_a_generator_that_raises_failed() -> None:
    @orders
    def handle(event: int) -> Iterator[int]:
        yield event
        raise ValueError("no stock")

    generator = handle(1)
    assert next(generator) == 1
    with pytest.raises(ValueError, match="no stock"):
        next(generator)
    assert reasons() == {"ValueError": 1}


def test_what_is_thrown_into_a_generator_comes_out_of_it_as_it_is() -> None:
    generator = orders(talk)(1)
    next(generator)
    error = OSError("gone")
    with pytest.raises(OSError, match="gone") as raised:
        generator.throw(error)
    assert raised.value is error
    assert reasons() == {"OSError": 1}


def test_a_generator_that_is_closed_is_ok_and_cleans_up() -> None:
    cleaned = []

    @orders
    def handle(event: int) -> Iterator[int]:
        try:
            yield event
            yield event + 1
        finally:
            cleaned.append(event)

    generator = handle(1)
    next(generator)
    generator.close()
    assert cleaned == [1]
    assert outcomes() == {"ok": 1}


def test_a_generator_that_will_not_close_is_told_so_as_before() -> None:
    @orders
    def handle(event: int) -> Iterator[int]:
        try:
            yield event
        except GeneratorExit:
            yield event

    generator = handle(1)
    next(generator)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()


def test_a_generator_that_was_never_begun_counts_for_nothing() -> None:
    orders(talk)(1)
    gc.collect()
    assert outcomes() == {}


def test_a_generator_is_the_current_event_only_while_it_runs() -> None:
    @orders
    def handle(event: int) -> Iterator[int]:
        yield event
        current_event().retried("busy")

    with instrument("other", handler="around").event() as around:
        generator = handle(1)
        next(generator)
        assert current_event() is around
        assert list(generator) == []
        assert current_event() is around
    assert outcomes(destination="orders") == {"retried": 1}
    assert outcomes(destination="other") == {"ok": 1}


def test_a_generator_is_in_progress_between_its_steps() -> None:
    generator = orders(talk)(1)
    next(generator)
    assert value("handler_in_progress") == 1
    generator.close()
    assert value("handler_in_progress") == 0


async def atalk(event: Any) -> AsyncIterator[Any]:
    heard = yield ("began", event)
    try:
        heard = yield ("heard", heard)
    except KeyError as error:
        heard = yield ("caught", error.args)
    yield ("last", heard)


async def aconversation(function: Any) -> list[Any]:
    told: list[Any] = []
    generator = function(1)
    told.append(await anext(generator))
    told.append(await generator.asend("a"))
    told.append(await generator.athrow(KeyError("b")))
    told.append(await generator.asend("c"))
    told.extend([each async for each in generator])
    return told


def test_an_async_generator_hears_and_tells_what_it_did_before() -> None:
    assert asyncio.run(aconversation(orders(atalk))) == asyncio.run(aconversation(atalk))
    assert outcomes() == {"ok": 1}


def test_an_async_generator_that_is_closed_is_ok_and_cleans_up() -> None:
    cleaned = []

    @orders
    async def handle(event: int) -> AsyncIterator[int]:
        try:
            yield event
            yield event + 1
        finally:
            await asyncio.sleep(0)
            cleaned.append(event)

    async def close() -> None:
        generator = handle(1)
        await anext(generator)
        await generator.aclose()  # type: ignore[attr-defined]

    asyncio.run(close())
    assert cleaned == [1]
    assert outcomes() == {"ok": 1}


def test_an_async_generator_that_raises_failed() -> None:
    @orders
    async def handle(event: int) -> AsyncIterator[int]:
        yield event
        raise ValueError("no stock")

    async def read() -> None:
        with pytest.raises(ValueError, match="no stock"):
            async for _ in handle(1):
                pass

    asyncio.run(read())
    assert reasons() == {"ValueError": 1}


def test_an_event_that_ends_in_another_context_leaves_that_one_alone() -> None:
    event = orders.event()
    contextvars.copy_context().run(event.__enter__)
    with instrument("other", handler="around").event() as around:
        event.__exit__(None, None, None)
        assert current_event() is around
    assert outcomes() == {"ok": 2}


def test_a_traceback_still_ends_where_it_was_raised() -> None:
    @orders
    def handle(event: int) -> None:
        raise ValueError(event)

    with pytest.raises(ValueError, match="1") as raised:
        handle(1)
    assert raised.traceback[-1].name == "handle"
    assert raised.value.__context__ is None


def test_wrong_arguments_are_refused_as_before() -> None:
    with pytest.raises(TypeError, match="charge"):
        charge()  # type: ignore[call-arg]
