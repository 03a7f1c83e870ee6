"""What is counted of a call: outcome, duration, age, progress; and what a handler may say about it."""

from __future__ import annotations

import datetime
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from handled import outcomes, reasons, recorder, samples, value  # noqa: F401
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from collectors.handlers import FAMILIES, count, current_event, instrument
from collectors.handlers.geometry import BOUNDS
from collectors.handlers.recorder import layout
from collectors.handlers.recorder.process import REASONS, RECORDER
from collectors.metrics import METRICS

ROOT = Path(__file__).parent.parent


def make_error(module: str, name: str, **attributes: object) -> Exception:
    """An exception of a framework that is not imported here."""
    error: Exception = type(name, (Exception,), {"__module__": module})()
    vars(error).update(attributes)
    return error


def raise_(error: BaseException) -> None:
    raise error


def test_names_labels_and_help_are_those_of_the_vocabulary() -> None:
    own = {layout.START.name, layout.ERRORS_TOTAL}
    told = {family.name: family for family in FAMILIES.describe()}
    for name in (layout.DURATION, layout.QUEUE_TIME, layout.EVENTS_TOTAL, layout.IN_PROGRESS_NOW,
                 layout.IN_PROGRESS_SINCE, layout.LAST_SUCCESS_AT, *layout.COUNTERS.values()):  # fmt: skip
        if name.name not in own:
            metric = METRICS[name.name.removeprefix("eda_")]
            assert name == (metric.exposed_name, metric.kind, metric.help, metric.labels)
            assert told[name.name.removesuffix("_total")].documentation == metric.help


def test_a_handler_is_known_by_service_qualified_name_destination_and_group() -> None:
    @instrument("orders", group="billing")
    def charge(event: object) -> None: ...

    charge(1)
    name = "test_recorder.test_a_handler_is_known_by_service_qualified_name_destination_and_group.<locals>.charge"
    labels = {"service": "shop", "handler": name, "destination": "orders", "group": "billing"}
    assert value("handler_events_total", **labels, outcome="ok") == 1


def test_a_handler_that_was_not_called_yet_counts_zero() -> None:
    instrument("orders")(lambda event: None)
    assert value("handler_events_total", destination="orders") == 0
    assert value("handler_duration_seconds_count", destination="orders", outcome="ok") == 0
    assert value("handler_last_success_timestamp_seconds", destination="orders") is None


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (ValueError(), "failed", "ValueError"),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt"),
        (SystemExit(0), "failed", "SystemExit"),
        (GeneratorExit(), "failed", "GeneratorExit"),
        (TimeoutError(), "retried", "TimeoutError"),
        (LookupError(), "dropped", "LookupError"),
        (KeyError(), "dropped", "KeyError"),
        (UnicodeError(), "dead_lettered", "UnicodeError"),
        (make_error("celery.exceptions", "Retry", exc=OSError()), "retried", "OSError"),
        (make_error("celery.exceptions", "Retry", exc=None), "retried", "Retry"),
        (make_error("celery.exceptions", "Ignore"), "dropped", "Ignore"),
        (make_error("celery.exceptions", "Reject", requeue=False), "dead_lettered", "Reject"),
        (make_error("celery.exceptions", "Reject", requeue=True), "retried", "Reject"),
        (make_error("faststream.exceptions", "NackMessage"), "retried", "NackMessage"),
        (make_error("faststream.exceptions", "RejectMessage"), "dead_lettered", "RejectMessage"),
        (make_error("faststream.exceptions", "SkipMessage"), "dropped", "SkipMessage"),
        (make_error("dramatiq.errors", "Retry"), "retried", "Retry"),
        (make_error("shop.errors", "Retry"), "failed", "Retry"),
    ],
)
def test_an_exception_says_the_outcome_and_passes(error: BaseException, outcome: str, reason: str) -> None:
    orders = instrument(
        "orders", retried_on=TimeoutError, dropped_on=(LookupError, EOFError), dead_lettered_on=UnicodeError
    )
    with pytest.raises(type(error)) as raised:
        orders(raise_)(error)
    assert raised.value is error
    assert outcomes(destination="orders") == {outcome: 1}
    assert reasons(destination="orders") == {reason: 1}
    assert value("handler_duration_seconds_count", outcome=outcome) == 1


def test_acknowledged_by_an_exception_is_ok() -> None:
    error = make_error("faststream.exceptions", "AckMessage")
    with pytest.raises(type(error)):
        instrument("orders")(raise_)(error)
    assert outcomes() == {"ok": 1}
    assert reasons() == {}


@pytest.mark.parametrize("outcome", ["failed", "retried", "dead_lettered", "dropped"])
def test_what_the_handler_says_is_the_outcome(outcome: str) -> None:
    @instrument("orders")
    def handle(event: object) -> str:
        getattr(current_event(), outcome)("no stock")
        return "done"

    assert handle(1) == "done"
    assert outcomes() == {outcome: 1}
    assert reasons() == {"no stock": 1}


