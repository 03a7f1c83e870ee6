"""What OpenTelemetry's own SDK and exporter send, in all their forms, is counted once and wholly."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.sdk.metrics import MeterProvider
from otlp_sender import handle, sdk

from collectors.handlers.otlp import Receiver
from collectors.handlers.otlp.answers import Answer, busy
from collectors.handlers.otlp.server import Request
from collectors.handlers.otlp.streams import START
from collectors.handlers.points import Distribution

pytestmark = pytest.mark.integration

NOW = 1e12
EVENTS, DURATION = "messaging_client_consumed_messages_total", "messaging_process_duration_seconds"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver("127.0.0.1:0", clock=lambda: NOW)
    yield made
    made.close()


@contextmanager
def sending(receiver: Receiver, **options: Any) -> Iterator[MeterProvider]:
    provider = sdk(f"http://{receiver.start()}", **options)
    try:
        yield provider
    finally:
        provider.shutdown()


def count(value: float | Distribution) -> float:
    return sum(value.counts) if isinstance(value, Distribution) else value


class Totals:
    """As the collector adds up: the last value of each series of each instance, of those that are gone too."""

    def __init__(self) -> None:
        self.last: dict[tuple[Any, ...], float] = {}

    def read(self, receiver: Receiver) -> dict[str, float]:
        for instance in receiver.instances(NOW):
            for point in instance.points:
                key = (instance.id, point.name, *sorted(point.labels.items()))
                assert count(point.value) >= self.last.get(key, 0), "no series begins anew"
                self.last[key] = count(point.value)
        totals: dict[str, float] = {}
        for key, value in self.last.items():
            totals[key[1]] = totals.get(key[1], 0) + value
        return totals


TEMPORALITIES = pytest.mark.parametrize("temporality", ["cumulative", "delta"])


@TEMPORALITIES
@pytest.mark.parametrize("compression", list(Compression)[:3:2], ids=str)
@pytest.mark.parametrize("exponential", [False, True], ids=["explicit", "exponential"])
def test_every_event_counts_once(
    receiver: Receiver, temporality: str, compression: Compression, exponential: bool
) -> None:
    totals = Totals()
    with sending(receiver, temporality=temporality, compression=compression, exponential=exponential) as provider:
        for number in (3, 4, 0, 5):
            handle(provider, [0.02] * number)
            handle(provider, [1.5] * number, "failed")
            provider.force_flush()
            read = totals.read(receiver)

    assert read == {EVENTS: 24, DURATION: 24}
    assert receiver.take_rejected() == []


def test_names_and_labels_are_those_that_prometheus_would_show(receiver: Receiver) -> None:
    with sending(receiver, compression=Compression.Gzip) as provider:
        handle(provider, [0.02])
        provider.force_flush()
        shown = {point.name: dict(point.labels) for one in receiver.instances(NOW) for point in one.points}

    assert all(labels.pop(START).isdigit() for labels in shown.values())
    labels = {
        "messaging_system": "kafka",
        "messaging_destination_name": "orders",
        "outcome": "ok",
        "service_name": "billing",
        "otel_scope_name": "messaging",
    }
    assert shown == {EVENTS: labels, DURATION: labels}


@TEMPORALITIES
def test_buckets_of_exponential_histograms_are_exact_while_their_scale_falls(
    receiver: Receiver, temporality: str
) -> None:
    rng, durations = random.Random(6), []
    with sending(receiver, temporality=temporality, exponential=True) as provider:
        for spread in (0.01, 0.1, 1, 2, 3):
            new = [rng.lognormvariate(-3, spread) for _ in range(400)]
            handle(provider, new)
            durations += new
            provider.force_flush()
        (found,) = (
            point.value
            for one in receiver.instances(NOW)
            for point in one.points
            if isinstance(point.value, Distribution)
        )

    expected = [0] * (len(found.bounds) + 1)
    for duration in durations:
        expected[sum(bound < duration for bound in found.bounds)] += 1
    assert found.counts == tuple(expected)
    assert found.sum == pytest.approx(sum(durations))


@contextmanager
def application(receiver: Receiver, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    script = Path(__file__).with_name("otlp_sender.py")
    command = [sys.executable, str(script), f"http://{receiver.start()}", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def export(process: subprocess.Popen[str], goes_on: bool = True) -> None:
    """Wait for an export, and let the application go on to its next round."""
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "exported\n"
    if goes_on:
        process.stdin.write("\n")
        process.stdin.flush()


@TEMPORALITIES
def test_an_application_that_is_killed_and_starts_again_goes_on_counting(receiver: Receiver, temporality: str) -> None:
    totals = Totals()
    for _ in range(2):
        with application(receiver, temporality, "2", "50") as process:
            export(process)
            totals.read(receiver)
            export(process, goes_on=False)
            process.kill()

    assert totals.read(receiver) == {EVENTS: 200, DURATION: 200}


@TEMPORALITIES
def test_two_processes_that_are_alike_in_all_attributes_both_count(receiver: Receiver, temporality: str) -> None:
    totals = Totals()
    with (
        application(receiver, temporality, "3", "10") as one,
        application(receiver, temporality, "3", "7") as other,
    ):
        for _ in range(3):
            for process in (one, other):
                export(process)
                totals.read(receiver)

    assert totals.read(receiver) == {EVENTS: 51, DURATION: 51}


class Busy(Receiver):
    """Answers 503 once: before it counts, or after, as when an answer is lost on its way."""

    def __init__(self, counts: bool) -> None:
        super().__init__("127.0.0.1:0", clock=lambda: NOW)
        self.counts = counts
        self.asked = 0

    def _take(self, request: Request) -> Answer:
        self.asked += 1
        if self.asked > 1:
            return super()._take(request)
        if self.counts:
            super()._take(request)
        raise busy("busy")


@TEMPORALITIES
@pytest.mark.parametrize("counts", [False, True], ids=["refused", "answer lost"])
def test_an_export_that_the_sdk_sends_again_counts_once(
    temporality: str, counts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    receiver = Busy(counts)
    with sending(receiver, temporality=temporality) as provider:
        handle(provider, [0.02] * 5)
        provider.force_flush()
        assert receiver.asked == 2
        assert Totals().read(receiver) == {EVENTS: 5, DURATION: 5}
    receiver.close()


def test_the_sdk_takes_a_partial_success_for_a_success(receiver: Receiver) -> None:
    with sending(receiver) as provider:
        gauge = provider.get_meter("m").create_gauge("depth")
        gauge.set(2, {"queue": "x" * 3000})
        gauge.set(1, {"queue": "orders"})
        assert provider.force_flush()

    assert Totals().read(receiver) == {"depth": 1}
    assert receiver.take_rejected() == [("depth of billing", "attributes of more than 2048 characters")]


def test_an_up_down_counter_is_a_gauge(receiver: Receiver) -> None:
    with sending(receiver) as provider:
        in_progress = provider.get_meter("m").create_up_down_counter("in_progress")
        in_progress.add(3)
        in_progress.add(-1)
        provider.force_flush()

    assert Totals().read(receiver) == {"in_progress": 2}
