"""What a watched producer counts, and that it otherwise behaves as before. Outcomes come from librdkafka's own mock
cluster, or from fakes where a real client cannot be brought to it; the brokers are in tests/integration.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, SerializingProducer
from confluent_kafka.aio import AIOProducer
from counted import DEAD_LETTERS, FAILURES, PUBLISHED, Counts, counting

from collectors import metrics
from collectors.handlers.producers import dead_letter_sent, tally, watch_producer
from collectors.handlers.producers.rabbitmq import Confirms
from collectors.handlers.producers.tally import Destinations, Tally


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    return counting(monkeypatch)


@pytest.fixture
def failing_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(*_: Any) -> None:
        raise RuntimeError("the recorder is broken")

    monkeypatch.setattr(tally, "count", count)


def confluent(**settings: Any) -> Producer:
    dotted = {name.replace("__", "."): value for name, value in settings.items()}
    return Producer({"test.mock.num.brokers": 1, "log_level": 0, **dotted})


def unreachable(**settings: Any) -> Producer:
    return Producer({"bootstrap.servers": "127.0.0.1:1", "message.timeout.ms": 300, "log_level": 0, **settings})


def library(module: str, name: str, **members: Any) -> Any:
    """An object of a class that calls itself so."""
    return type(name, (), {"__module__": module, **members})()


def kafka_python(send: Callable[..., Any]) -> Any:
    return library("kafka.producer.kafka", "KafkaProducer", send=send)


# --- what it takes ---


def test_it_imports_no_client() -> None:
    code = (
        "import sys, collectors.handlers.producers\n"
        "clients = {'kafka', 'confluent_kafka', 'cimpl', 'aiokafka', 'pika', 'aio_pika', 'aiormq', 'pydantic'}\n"
        "sys.exit(str(clients & set(sys.modules)) if clients & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_object_is_refused_by_the_name_of_its_class_and_the_known_ones_are_named() -> None:
    with pytest.raises(TypeError, match=r"builtins\.dict is none of .*confluent_kafka Producer.*pika BlockingChannel"):
        watch_producer({})


def test_dead_letters_that_are_not_a_mapping_of_names_are_refused() -> None:
    with pytest.raises(TypeError, match="dead_letters maps destinations to their sources"):
        watch_producer(kafka_python(lambda *_: None), dead_letters={"orders.dlq": None})  # type: ignore[dict-item]


def test_the_counters_are_those_of_the_vocabulary() -> None:
    counters = (metrics.MESSAGES_PUBLISHED_TOTAL, metrics.PUBLISH_FAILURES_TOTAL, metrics.DEAD_LETTERS_SENT_TOTAL)

    assert [f"eda_{counter.name}" for counter in counters] == [PUBLISHED, FAILURES, DEAD_LETTERS]


def test_the_service_is_that_of_opentelemetry_unless_it_is_told(
    counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "billing")
    dead_letter_sent("orders.dlq")
    dead_letter_sent("orders.dlq", service="checkout")

    assert [labels[1] for labels in counts] == ["billing", "checkout"]


def test_without_one_it_is_the_name_of_the_program(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.setattr(sys, "argv", ["/srv/app/worker.py"])
    dead_letter_sent("orders.dlq")

    assert [labels[1] for labels in counts] == ["worker"]


# --- dead letters ---


def test_a_dead_letter_that_the_service_tells_of_counts(counts: Counts) -> None:
    dead_letter_sent("orders.dlq", "orders", "ValueError", service="s")

    assert counts == {(DEAD_LETTERS, "s", "orders.dlq", "orders", "ValueError"): 1}


def test_what_is_published_to_a_destination_of_dead_letters_counts_as_both(counts: Counts) -> None:
    producer = watch_producer(confluent(), "s", dead_letters={"orders.dlq": "orders"})
    producer.produce("orders.dlq", b"x")
    producer.produce("orders", b"x")
    producer.flush(10)

    assert counts == {
        (PUBLISHED, "s", "orders.dlq"): 1,
        (DEAD_LETTERS, "s", "orders.dlq", "orders", ""): 1,
        (PUBLISHED, "s", "orders"): 1,
    }


def test_a_dead_letter_that_cannot_be_published_is_a_failure_only(counts: Counts) -> None:
    producer = watch_producer(unreachable(), "s", dead_letters={"orders.dlq": "orders"})
    producer.produce("orders.dlq", b"x")
    producer.flush(10)

    assert counts == {(FAILURES, "s", "orders.dlq", "_MSG_TIMED_OUT"): 1}


# --- labels are bounded ---


def test_destinations_beyond_their_number_are_other(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "destinations", Destinations(2))
    one = Tally("s")
    for name in ("a", "b", "c", "a", "d"):
        one.published(name)

    assert counts == {(PUBLISHED, "s", "a"): 2, (PUBLISHED, "s", "b"): 1, (PUBLISHED, "s", "other"): 2}


@pytest.mark.parametrize("queue", ["amq.rabbitmq.reply-to.g1hkABC", "amq.gen-JzTY20BRgKO-HjmUJj0wLg"])
def test_queues_that_the_broker_named_are_one_destination(counts: Counts, queue: str) -> None:
    Tally("s").published(queue)

    assert [labels[2] for labels in counts] in (["amq.rabbitmq.reply-to"], ["amq.gen"])


# --- the producer stays as it was ---


@pytest.mark.usefixtures("failing_count")
def test_an_error_in_the_counting_reaches_nobody() -> None:
    outcomes: list[Any] = []
    producer = watch_producer(confluent())
    producer.produce("orders", b"x", on_delivery=lambda error, message: outcomes.append((error, message.value())))
    producer.flush(10)
    dead_letter_sent("orders.dlq")

    assert outcomes == [(None, b"x")]


def test_an_error_of_send_is_counted_and_raised_as_it_is(counts: Counts) -> None:
    error = ConnectionError("gone")

    def send(*_: Any) -> None:
        raise error

    with pytest.raises(ConnectionError) as raised:
        watch_producer(kafka_python(send), "s").send("orders", b"x")

    assert raised.value is error
    assert counts == {(FAILURES, "s", "orders", "ConnectionError"): 1}


def test_the_end_of_the_program_is_no_failure_of_the_message(counts: Counts) -> None:
    def send(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch_producer(kafka_python(send)).send("orders", b"x")

    assert counts == {}


def test_what_a_class_of_ones_own_returns_from_send_is_returned(counts: Counts) -> None:
    assert watch_producer(kafka_python(lambda *_: "sent")).send("orders") == "sent"
    assert counts == {}


def test_the_producer_that_is_returned_is_the_same_and_its_methods_look_the_same() -> None:
    def send(self: Any, topic: str, value: bytes | None = None) -> None:
        """Publish."""

    producer = kafka_python(send)
    cls = type(producer)
    watched = watch_producer(producer)

    assert watched is producer
    assert isinstance(watched, cls)
    assert repr(type(watched)) == repr(cls)
    assert list(inspect.signature(watched.send).parameters) == ["topic", "value"]
    assert watched.send.__doc__ == "Publish."


def test_a_producer_that_is_let_go_ends_at_once() -> None:
    """Clients close themselves then: a cycle would put it off until the garbage is collected."""
    producer = watch_producer(kafka_python(lambda *_: None))
    ended = weakref.ref(producer)
    gc.disable()
    try:
        del producer
        assert ended() is None
    finally:
        gc.enable()


def test_a_producer_that_is_watched_twice_counts_once(counts: Counts) -> None:
    producer = watch_producer(watch_producer(SerializingProducer({"test.mock.num.brokers": 1, "log_level": 0}), "s"))
    proxy = watch_producer(confluent(), "s")
    for one in (producer, watch_producer(proxy)):
        one.produce("orders", value=b"x")
        one.flush(10)

    assert watch_producer(proxy) is proxy
    assert counts == {(PUBLISHED, "s", "orders"): 2}


# --- confluent-kafka ---


def test_every_record_that_the_broker_took_counts(counts: Counts) -> None:
    producer = watch_producer(confluent(), "s")
    for number in range(1000):
        producer.produce("orders" if number % 4 else "payments", b"x")
    producer.flush(20)

    assert counts == {(PUBLISHED, "s", "orders"): 750, (PUBLISHED, "s", "payments"): 250}


def test_a_record_counts_when_its_outcome_is_known_and_not_before(counts: Counts) -> None:
    producer = watch_producer(confluent(linger__ms=60_000))
    producer.produce("orders", b"x")
    assert counts == {}

    producer.flush(10)
    assert len(counts) == 1


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("orders", b"x"), {"on_delivery": ...}),
        (("orders", b"x"), {"callback": ...}),
        (("orders", b"x", None, -1, ...), {}),
        ((), {"topic": "orders", "value": b"x", "on_delivery": ...}),
    ],
    ids=["on_delivery", "callback", "by position", "all by name"],
)
def test_the_callback_of_a_record_is_called_as_before(
    counts: Counts, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    outcomes: list[Any] = []

    def told(error: Any, message: Any) -> None:
        outcomes.append((error, message.value(), threading.get_ident()))

    producer = watch_producer(confluent(), "s")
    producer.produce(
        *(told if one is ... else one for one in args),
        **{name: told if one is ... else one for name, one in kwargs.items()},
    )
    producer.flush(10)

    assert outcomes == [(None, b"x", threading.get_ident())]
    assert counts == {(PUBLISHED, "s", "orders"): 1}


def test_an_error_of_the_callback_comes_out_of_poll_as_before(counts: Counts) -> None:
    def told(error: Any, message: Any) -> None:
        raise LookupError("mine")

    producer = watch_producer(confluent())
    producer.produce("orders", b"x", on_delivery=told)

    with pytest.raises(LookupError, match="mine"):
        producer.flush(10)
    assert len(counts) == 1


def test_the_on_delivery_of_the_configuration_is_still_called_where_a_record_has_none(counts: Counts) -> None:
    outcomes: list[bytes] = []
    seldom: list[bytes] = []
    producer = watch_producer(
        confluent(on_delivery=lambda error, message: outcomes.append(message.value()), error_cb=lambda error: None)
    )
    producer.produce("orders", b"1")
    producer.produce("orders", b"2", on_delivery=lambda error, message: seldom.append(message.value()))
    producer.produce_batch("orders", [{"value": b"3"}])
    producer.flush(10)

    assert (sorted(outcomes), seldom) == ([b"1", b"3"], [b"2"])
    assert sum(counts.values()) == 3


def test_so_it_is_for_a_class_made_of_the_producer(counts: Counts) -> None:
    outcomes: list[bytes] = []
    settings = {"test.mock.num.brokers": 1, "log_level": 0, "value.serializer": lambda value, _: value.encode()}
    producer = watch_producer(
        SerializingProducer({**settings, "on_delivery": lambda error, message: outcomes.append(message.value())}), "s"
    )
    producer.produce("orders", value="x")
    producer.flush(10)

    assert outcomes == [b"x"]
    assert counts == {(PUBLISHED, "s", "orders"): 1}


def test_other_callbacks_of_the_configuration_are_not_taken_for_it(counts: Counts) -> None:
    errors: list[Any] = []
    producer = watch_producer(confluent(error_cb=errors.append, stats_cb=errors.append))
    producer.produce("orders", b"x")
    producer.flush(10)

    assert errors == []
    assert len(counts) == 1


def test_where_they_cannot_be_told_apart_it_must_be_told(counts: Counts) -> None:
    outcomes: list[Any] = []

    def anything(*told: Any) -> None:
        outcomes.append(told)

    with pytest.raises(ValueError, match="on_delivery=…"):
        watch_producer(confluent(on_delivery=anything))

    producer = watch_producer(confluent(on_delivery=anything), on_delivery=anything)
    producer.produce("orders", b"x")
    producer.flush(10)
    assert len(outcomes) == len(counts) == 1


def test_a_class_of_ones_own_must_pass_on_delivery_on() -> None:
    class Mine(Producer):
        def produce(self, event: str) -> None:  # type: ignore[override]
            super().produce("orders", event)

    with pytest.raises(TypeError, match="Mine takes no on_delivery"):
        watch_producer(Mine({"test.mock.num.brokers": 1, "log_level": 0}))


def test_a_record_that_never_gets_to_a_broker_is_a_failure(counts: Counts) -> None:
    outcomes: list[str] = []
    producer = watch_producer(unreachable(), "s")
    for _ in range(5):
        producer.produce("orders", b"x", on_delivery=lambda error, message: outcomes.append(error.name()))
    producer.flush(10)

    assert counts == {(FAILURES, "s", "orders", "_MSG_TIMED_OUT"): 5}
    assert outcomes == ["_MSG_TIMED_OUT"] * 5


def test_a_record_that_is_too_large_is_a_failure_of_produce(counts: Counts) -> None:
    producer = watch_producer(confluent(message__max__bytes=1000), "s")

    with pytest.raises(KafkaException):
        producer.produce("orders", b"x" * 2000)
    producer.flush(10)
    assert counts == {(FAILURES, "s", "orders", "MSG_SIZE_TOO_LARGE"): 1}


def test_a_full_queue_is_a_failure_of_produce(counts: Counts) -> None:
    producer = watch_producer(unreachable(**{"queue.buffering.max.messages": 1}), "s")
    producer.produce("orders", b"x")

    with pytest.raises(BufferError):
        producer.produce("orders", b"x")
    producer.flush(10)
    assert counts == {(FAILURES, "s", "orders", "BufferError"): 1, (FAILURES, "s", "orders", "_MSG_TIMED_OUT"): 1}


def test_records_that_are_purged_are_failures(counts: Counts) -> None:
    producer = watch_producer(confluent(linger__ms=60_000), "s")
    producer.produce("orders", b"x")
    producer.purge()
    producer.flush(10)

    assert counts == {(FAILURES, "s", "orders", "_PURGE_QUEUE"): 1}


def test_records_of_a_batch_count_each_and_their_messages_are_left_as_the_client_leaves_them(counts: Counts) -> None:
    outcomes: list[Any] = []

    def told(error: Any, message: Any) -> None:
        outcomes.append(message.value())

    messages: list[dict[str, Any]] = [{"value": b"1"}, {"value": b"2" * 2000}, {"value": b"3", "callback": told}]
    producer = watch_producer(confluent(message__max__bytes=1000), "s")
    taken = producer.produce_batch("orders", messages, on_delivery=told)
    producer.flush(10)

    assert taken == 2
    assert sorted(outcomes) == [b"1", b"3"]
    assert [sorted(message) for message in messages] == [["value"], ["_error", "value"], ["callback", "value"]]
    assert messages[2]["callback"] is told
    assert isinstance(messages[1]["_error"], KafkaError)
    assert counts == {(PUBLISHED, "s", "orders"): 2, (FAILURES, "s", "orders", "MSG_SIZE_TOO_LARGE"): 1}


def test_a_batch_that_is_refused_is_refused_as_before() -> None:
    producer = watch_producer(confluent())

    with pytest.raises(TypeError, match="messages must be a list"):
        producer.produce_batch("orders", ({"value": b"x"},))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a dict"):
        producer.produce_batch("orders", [b"x"])  # type: ignore[list-item]


def test_the_proxy_has_the_interface_of_the_producer() -> None:
    plain = confluent(linger__ms=60_000)
    with watch_producer(plain) as producer:
        producer.produce("orders", b"x")

        assert isinstance(producer, Producer)
        assert set(dir(plain)) <= set(dir(producer))
        assert len(producer) == len(plain) == 1
        assert producer
        assert producer.list_topics(timeout=10).brokers
        assert repr(producer) == repr(plain)
        assert producer.flush(10) == 0
    with pytest.raises(RuntimeError):
        producer.poll(0)


async def aio_outcomes(counts: Counts, sizes: list[int]) -> list[Any]:
    producer = watch_producer(
        AIOProducer({"test.mock.num.brokers": 1, "log_level": 0, "message.max.bytes": 1000}, buffer_timeout=0.1), "s"
    )
    futures = [await producer.produce("orders", b"x" * size) for size in sizes]
    await producer.flush()
    outcomes = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 10)
    await producer.close()
    return outcomes


def test_the_asynchronous_producer_counts_by_its_futures(counts: Counts) -> None:
    outcomes = asyncio.run(aio_outcomes(counts, [1, 2000, 1]))

    assert [isinstance(outcome, KafkaException) for outcome in outcomes] == [False, True, False]
    assert counts == {(PUBLISHED, "s", "orders"): 2, (FAILURES, "s", "orders", "MSG_SIZE_TOO_LARGE"): 1}


# --- futures of asyncio ---


def aiokafka(future: asyncio.Future[Any]) -> Any:
    """A producer whose next send() gives the future, and then keeps nothing of it."""
    futures = [future]

    async def send(self: Any, topic: str) -> asyncio.Future[Any]:
        return futures.pop()

    return library("aiokafka.producer.producer", "AIOKafkaProducer", send=send, send_batch=send)


def test_a_failure_that_nobody_looks_at_is_still_told_by_asyncio(counts: Counts) -> None:
    warned: list[str] = []

    async def fail() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: warned.append(context["message"]))
        future = loop.create_future()
        await watch_producer(aiokafka(future), "s").send("orders")
        future.set_exception(OSError("gone"))
        await asyncio.sleep(0)
        del future
        gc.collect()

    asyncio.run(fail())

    assert counts == {(FAILURES, "s", "orders", "OSError"): 1}
    assert warned == ["Future exception was never retrieved"]


def test_a_future_that_is_cancelled_is_a_failure(counts: Counts) -> None:
    async def cancel() -> None:
        future = asyncio.get_running_loop().create_future()
        await watch_producer(aiokafka(future), "s").send("orders")
        future.cancel()
        await asyncio.sleep(0)

    asyncio.run(cancel())

    assert counts == {(FAILURES, "s", "orders", "CancelledError"): 1}


# --- confirms of RabbitMQ ---


@pytest.fixture
def confirms(counts: Counts) -> Iterator[Confirms]:
    yield Confirms(Tally("s"), enabled=True)


def answer(name: str, tag: int, multiple: bool = False) -> Any:
    return SimpleNamespace(method=SimpleNamespace(NAME=f"Basic.{name}", delivery_tag=tag, multiple=multiple))


def returned(exchange: str, routing_key: str) -> Any:
    return SimpleNamespace(exchange=exchange, routing_key=routing_key, reply_text="NO_ROUTE")


def test_an_answer_to_many_counts_all_up_to_its_tag(confirms: Confirms, counts: Counts) -> None:
    for queue in ("a", "b", "c", "d"):
        confirms.sent("", queue, False)
    confirms.on_answer(answer("Ack", 2))
    confirms.on_answer(answer("Nack", 3, multiple=True))

    assert counts == {(PUBLISHED, "s", "b"): 1, (FAILURES, "s", "a", "NACK"): 1, (FAILURES, "s", "c", "NACK"): 1}


def test_of_messages_alike_as_many_fail_as_came_back(confirms: Confirms, counts: Counts) -> None:
    for mandatory in (True, True, False):
        confirms.sent("orders", "new", mandatory)
    confirms.on_return(None, returned("orders", "new"), None, b"")
    confirms.on_answer(answer("Ack", 3, multiple=True))

    assert counts == {(FAILURES, "s", "orders", "NO_ROUTE"): 1, (PUBLISHED, "s", "orders"): 2}


def test_what_was_not_confirmed_when_the_channel_closed_is_a_failure(confirms: Confirms, counts: Counts) -> None:
    confirms.sent("", "a", False)
    confirms.sent("", "a", False)
    confirms.on_answer(answer("Ack", 1))
    confirms.on_close(None, ConnectionError("gone"))

    assert counts == {(PUBLISHED, "s", "a"): 1, (FAILURES, "s", "a", "ConnectionError"): 1}


def test_an_answer_to_an_unknown_message_counts_nothing(confirms: Confirms, counts: Counts) -> None:
    confirms.on_answer(answer("Ack", 7))

    assert counts == {}