def test_what_the_handler_says_counts_before_what_it_raises() -> None:
    with pytest.raises(ValueError, match="later"), instrument("orders").event() as event:
        event.retried()
        raise ValueError("later")
    assert outcomes() == {"retried": 1}
    assert reasons() == {"retried": 1}


def test_outside_of_a_handler_nothing_is_said() -> None:
    current_event().failed("nobody hears it")
    with current_event() as event:
        event.dropped()
    assert outcomes() == {}


def test_the_current_event_is_the_innermost_one() -> None:
    with instrument("a", handler="outer").event() as outer:
        with instrument("b", handler="inner").event() as inner:
            assert current_event() is inner
        assert current_event() is outer


def test_a_batch_is_one_call_of_many_events() -> None:
    @instrument("orders", count=len)
    def handle(events: list[int]) -> None: ...

    handle([1, 2, 3])
    assert outcomes() == {"ok": 3}
    assert value("handler_duration_seconds_count") == 1


def test_a_part_of_a_batch_may_fail() -> None:
    with instrument("orders").event(count=10) as event:
        event.failed("no stock", events=2)
        event.retried("busy", events=3)
    assert outcomes() == {"ok": 5, "failed": 2, "retried": 3}
    assert reasons() == {"no stock": 2, "busy": 3}
    assert value("handler_duration_seconds_count", outcome="ok") == 1


def test_of_a_batch_no_more_is_told_than_there_was() -> None:
    with instrument("orders").event(count=2) as event:
        event.failed("no stock", events=5)
        event.retried("busy", events=-1)
    assert outcomes() == {"failed": 2}


def test_the_duration_falls_into_the_bucket_whose_bound_it_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, BOUNDS[4], 0.0, BOUNDS[4] * 1.0001, 0.0, 4000.0])
    monkeypatch.setattr("collectors.handlers.recorder.event.perf_counter", lambda: next(clock))
    for _ in range(3):
        with instrument("orders", handler="h").event():
            pass
    buckets = {
        sample.labels["le"]: sample.value
        for sample in samples(all_bounds=True)
        if sample.name == "eda_handler_duration_seconds_bucket"
    }
    assert [float(bound) for bound in buckets if bound != "+Inf"] == list(BOUNDS)
    cumulative = list(buckets.values())
    assert cumulative[3:6] == [0, 1, 2]
    assert cumulative[-2:] == [2, 3]
    assert value("handler_duration_seconds_sum") == pytest.approx(BOUNDS[4] * 2.0001 + 4000)


def test_every_second_bound_is_exposed() -> None:
    with instrument("orders").event():
        pass
    bounds = [s.labels["le"] for s in samples() if s.name == "eda_handler_duration_seconds_bucket"]
    assert bounds == [*map(str, BOUNDS[::2]), "+Inf"]


NOW = 1_750_000_000.0


@pytest.mark.parametrize(
    ("written", "age"),
    [
        (NOW - 3, 3.0),
        (int(NOW) - 3, 3.0),
        (datetime.datetime.fromtimestamp(NOW - 3, datetime.UTC), 3.0),
        (NOW + 5, 0.0),
    ],
)
def test_time_in_queue_is_never_negative(written: object, age: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.handlers.recorder.event.time", lambda: NOW)
    instrument("orders", timestamp=lambda event: written)(lambda event: None)(1)
    assert value("handler_queue_seconds_sum") == age
    assert value("handler_queue_seconds_count") == 1


@pytest.mark.parametrize("unknown", [None, -1, 0])
def test_an_unknown_timestamp_is_no_time_in_queue(unknown: object) -> None:
    instrument("orders", timestamp=lambda event: unknown)(lambda event: None)(1)
    assert value("handler_queue_seconds_count") is None
    assert value("recorder_errors_total") is None


@pytest.mark.parametrize(
    "call", [lambda h: h("chan", "event"), lambda h: h("chan", body="event"), lambda h: h(channel="chan", body="event")]
)
def test_the_event_is_the_argument_that_is_named(call: Callable[[Callable[..., None]], None]) -> None:
    seen: list[object] = []

    @instrument("orders", count=lambda event: seen.append(event) or 1, argument="body")
    def on_message(channel: str, body: str) -> None: ...

    call(on_message)
    assert seen == ["event"]


def test_an_argument_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(TypeError, match=r"has no argument 'body'; it has \['event'\]"):

        @instrument("orders", count=len, argument="body")
        def handle(event: object) -> None: ...


@pytest.mark.parametrize("nonsense", [{"retried_on": "ValueError"}, {"dropped_on": (1,)}, {"dead_lettered_on": int}])
def test_what_is_no_exception_class_is_told_at_once(nonsense: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="takes classes of exceptions"):
        instrument("orders", **nonsense)  # type: ignore[arg-type]


@pytest.mark.parametrize("thing", [3, "text", type("Plain", (), {})])
def test_what_cannot_be_called_cannot_be_instrumented(thing: object) -> None:
    with pytest.raises(TypeError, match="cannot be called"):
        instrument("orders")(thing)


def test_calls_in_progress_and_since_when_the_longest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 101.0, 102.0])
    monkeypatch.setattr("collectors.handlers.recorder.event.time", lambda: next(clock))
    orders = instrument("orders", handler="h")
    seen = []

    def note() -> None:
        seen.append((value("handler_in_progress"), value("handler_in_progress_since_timestamp_seconds")))

    first, second = orders.event(), orders.event()
    with first:
        note()
        second.__enter__()
        note()
    note()
    second.__exit__(None, None, None)
    note()
    assert seen == [(1, 100), (2, 100), (1, 101), (0, None)]


