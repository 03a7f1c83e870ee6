"""Frameworks look at a handler's signature and kind: they find what they would find without the line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Ignore
from faststream import Context
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker, TestKafkaBroker
from handled import outcomes, reasons, recorder, value  # noqa: F401

from collectors.handlers import instrument

billing = instrument("orders", group="billing")


@pytest.fixture
@billing
def opened(tmp_path: Any) -> Iterator[Any]:
    """A fixture that is a generator and asks for another."""
    yield tmp_path


def test_pytest_still_sees_a_fixture(opened: Any, tmp_path: Any) -> None:
    assert opened == tmp_path


def test_faststream_still_injects_and_validates() -> None:
    broker = KafkaBroker()
    seen: list[object] = []

    @broker.subscriber("orders", group_id="billing")
    @billing
    async def charge(number: int, topic: str = Context("message.raw_message.topic")) -> None:
        seen.append((number, topic))

    @broker.subscriber("others", group_id="billing")
    @billing
    def refuse(number: int) -> None:
        raise NackMessage

    async def publish() -> None:
        async with TestKafkaBroker(broker):
            await broker.publish("7", "orders")
            with pytest.raises(NackMessage):
                await broker.publish(8, "others")

    asyncio.run(publish())
    assert seen == [(7, "orders")]
    assert outcomes() == {"ok": 1, "retried": 1}
    assert reasons() == {"NackMessage": 1}


def make_app() -> Celery:
    app = Celery("shop", broker="memory://")
    app.conf.task_always_eager = True
    return app


def test_celery_still_refuses_wrong_arguments_before_it_sends() -> None:
    @make_app().task
    @billing
    def charge(event: int, currency: str) -> str:
        return f"{event} {currency}"

    with pytest.raises(TypeError, match="currency"):
        charge.delay(1)
    assert charge.delay(1, "EUR").get() == "1 EUR"
    assert charge.name.endswith("charge")
    assert outcomes() == {"ok": 1}


def test_a_task_of_celery_that_retries_is_retried_for_its_cause_and_then_ok() -> None:
    @make_app().task(bind=True, max_retries=2)
    @billing
    def charge(self: Any, event: int) -> int:
        if self.request.retries < 2:
            raise self.retry(exc=ConnectionError(), countdown=0)
        return event

    assert charge.delay(5).get() == 5
    assert outcomes() == {"ok": 1, "retried": 2}
    assert reasons() == {"ConnectionError": 2}


def test_a_task_of_celery_with_autoretry_names_the_classes() -> None:
    retrying = instrument("orders", retried_on=ConnectionError, timestamp=lambda event: event)

    @make_app().task(bind=True, autoretry_for=(ConnectionError,), retry_backoff=0, max_retries=1)
    @retrying
    def charge(self: Any, event: float) -> None:
        if self.request.retries == 0:
            raise ConnectionError

    charge.delay(5.0).get()
    assert outcomes() == {"ok": 1, "retried": 1}
    assert value("handler_queue_seconds_count") == 2


def test_a_task_of_celery_that_is_ignored_is_dropped() -> None:
    @make_app().task
    @billing
    def charge(event: int) -> None:
        raise Ignore

    charge.delay(1)
    assert outcomes() == {"dropped": 1}
