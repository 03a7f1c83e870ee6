"""OTLP without a network: names, what fits, folding, streams, decoding within bounds."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Iterable
from typing import Any

import pytest
from exports import (
    BEGAN,
    DELTA,
    LATER,
    SECOND,
    attributes,
    block,
    buckets,
    counter,
    gauge,
    histogram,
    number,
    request,
)
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp

from collectors.handlers import geometry
from collectors.handlers.otlp import decode, weight
from collectors.handlers.otlp.answers import JSON, PROTOBUF, Media, RefusedError, status_body
from collectors.handlers.otlp.arrivals import MOST_LABEL_TEXT, MOST_PARTS, Arrival, Batch, Refusal, source_of
from collectors.handlers.otlp.folding import Exponential, bounds_of, folded
from collectors.handlers.otlp.names import label_name, labels_of, metric_name
from collectors.handlers.otlp.streams import LIFETIME_SECONDS, REMEMBERED, START, Instance, Limits, Streams
from collectors.handlers.points import Distribution, Point

NOW = 1_700_000_100.0


# Names


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("messaging.process.duration", "s", "histogram", "messaging_process_duration_seconds"),
        ("messaging.client.operation.duration", "s", "histogram", "messaging_client_operation_duration_seconds"),
        ("messaging.client.consumed.messages", "{message}", "counter", "messaging_client_consumed_messages_total"),
        ("messaging.process.messages", "message", "counter", "messaging_process_messages_message_total"),
        ("flower.task.runtime.seconds", "seconds", "histogram", "flower_task_runtime_seconds"),
        ("message.duration", "ms", "histogram", "message_duration_milliseconds"),
        ("task_total", "", "counter", "task_total"),
        ("total.tasks", "", "counter", "tasks_total"),
        ("body.size", "By", "histogram", "body_size_bytes"),
        ("throughput", "By/s", "gauge", "throughput_bytes_per_second"),
        ("runs", "/min", "gauge", "runs_per_min"),
        ("load", "1", "gauge", "load_ratio"),
        ("tries", "1", "counter", "tries_total"),
        ("cpu", "%", "gauge", "cpu_percent"),
        ("a..b--c", "", "gauge", "a_b_c"),
        ("2fast", "", "gauge", "_2fast"),
        ("ns:depth", "", "gauge", "ns:depth"),
        ("eda_handler_duration_seconds", "s", "histogram", "eda_handler_duration_seconds"),
        ("eda_handler_events_total", "{event}", "counter", "eda_handler_events_total"),
    ],
)
def test_names_become_those_of_prometheus(name: str, unit: str, kind: Any, expected: str) -> None:
    assert metric_name(name, unit, kind) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("messaging.destination.name", "messaging_destination_name"),
        ("error.type", "error_type"),
        ("a..b", "a_b"),
        ("9lives", "key_9lives"),
        ("_private", "key_private"),
        ("", "key_"),
    ],
)
def test_keys_become_labels(key: str, expected: str) -> None:
    assert label_name(key) == expected


def test_values_of_keys_that_become_one_label_are_joined_in_the_order_of_the_keys() -> None:
    assert labels_of(attributes({"a_b": "2", "a.b": "1"})) == {"a_b": "1;2"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (AnyValue(string_value="x"), "x"),
        (AnyValue(bool_value=True), "true"),
        (AnyValue(int_value=7), "7"),
        (AnyValue(double_value=0.5), "0.5"),
        (AnyValue(bytes_value=b"\x00\xff"), "AP8="),
        (AnyValue(), ""),
        (AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue(string_value="é")])), '[1, "é"]'),
        (
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(bool_value=False))])),
            '{"k": false}',
        ),
    ],
)
def test_a_value_that_is_no_text_becomes_one(value: AnyValue, text: str) -> None:
    assert labels_of(attributes({"key": value})) == {"key": text}


# What arrives


def arriving(*metrics: otlp.Metric, **about: Any) -> list[Arrival]:
    batch = Batch(block(*metrics, **about))
    found = list(batch.arrivals())
    assert batch.refusals == []
    return found


def refused(*metrics: otlp.Metric) -> list[tuple[str, int]]:
    batch = Batch(block(*metrics))
    list(batch.arrivals())
    return [(one.reason, one.points) for one in batch.refusals]


def exponential(*points: otlp.ExponentialHistogramDataPoint, unit: str = "s") -> otlp.Metric:
    data = otlp.ExponentialHistogram(data_points=points, aggregation_temporality=DELTA)
    return otlp.Metric(name="duration", unit=unit, exponential_histogram=data)


def exponential_point(**fields: Any) -> otlp.ExponentialHistogramDataPoint:
    positive = otlp.ExponentialHistogramDataPoint.Buckets(offset=0, bucket_counts=[1, 2])
    defaults = {"time_unix_nano": LATER, "scale": 3, "count": 3, "sum": 3.5, "positive": positive}
    return otlp.ExponentialHistogramDataPoint(**defaults | fields)


def test_a_monotonic_sum_is_a_counter_from_its_start() -> None:
    (arrival,) = arriving(counter(number(3)))

    assert (arrival.name, arrival.temporality, arrival.value) == ("orders_total", "cumulative", 3.0)
    assert (arrival.start, arrival.time) == (BEGAN, LATER)


def test_a_sum_that_may_fall_is_a_gauge() -> None:
    (arrival,) = arriving(counter(number(-3), monotonic=False))

    assert (arrival.name, arrival.temporality, arrival.value) == ("orders", "gauge", -3.0)


def test_a_whole_number_is_a_value_too() -> None:
    (arrival,) = arriving(gauge(otlp.NumberDataPoint(time_unix_nano=LATER, as_int=7)))

    assert arrival.value == 7.0


def test_a_histogram_keeps_its_bounds_and_buckets() -> None:
    (arrival,) = arriving(histogram(buckets((1, 2, 3))))

    assert (arrival.name, arrival.value) == ("duration_seconds", Distribution((0.1, 1.0), (1, 2, 3), 4.5))


def test_a_histogram_without_bounds_is_one_bucket() -> None:
    (arrival,) = arriving(histogram(buckets((), (), count=3)))

    assert arrival.value == Distribution((), (3,), 4.5)


def test_the_service_of_the_resource_is_a_label_unless_the_point_has_one() -> None:
    own, other = arriving(gauge(number(1), number(1, service_name="x")), resource={"service.name": "billing"})

    assert (own.labels, other.labels) == ((("service_name", "billing"),), (("service_name", "x"),))


def test_the_same_name_in_two_scopes_is_two_series() -> None:
    (one,), (other,) = (arriving(gauge(number(1)), resource={}, scope=scope) for scope in ("a", "b"))

    assert (one.labels, other.labels) == ((("otel_scope_name", "a"),), (("otel_scope_name", "b"),))


def test_a_point_without_recorded_value_says_that_its_series_ended() -> None:
    (arrival,) = arriving(counter(number(math.nan, flags=1)))

    assert arrival.value is None


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (otlp.Metric(name="a", summary=otlp.Summary(data_points=[{}])), "a summary has quantiles that cannot"),
        (counter(number(1), temporality=0), "neither cumulative nor delta"),
        (counter(number(-1)), "a counter below zero"),
        (counter(number(math.nan)), "a value that is no finite number"),
        (gauge(number(math.inf)), "a value that is no finite number"),
        (gauge(otlp.NumberDataPoint(time_unix_nano=LATER)), "a value that is no finite number"),
        (gauge(number(1, time=0, start=0)), "a data point without a time"),
        (gauge(number(1, start=LATER, time=BEGAN)), "a data point that ends before it starts"),
        (gauge(number(1), name="..."), "a name without a letter"),
        (gauge(number(1), name="訂單"), "a name without a letter"),
        (gauge(number(1), name="n" * 257), "a name or unit of more than 256"),
        (gauge(number(1, key="x" * MOST_LABEL_TEXT)), "attributes of more than 2048 characters"),
        (gauge(number(1, key="x" * 10_000_000)), "attributes of more than 2048 characters"),
        (gauge(number(1, **{f"k{n}": "" for n in range(33)})), "more than 32 attributes"),
        (histogram(buckets((1, 2))), "bucket counts that do not fit the bounds"),
        (histogram(buckets((1, 2, 3), (1.0, 1.0))), "bounds that do not rise"),
        (histogram(buckets((1, 2, 3), (1.0, math.inf))), "bounds that do not rise"),
        (histogram(buckets((1, 2, 3), (1.0, math.nan))), "bounds that do not rise"),
        (histogram(buckets((1, 2, 3), count=7)), "bucket counts that do not add up"),
        (histogram(buckets((1, 2, 3), total=math.nan)), "a sum that is no finite number"),
        (histogram(buckets((1, 2, 3), total=None)), "a histogram without a sum"),
        (histogram(buckets((0,) * 130, range(129))), "more than 128 bounds"),
        (exponential(exponential_point(count=4)), "bucket counts that do not add up"),
        (exponential(exponential_point(zero_threshold=-1.0)), "a zero threshold below zero"),
        (exponential(exponential_point(positive={"bucket_counts": [0] * 5000})), "more than 4096 buckets"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(metric: otlp.Metric, reason: str) -> None:
    ((told, points),) = refused(metric)

    assert told.startswith(reason)
    assert points == 1


def test_one_point_that_does_not_fit_leaves_the_others() -> None:
    batch = Batch(block(counter(number(-1), number(5))))

    assert [arrival.value for arrival in batch.arrivals()] == [5.0]
    assert batch.refusals == [Refusal("orders", "a counter below zero")]


def test_a_request_has_only_so_many_parts() -> None:
    points = [otlp.NumberDataPoint(time_unix_nano=LATER, as_int=1)] * MOST_PARTS

    assert refused(gauge(*points)) == [(f"more than {MOST_PARTS} scopes, metrics and data points", MOST_PARTS)]


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"service.name": "billing", "service.instance.id": "a1", "host.name": "h"}, "billing/a1"),
        ({"service.namespace": "shop", "service.name": "billing", "service.instance.id": "a1"}, "shop/billing/a1"),
        ({"service.name": "a/b", "service.instance.id": "c"}, "a%2Fb/c"),
        ({"service.name": "billing"}, "billing"),
        ({}, "unknown"),
    ],
)
def test_a_sender_is_told_by_its_resource(resource: dict[str, str], expected: str) -> None:
    assert source_of(block(resource=resource).resource) == expected


def test_senders_without_an_instance_differ_by_their_other_attributes() -> None:
    one, same, other = (
        source_of(block(resource={"service.name": "billing", **more}).resource)
        for more in ({"host": "a", "pid": "1"}, {"pid": "1", "host": "a"}, {"host": "b", "pid": "1"})
    )

    assert one == same != other


# Exponential histograms


def bucket_of(value: float, bounds: tuple[float, ...]) -> int:
    return sum(bound < value for bound in bounds)


def exponential_of(values: Iterable[float], scale: int) -> Exponential:
    """As a client would count them: bucket i holds (2^(i/2^scale), 2^((i+1)/2^scale)]."""
    indices = [math.ceil(math.log2(value) * 2**scale) - 1 for value in values]
    offset = min(indices)
    counts = [0] * (max(indices) - offset + 1)
    for index in indices:
        counts[index - offset] += 1
    return Exponential(scale, offset, counts, zeros=0, threshold=0.0, low=0)


@pytest.mark.parametrize("scale", range(1, 12))
@pytest.mark.parametrize("unit", ["s", "ms", ""])
def test_of_every_fine_scale_the_fold_is_exact(scale: int, unit: str) -> None:
    rng = random.Random(scale)
    values = [rng.lognormvariate(0, 2) for _ in range(500)]
    bounds = bounds_of(unit)
    expected = [0] * (len(bounds) + 1)
    for value in values:
        expected[bucket_of(value, bounds)] += 1

    assert folded(exponential_of(values, scale), unit) == tuple(expected)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1), st.integers(-10, 0))
def test_of_a_coarse_scale_nothing_is_put_too_low(values: list[float], scale: int) -> None:
    counts = folded(exponential_of(values, scale), "s")

    assert sum(counts) == len(values)
    for bucket in range(len(counts)):
        assert sum(counts[:bucket]) <= sum(bucket_of(value, bounds_of("s")) < bucket for value in values)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_any_scale_and_offset_is_counted_somewhere(scale: int, offset: int) -> None:
    assert sum(folded(Exponential(scale, offset, [1, 2], 3, 0.0, 4), "s")) == 10


def test_zeros_and_negative_values_fall_into_the_first_bucket() -> None:
    assert folded(Exponential(3, 0, [], 2, 0.0, 5), "s")[0] == 7


def test_zeros_count_where_their_threshold_lies() -> None:
    counts = folded(Exponential(3, 0, [], 2, 0.5, 0), "s")

    assert counts[bounds_of("s").index(0.5)] == 2


def test_in_milliseconds_the_bounds_are_those_of_the_recorder() -> None:
    assert [round(bound / 1000, 9) for bound in bounds_of("ms")] == list(geometry.BOUNDS)


# Streams


def arrival(
    value: float | Distribution | None = 1.0,
    temporality: Any = "cumulative",
    start: int = BEGAN,
    time: int = LATER,
    name: str = "orders_total",
    **labels: str,
) -> Arrival:
    return Arrival(name, tuple(sorted(labels.items())), temporality, start, time, value)


def taken(*arrivals: Arrival, source: str = "billing") -> list[Instance]:
    """What stands after these arrivals, each in an export of its own, a second apart."""
    streams = Streams()
    for seconds, one in enumerate(arrivals):
        assert streams.take(source, [one], NOW + seconds) == []
    return streams.instances(NOW + len(arrivals))


def total(instances: Iterable[Instance]) -> float:
    return sum(point.value for one in instances for point in one.points if isinstance(point.value, int | float))


def started(instances: Iterable[Instance]) -> dict[str | None, Any]:
    """Values by when their counting began."""
    return {point.labels.get(START): point.value for one in instances for point in one.points}


def test_a_cumulative_point_passes_as_it_stands() -> None:
    labels = {"destination": "orders"}

    assert taken(arrival(5.0, **labels)) == [
        Instance("billing", None, [Point("orders_total", {**labels, START: str(BEGAN)}, 5.0)])
    ]


@pytest.mark.parametrize("time", [LATER, LATER - 1], ids=["repeated", "older"])
def test_a_cumulative_point_that_is_not_newer_changes_nothing(time: int) -> None:
    assert total(taken(arrival(5.0), arrival(4.0, time=time))) == 5


def test_a_counter_that_begins_anew_is_another_series() -> None:
    found = taken(arrival(5.0), arrival(2.0, start=LATER, time=LATER + 1))

    assert started(found) == {str(BEGAN): 5, str(LATER): 2}


def test_processes_that_share_an_identity_do_not_disturb_each_other() -> None:
    found = taken(arrival(5.0), arrival(2.0, start=BEGAN + 1), arrival(6.0, time=LATER + 1))

    assert started(found) == {str(BEGAN): 6, str(BEGAN + 1): 2}


def test_where_a_counter_does_not_say_its_start_nothing_is_said() -> None:
    assert started(taken(arrival(5.0, start=0))) == {None: 5}


def test_of_a_gauge_the_newest_counts_whatever_its_start() -> None:
    found = taken(arrival(5.0, "gauge"), arrival(2.0, "gauge", start=LATER, time=LATER + 1), arrival(9.0, "gauge"))

    assert started(found) == {None: 2}


def test_deltas_are_added_up() -> None:
    first, second = arrival(5.0, "delta"), arrival(2.0, "delta", start=LATER, time=LATER + SECOND)

    assert total(taken(first, second)) == 7


def test_delta_histograms_are_added_up() -> None:
    first = arrival(Distribution((1.0,), (1, 2), 3.0), "delta")
    second = arrival(Distribution((1.0,), (0, 5), 9.5), "delta", start=LATER, time=LATER + 1)

    assert taken(first, second)[0].points[0].value == Distribution((1.0,), (1, 7), 12.5)


def test_deltas_with_other_bounds_begin_a_series_of_their_own() -> None:
    found = taken(
        arrival(Distribution((1.0,), (1, 2), 3.0), "delta"),
        arrival(Distribution((2.0,), (4, 0), 4.0), "delta", start=LATER, time=LATER + 1),
    )

    assert sorted(sum(point.value.counts) for point in found[0].points) == [3, 4]
    assert len({point.labels[START] for point in found[0].points}) == 2


def test_a_total_of_deltas_started_when_its_first_came() -> None:
    found = taken(arrival(5.0, "delta"), arrival(5.0, "delta", start=LATER, time=LATER + 1))

    assert started(found) == {str(int(NOW * SECOND)): 10}


def test_a_total_of_deltas_that_came_back_is_another_series() -> None:
    streams = Streams()
    streams.take("billing", [arrival(5.0, "delta")], NOW)
    before = started(streams.instances(NOW))
    assert streams.instances(NOW + LIFETIME_SECONDS + 1) == []
    streams.take("billing", [arrival(5.0, "delta", start=LATER, time=LATER + 1)], NOW + 3 * LIFETIME_SECONDS)
    after = started(streams.instances(NOW + 3 * LIFETIME_SECONDS))

    assert (list(before.values()), list(after.values())) == ([5], [5])
    assert before.keys() != after.keys()


@given(st.data())
def test_each_interval_of_a_delta_counts_once_however_often_and_in_which_order_it_comes(data: st.DataObject) -> None:
    """As long as no more come between two sendings of an interval than are remembered."""
    values = data.draw(st.lists(st.integers(0, 100), min_size=1, max_size=40))
    ends = sorted(data.draw(st.sets(st.integers(1, 10**6), min_size=len(values), max_size=len(values))))
    starts = [0, *ends[:-1]]
    sent = [arrival(float(v), "delta", s, e) for v, s, e in zip(values, starts, ends, strict=True)]
    mixed: list[Arrival] = []
    for at in range(0, len(sent), REMEMBERED // 2):
        window = sent[at : at + REMEMBERED // 2]
        mixed += data.draw(st.permutations(window + data.draw(st.lists(st.sampled_from(window)))))

    assert total(taken(*mixed)) == sum(values)


def test_an_interval_older_than_what_is_remembered_is_a_repetition() -> None:
    sent = [arrival(1.0, "delta", at, at + 1) for at in range(1, 100)]

    assert total(taken(*sent, sent[0])) == 99


def test_deltas_of_processes_that_share_an_identity_all_count() -> None:
    assert total(taken(arrival(5.0, "delta", 10, 20), arrival(2.0, "delta", 11, 21))) == 7


def test_a_series_ends_when_its_sender_says_so() -> None:
    assert taken(arrival(5.0), arrival(None, time=LATER + 1)) == []


def test_what_nobody_sends_any_more_ends() -> None:
    streams = Streams()
    streams.take("billing", [arrival(5.0)], NOW)

    assert len(streams.instances(NOW + LIFETIME_SECONDS)) == 1
    assert streams.instances(NOW + LIFETIME_SECONDS + 1) == []


def test_a_slow_sender_has_three_of_its_intervals() -> None:
    streams = Streams()
    for at in (0, 1000, 2000):
        streams.take("billing", [arrival(5.0, time=LATER + at)], NOW + at)

    assert len(streams.instances(NOW + 5000)) == 1
    assert streams.instances(NOW + 5001) == []


def test_a_series_that_a_live_sender_dropped_ends() -> None:
    streams = Streams()
    streams.take("billing", [arrival(1.0, name="a_total"), arrival(1.0, name="b_total")], NOW)
    for at in range(60, 421, 60):
        streams.take("billing", [arrival(1.0, time=LATER + at, name="a_total")], NOW + at)

    assert [point.name for one in streams.instances(NOW + 420) for point in one.points] == ["a_total"]


def test_over_the_budget_of_one_sender_its_further_series_are_refused_and_others_are_not() -> None:
    streams = Streams(Limits(series_of_source=2, series=10))
    many = [arrival(1.0, name=f"m{n}_total") for n in range(5)]

    assert [one.reason for one in streams.take("noisy", many, NOW)] == ["more than 2 series"] * 3
    assert streams.take("billing", [arrival()], NOW) == []
    assert sum(len(one.points) for one in streams.instances(NOW)) == 3


def test_known_series_are_taken_over_the_budget_too() -> None:
    streams = Streams(Limits(series_of_source=1))
    streams.take("billing", [arrival(1.0)], NOW)

    assert streams.take("billing", [arrival(2.0, time=LATER + 1)], NOW) == []
    assert total(streams.instances(NOW)) == 2


def test_series_that_ended_make_room() -> None:
    streams = Streams(Limits(series_of_source=1))
    streams.take("billing", [arrival(1.0, name="a_total")], NOW)
    streams.instances(NOW + LIFETIME_SECONDS + 1)

    assert streams.take("billing", [arrival(1.0, name="b_total")], NOW + LIFETIME_SECONDS + 2) == []


def test_over_the_number_of_senders_a_further_one_is_refused_until_one_ended() -> None:
    streams = Streams(Limits(sources=1))
    streams.take("a", [arrival()], NOW)

    assert [one.reason for one in streams.take("b", [arrival()], NOW)] == ["more than 1 senders"]
    assert streams.take("b", [arrival()], NOW + LIFETIME_SECONDS + 2) == []


# Decoding


EXPORT = request(
    counter(number(3, destination="orders"), otlp.NumberDataPoint(time_unix_nano=LATER, as_int=2**53)),
    histogram(buckets((1, 2, 3), destination="é 訂單")),
    exponential(exponential_point()),
    gauge(number(1.5, flag=AnyValue(bool_value=True), list=AnyValue(array_value=ArrayValue(values=[AnyValue()])))),
)


def decoded(body: bytes, media: Media = PROTOBUF, gzipped: bool = False) -> Any:
    with decode.message(body, media, gzipped) as found:
        return found


def status_of(body: bytes, media: Media = PROTOBUF, gzipped: bool = False) -> int:
    with pytest.raises(RefusedError) as refusal:
        decoded(body, media, gzipped)
    return refusal.value.status


def as_json(**options: Any) -> bytes:
    return json_format.MessageToJson(EXPORT, **options).encode()


@pytest.mark.parametrize("numbers", [False, True], ids=["names of enums", "numbers of enums"])
def test_json_says_what_protobuf_says(numbers: bool) -> None:
    assert decoded(as_json(use_integers_for_enums=numbers), JSON) == decoded(EXPORT.SerializeToString()) == EXPORT


def test_json_may_write_long_numbers_as_numbers() -> None:
    text = as_json().decode().replace(f'"{LATER}"', str(LATER))

    assert decoded(text.encode(), JSON) == EXPORT


def test_in_json_unknown_fields_and_the_ids_of_exemplars_are_passed_over() -> None:
    found = json.loads(as_json())
    metric = found["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][1]
    metric["histogram"]["dataPoints"][0]["exemplars"] = [{"traceId": "5b8efff798038103d269b633813fc6", "spanId": "eee"}]
    found["new"] = {"field": [1]}

    assert decoded(json.dumps(found).encode(), JSON) == EXPORT


def test_gzip_is_inflated() -> None:
    assert decoded(gzip.compress(EXPORT.SerializeToString()), gzipped=True) == EXPORT


def test_no_bytes_are_an_empty_request() -> None:
    assert decoded(b"") == request(blocks=()).__class__()


@pytest.mark.parametrize(
    ("body", "media", "gzipped", "status"),
    [
        (EXPORT.SerializeToString()[:-1], PROTOBUF, False, 400),
        (random.Random(1).randbytes(1000), PROTOBUF, False, 400),
        (b"\x0a\x05\x12\x03\x0a\x01\xff", PROTOBUF, False, 400),
        (b"[" * 100_000, JSON, False, 400),
        (b'{"resourceMetrics":' * 5_000, JSON, False, 400),
        (b"[]", JSON, False, 400),
        (b"nonsense", JSON, False, 400),
        (b'{"resourceMetrics": 1}', JSON, False, 400),
        (b'{"resourceMetrics": [{"resource": null, "scopeMetrics": [3]}]}', JSON, False, 400),
        (b'{"resourceMetrics": "\xff"}', JSON, False, 400),
        (b'{"a": ' + b"9" * 10_000 + b"}", JSON, False, 400),
        (b'"' + b"," * 1_000_001 + b'"', JSON, False, 413),
        (b"not gzip", PROTOBUF, True, 400),
        (gzip.compress(EXPORT.SerializeToString())[:-4], PROTOBUF, True, 400),
        (gzip.compress(b"") + b"more", PROTOBUF, True, 400),
        (gzip.compress(bytes(decode.MOST_INFLATED + 1), 1), PROTOBUF, True, 413),
        (gzip.compress(b"\x0a\x00" * (decode.MOST_INFLATED // 2), 1), PROTOBUF, True, 413),
        (gzip.compress(b"\x78\x00" * (decode.MOST_INFLATED // 2), 1), PROTOBUF, True, 413),
    ],
    ids=[
        "truncated protobuf",
        "random bytes",
        "protobuf with broken inside",
        "deep JSON",
        "deep JSON of objects",
        "a list",
        "no JSON",
        "a number for a list",
        "a number for an object",
        "JSON with invalid UTF-8",
        "a number of ten thousand digits",
        "JSON of a million values",
        "no gzip",
        "truncated gzip",
        "bytes behind gzip",
        "a gzip bomb",
        "a protobuf bomb",
        "a bomb of unknown fields",
    ],
)
def test_what_cannot_be_decoded_is_refused(body: bytes, media: Media, gzipped: bool, status: int) -> None:
    assert status_of(body, media, gzipped) == status


def test_invalid_utf8_in_protobuf_is_refused() -> None:
    body = request(gauge(number(1, key="zzzz"))).SerializeToString()

    assert status_of(body.replace(b"zzzz", b"\xff\xfe\xff\xfe")) == 400


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    for media in (PROTOBUF, JSON):
        try:
            decoded(body, media)
        except RefusedError as refusal:
            assert refusal.status == 400


def test_what_a_body_weighs_is_at_least_what_its_parts_take() -> None:
    number_of_buckets = 10_000
    point = exponential_point(positive={"bucket_counts": [1] * number_of_buckets})
    body = request(exponential(point)).SerializeToString()

    assert weight.weight(body, EXPORT.DESCRIPTOR, 10**9) > 8 * number_of_buckets


def test_a_large_body_waits_for_its_turn_only_so_long_and_a_small_one_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decode, "PATIENCE_SECONDS", 0.01)
    large = request(gauge(number(1, key="x" * decode.SMALL))).SerializeToString()
    with decode.message(large, PROTOBUF, gzipped=False):
        assert status_of(large) == 503
        assert decoded(EXPORT.SerializeToString()) == EXPORT
    assert len(decoded(large).resource_metrics) == 1


def test_a_full_answer_is_no_bytes_in_protobuf_and_an_empty_object_in_json() -> None:
    assert (decode.response(0, "", PROTOBUF), decode.response(0, "", JSON)) == (b"", b"{}")


def test_what_was_refused_is_told_in_both_encodings() -> None:
    answer = decode.ExportMetricsServiceResponse.FromString(decode.response(3, "why", PROTOBUF))

    assert (answer.partial_success.rejected_data_points, answer.partial_success.error_message) == (3, "why")
    assert json.loads(decode.response(3, "why", JSON)) == {
        "partialSuccess": {"rejectedDataPoints": "3", "errorMessage": "why"}
    }


def test_a_status_is_what_googles_own_class_reads() -> None:
    status_pb2 = pytest.importorskip("google.rpc.status_pb2")
    status = status_pb2.Status.FromString(status_body(400, "é" * 100, PROTOBUF))

    assert (status.code, status.message) == (3, "é" * 100)
    assert json.loads(status_body(413, "large", JSON)) == {"code": 8, "message": "large"}