def test_the_last_success_is_that_of_the_last_call_that_was_ok() -> None:
    before = time.time()
    orders = instrument("orders", handler="h")
    with orders.event():
        pass
    at = value("handler_last_success_timestamp_seconds")
    with orders.event() as event:
        event.failed()
    assert before <= (at or 0) <= time.time()
    assert value("handler_last_success_timestamp_seconds") == at


def test_reasons_are_bounded_and_the_rest_is_other() -> None:
    for number in range(REASONS + 30):
        with instrument("orders", handler="h").event() as event:
            event.failed(f"order {number}")
    found = reasons()
    assert len(found) == REASONS + 1
    assert found["other"] == 30
    assert sum(found.values()) == REASONS + 30


def test_reasons_of_one_handler_leave_those_of_another_alone() -> None:
    for number in range(REASONS + 30):
        with instrument("orders", handler="noisy").event() as event:
            event.failed(f"order {number}")
    with instrument("orders", handler="quiet").event() as event:
        event.failed("no stock")
    assert reasons(handler="quiet") == {"no stock": 1}


@pytest.mark.parametrize("hostile", ['a"b\\c\nd', "\ud800", "\0", "é😀", "x" * 5000, "{}", "a,b=c", "\r\n", ""])
def test_any_text_survives_as_a_label(hostile: str) -> None:
    with instrument(hostile, group=hostile, handler=hostile, service=hostile).event() as event:
        event.failed(hostile)
    registry = CollectorRegistry()
    registry.register(FAMILIES)
    page = generate_latest(registry).decode()
    [found] = [
        sample
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "eda_handler_failures_total"
    ]
    kept = hostile[:1000].replace("\ud800", "?")
    assert found.labels["destination"] == found.labels["handler"] == kept
    assert found.labels["reason"] == (kept[:120] or "failed")


def test_a_label_that_is_no_text_becomes_one() -> None:
    with instrument(42, group=None).event():  # type: ignore[arg-type]
        pass
    assert outcomes(destination="42", group="None") == {"ok": 1}


class BadError(Exception):
    """An exception that cannot even be told."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class BadNumber:
    def __float__(self) -> float:
        raise BadError


@pytest.mark.parametrize(
    "faulty",
    [
        {"timestamp": lambda event: 1 / 0},
        {"timestamp": lambda event: "yesterday"},
        {"timestamp": lambda event: 1.7e12},
        {"timestamp": lambda event: BadNumber()},
        {"timestamp": lambda event: raise_(BadError())},
        {"count": lambda event: "many"},
        {"count": len},
    ],
)
def test_a_fault_of_the_instrumentation_is_counted_and_told_once(
    faulty: dict[str, Callable[[object], object]], caplog: pytest.LogCaptureFixture
) -> None:
    handle = instrument("orders", **faulty)(lambda event: "done")  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        assert [handle(1), handle(2)] == ["done", "done"]
    assert value("recorder_errors_total") == 2
    assert len(caplog.records) == 1
    assert outcomes() == {"ok": 2}


def test_a_reason_that_cannot_be_told_is_swallowed() -> None:
    with instrument("orders").event() as event:
        event.failed(BadError())
    assert outcomes() == {"ok": 1}
    assert value("recorder_errors_total", reason="RuntimeError") == 1


def test_counting_that_breaks_leaves_the_handler_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = instrument("orders")(lambda event: event)
    monkeypatch.setattr("collectors.handlers.recorder.layout.HANDLER_SLOTS", "many")
    assert handle(7) == 7
    monkeypatch.undo()
    assert value("recorder_errors_total", reason="TypeError") == 1


class TimeLimitError(Exception):
    """As a signal handler raises it, wherever the process stands."""


@pytest.mark.parametrize("where", ["time", "perf_counter", "bisect_left"])
def test_what_a_signal_handler_raises_amid_a_recording_passes(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = instrument("orders", handler="h")

    def signalled(*args: object) -> float:
        raise TimeLimitError

    def handle(event: object) -> None:
        monkeypatch.setattr(f"collectors.handlers.recorder.event.{where}", signalled)

    if where == "time":
        handle(None)
    with pytest.raises(TimeLimitError):
        orders(handle)(1)
    monkeypatch.undo()
    assert value("handler_in_progress") == 0
    assert value("handler_in_progress_since_timestamp_seconds") is None
    with orders.event():
        assert value("handler_in_progress") == 1


@pytest.mark.parametrize("nonsense", ["many", -3, None])
def test_a_number_of_events_that_is_none_is_no_harm(nonsense: object) -> None:
    with instrument("orders").event(count=nonsense):  # type: ignore[arg-type]
        pass
    assert (value("handler_events_total") or 0) >= 0
    assert value("handler_duration_seconds_count") == 1


def test_a_handler_may_call_itself() -> None:
    @instrument("orders")
    def handle(depth: int) -> int:
        return depth if depth == 0 else 1 + handle(depth - 1)

    assert handle(5) == 5
    assert outcomes() == {"ok": 6}
    assert value("handler_in_progress") == 0


def test_a_signal_handler_may_record_in_the_middle_of_a_recording() -> None:
    orders = instrument("orders", handler="h")

    def interrupt(number: int, frame: object) -> None:
        with orders.event() as event:
            event.failed("signal")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
    try:
        for _ in range(30_000):
            with orders.event():
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    found = outcomes()
    assert found["ok"] == 30_000
    assert found["failed"] == reasons()["signal"] > 0
    assert value("handler_in_progress") == 0


def test_threads_lose_no_count() -> None:
    orders = instrument("orders", handler="h")

    def work() -> None:
        for number in range(2_000):
            with orders.event() as event:
                if number % 2:
                    event.failed("odd")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert outcomes() == {"ok": 4_000, "failed": 4_000}
    assert reasons() == {"odd": 4_000}
    assert value("handler_duration_seconds_count") == 8_000
    assert value("handler_in_progress") == 0


def test_a_counter_of_the_vocabulary_takes_its_labels_in_order() -> None:
    count("eda_publish_failures_total", ("shop", "orders", "Timeout"), 2)
    count("eda_publish_failures_total", ("shop", "orders", "Timeout"))
    assert value("publish_failures_total", service="shop", destination="orders", reason="Timeout") == 3


@pytest.mark.parametrize(
    ("metric", "labels"),
    [("eda_unheard_of_total", ("a",)), ("eda_publish_failures_total", ("a",)), ("eda_publish_failures_total", [1])],
)
def test_a_counter_that_does_not_fit_is_swallowed(metric: str, labels: tuple[str, ...]) -> None:
    count(metric, labels)
    assert value("recorder_errors_total") == 1


def test_reasons_of_any_counter_are_bounded() -> None:
    for number in range(REASONS + 5):
        count("eda_dead_letters_sent_total", ("shop", "orders.dlq", "orders", f"order {number}"))
    assert value("dead_letters_sent_total", reason="other") == 5


def test_an_app_that_exposes_its_metrics_exposes_these() -> None:
    with instrument("orders", handler="h").event():
        pass
    page = generate_latest(REGISTRY).decode()
    assert 'eda_handler_events_total{destination="orders",group="",handler="h",outcome="ok",service="shop"} 1.0' in page


def test_when_counting_began_is_told() -> None:
    assert value("recorder_start_timestamp_seconds") == RECORDER.started <= time.time()


def test_the_handler_around_a_context_manager_gives_its_name() -> None:
    orders = instrument("orders")

    def consume() -> None:
        with orders.event():
            pass

    consume()
    [name] = {s.labels["handler"] for s in samples() if s.name == "eda_handler_events_total"}
    assert name.endswith("<locals>.consume")


LIGHT = """
import sys
{first}
known = set(sys.modules)
import collectors.handlers
foreign = {{name.partition(".")[0] for name in set(sys.modules) - known}} - set(sys.stdlib_module_names)
print(sorted(foreign))
"""


def test_only_prometheus_client_is_imported() -> None:
    code = LIGHT.format(first="import prometheus_client")
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "['collectors', 'prometheus_client']"


def test_what_is_not_there_is_told_as_usual() -> None:
    import collectors.handlers as door

    with pytest.raises(AttributeError, match="no attribute 'unheard_of'"):
        _ = door.unheard_of


def test_an_event_is_picked_past_self() -> None:
    class Consumer:
        @instrument("orders", timestamp=lambda event: event.written)
        def handle(self, event: SimpleNamespace) -> None: ...

    Consumer().handle(SimpleNamespace(written=5.0))
    assert value("handler_queue_seconds_count") == 1
