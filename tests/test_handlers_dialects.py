"""Pages of real exporters, and what they say in our vocabulary; how they were made: recordings/handlers/record.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collectors.exposition import Parser
from collectors.handlers.dialects.words import GROUP, Translated
from collectors.handlers.pages import Page, page
from collectors.handlers.points import Distribution
from collectors.handlers.settings import HandlersSettings
from collectors.handlers.totals import Totals
from collectors.handlers.translate import translated
from collectors.rabbitmq import judge

RECORDINGS = Path(__file__).parent / "recordings" / "handlers"

Figures = dict[tuple[str, ...], float]


def settings(**given: Any) -> HandlersSettings:
    base = {"name": "apps", "kind": "handlers", "urls": ["http://app:8000/metrics"]}
    return HandlersSettings.model_validate({**base, **given})


def read(text: str) -> Page:
    return page(Parser().read(text))


def said(text: str, **given: Any) -> Translated:
    made = settings(**given)
    return translated(read(text).points, made.names(), made.mapping)


def recorded(name: str) -> str:
    return (RECORDINGS / f"{name}.prom").read_text(encoding="utf-8")


def figures(told: Translated) -> Figures:
    """Counters and gauges by name and labels, and how many each histogram counted. Zeros are left out."""
    totals = Totals(1000)
    totals.note("one", None, told, 0.0)
    found = {}
    for (metric, labels), value in [*totals.counts(), *totals.levels()]:
        found[metric.name, *labels] = float(sum(value.counts)) if isinstance(value, Distribution) else value
    return {key: value for key, value in found.items() if value}


def limits(told: Translated) -> set[str]:
    return {skipped.what for skipped in told.skipped}


def test_faststream_on_kafka_exceptions_are_failures_though_they_were_acked() -> None:
    told = said(recorded("faststream_kafka"), groups={"orders": "billing"})

    assert figures(told) == {
        ("handler_events_total", "shop", "orders", "orders", "billing", "ok"): 3,
        ("handler_events_total", "shop", "orders", "orders", "billing", "failed"): 2,
        ("handler_failures_total", "shop", "orders", "orders", "billing", "ValueError"): 2,
        ("handler_duration_seconds", "shop", "orders", "orders", "billing", ""): 5,
        ("handler_events_total", "shop", "lines", "lines", "", "ok"): 4,
        ("handler_events_total", "shop", "lines", "lines", "", "failed"): 1,
        ("handler_failures_total", "shop", "lines", "lines", "", "KeyError"): 1,
        ("handler_duration_seconds", "shop", "lines", "lines", "", ""): 2,
        ("messages_published_total", "shop", "orders"): 2,
        ("messages_published_total", "shop", "lines"): 3,
        ("publish_failures_total", "shop", "orders", "ValueError"): 2,
        ("publish_failures_total", "shop", "orders", "SkipMessage"): 1,
        ("publish_failures_total", "shop", "lines", "KeyError"): 1,
    }
    assert limits(told) == {
        "durations by outcome",
        "failed events of batches",
        "handlers of one destination apart",
        "skipped messages of Kafka",
    }


def test_faststream_on_rabbitmq_names_the_queue_and_every_status_is_an_outcome() -> None:
    """The app has no name but that of the prefix, which is none; the configuration names it."""
    told = said(recorded("faststream_rabbit"), service="mailer", destinations={"events.order.paid": "audit"})

    assert figures(told) == {
        ("handler_events_total", "mailer", "invoices", "invoices", "consumers", "ok"): 1,
        ("handler_events_total", "mailer", "invoices", "invoices", "consumers", "failed"): 2,
        ("handler_events_total", "mailer", "invoices", "invoices", "consumers", "retried"): 1,
        ("handler_failures_total", "mailer", "invoices", "invoices", "consumers", "ValueError"): 1,
        ("handler_failures_total", "mailer", "invoices", "invoices", "consumers", "nacked"): 1,
        ("handler_failures_total", "mailer", "invoices", "invoices", "consumers", "rejected"): 1,
        ("handler_duration_seconds", "mailer", "invoices", "invoices", "consumers", ""): 4,
        ("handler_events_total", "mailer", "events.order.paid", "audit", "consumers", "ok"): 1,
        ("handler_duration_seconds", "mailer", "events.order.paid", "audit", "consumers", ""): 1,
        ("messages_published_total", "mailer", "invoices"): 3,
        ("messages_published_total", "mailer", "audit"): 1,
        ("publish_failures_total", "mailer", "invoices", "ValueError"): 1,
    }


def test_celery_exporter_retried_is_not_failed_and_workers_are_added() -> None:
    told = said(recorded("celery_exporter"), service="billing")

    handler = ("billing", "billing.charge", "orders", "consumers")
    assert figures(told) == {
        ("handler_events_total", *handler, "ok"): 3,
        ("handler_events_total", *handler, "failed"): 2,
        ("handler_events_total", *handler, "retried"): 1,
        ("handler_events_total", *handler, "dropped"): 1,
        ("handler_failures_total", *handler, "ValueError"): 1,
        ("handler_failures_total", *handler, "TimeoutError"): 1,
        ("handler_failures_total", *handler, "retried"): 1,
        ("handler_failures_total", *handler, "revoked"): 1,
        ("handler_duration_seconds", *handler, "ok"): 3,
        ("handler_queue_seconds", *handler): 4,
        ("messages_published_total", "billing", "orders"): 3,
    }
    assert "durations of failed tasks" in limits(told)


def test_celery_exporter_may_have_another_prefix() -> None:
    other = recorded("celery_exporter").replace("celery_", "shop_")

    assert figures(said(other)) == figures(said(recorded("celery_exporter")))


def test_flower_tells_outcomes_of_tasks_and_times_of_successes() -> None:
    told = said(recorded("flower"), destinations={"billing.charge": "orders"})

    handler = ("", "billing.charge", "orders", "consumers")
    assert figures(told) == {
        ("handler_events_total", *handler, "ok"): 3,
        ("handler_events_total", *handler, "failed"): 1,
        ("handler_events_total", *handler, "retried"): 2,
        ("handler_events_total", *handler, "dropped"): 1,
        ("handler_failures_total", *handler, "unknown"): 1,
        ("handler_failures_total", *handler, "retried"): 2,
        ("handler_failures_total", *handler, "revoked"): 1,
        ("handler_duration_seconds", *handler, "ok"): 3,
    }
    assert limits(told) == {"reasons of failures", "durations of failed tasks", "tasks in progress by handler"}


def test_dramatiq_milliseconds_become_seconds_and_rejects_are_dead_letters() -> None:
    told = said(recorded("dramatiq"))

    handler = ("", "charge", "orders", "consumers")
    assert figures(told) == {
        ("handler_events_total", *handler, "ok"): 3,
        ("handler_events_total", *handler, "retried"): 2,
        ("handler_events_total", *handler, "dead_lettered"): 1,
        ("handler_failures_total", *handler, "retried"): 2,
        ("handler_failures_total", *handler, "dead_lettered"): 1,
        ("handler_duration_seconds", *handler, ""): 6,
        ("handler_in_progress", *handler): 1,
    }
    duration = next(count.value for count in told.counts if isinstance(count.value, Distribution))
    assert duration.bounds == (
        *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0, 600.0, 900.0),
    )
    assert 0.03 <= duration.sum < 1


def test_dramatiq_without_retries_an_error_is_a_failure() -> None:
    lines = [line for line in recorded("dramatiq").splitlines() if "retries" not in line and "rejects" not in line]

    told = figures(said("\n".join(lines)))

    assert told["handler_events_total", "", "charge", "orders", "consumers", "failed"] == 3
    assert told["handler_failures_total", "", "charge", "orders", "consumers", "unknown"] == 3


def test_opentelemetry_an_error_type_is_a_failure_with_a_reason() -> None:
    assert figures(said(recorded("otel"))) == {
        ("handler_events_total", "shop", "orders", "orders", "billing", "ok"): 4,
        ("handler_events_total", "shop", "orders", "orders", "billing", "failed"): 2,
        ("handler_failures_total", "shop", "orders", "orders", "billing", "ValueError"): 2,
        ("handler_duration_seconds", "shop", "orders", "orders", "billing", "ok"): 4,
        ("handler_duration_seconds", "shop", "orders", "orders", "billing", "failed"): 2,
        ("handler_events_total", "shop", "audit", "audit", "consumers", "ok"): 1,
        ("handler_duration_seconds", "shop", "audit", "audit", "consumers", "ok"): 1,
        ("messages_published_total", "shop", "shipped"): 5,
        ("publish_failures_total", "shop", "shipped", "KAFKA_STORAGE_ERROR"): 1,
    }


def test_opentelemetry_buckets_made_for_milliseconds_are_told_and_not_believed() -> None:
    told = said(recorded("otel_deprecated"))

    assert figures(told) == {
        ("handler_events_total", "mail", "invoices", "invoices", "consumers", "ok"): 4,
        ("handler_events_total", "mail", "invoices", "invoices", "consumers", "failed"): 1,
        ("handler_failures_total", "mail", "invoices", "invoices", "consumers", "KeyError"): 1,
        ("messages_published_total", "mail", "receipts"): 2,
    }
    assert "durations in messaging_process_duration_seconds" in limits(told)


def test_opentelemetry_without_escaping_keeps_its_dots() -> None:
    series = '{"messaging.process.duration_seconds_bucket","messaging.destination.name"="orders","service.name"="s",le='
    page = f'{series}"1"}} 1\n{series}"+Inf"}} 3\n'

    assert figures(said(page)) == {
        ("handler_events_total", "s", "orders", "orders", "", "ok"): 3,
        ("handler_duration_seconds", "s", "orders", "orders", "", "ok"): 3,
    }


OURS = """\
eda_recorder_start_timestamp_seconds 1000.5
eda_handler_duration_seconds_bucket{service="b",handler="h",destination="d",group="g",outcome="ok",le="0.001"} 1
eda_handler_duration_seconds_bucket{service="b",handler="h",destination="d",group="g",outcome="ok",le="+Inf"} 2
eda_handler_duration_seconds_sum{service="b",handler="h",destination="d",group="g",outcome="ok"} 3.5
eda_handler_duration_seconds_count{service="b",handler="h",destination="d",group="g",outcome="ok"} 2
eda_handler_events_total{service="b",handler="h",destination="d",group="g",outcome="ok"} 2
eda_handler_in_progress{service="b",handler="h",destination="d",group="g"} 1
eda_handler_last_success_timestamp_seconds{service="b",handler="h",destination="d",group="g"} 1700000000
eda_messages_published_total{service="b",destination="e"} 7
eda_dead_letters_sent_total{service="b",destination="d.dlq",source="d",reason="ValueError"} 1
process_start_time_seconds 990
"""


def test_what_our_recorder_exposes_is_taken_as_it_is() -> None:
    told, handler = said(OURS, service="other", groups={"d": "other"}), ("b", "h", "d", "g")

    assert figures(told) == {
        ("handler_duration_seconds", *handler, "ok"): 2,
        ("handler_events_total", *handler, "ok"): 2,
        ("handler_in_progress", *handler): 1,
        ("handler_last_success_timestamp_seconds", *handler): 1700000000,
        ("messages_published_total", "b", "e"): 7,
        ("dead_letters_sent_total", "b", "d.dlq", "d", "ValueError"): 1,
    }
    assert read(OURS).started == 1000.5
    assert list(said("eda_recorder_start_timestamp_seconds 1\n").dialects) == ["eda-monitor"]


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1"])
def test_what_is_no_count_is_left_out(value: str) -> None:
    assert said(f'eda_handler_events_total{{handler="h",outcome="ok"}} {value}\n').counts == []


def test_a_page_of_eda_monitor_itself_is_no_handlers_page() -> None:
    told = said('eda_handler_events_total{target="t",system="handlers",handler="h",outcome="ok"} 2\n')

    assert not told.counts
    assert limits(told) == {"eda_handler_events_total"}


def test_what_a_file_of_targets_says_of_a_service_wins() -> None:
    told = translated(read(OURS).points, settings().names("said", "by file"))

    assert ("handler_events_total", "said", "h", "d", "by file", "ok") in figures(told)


@pytest.mark.parametrize(
    "broken",
    [
        'a_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n',  # falls
        'a_bucket{le="1"} 2\n',  # half of it
        'a_bucket{le="one"} 2\na_bucket{le="+Inf"} 2\n',
        'a_bucket{le="1"} NaN\na_bucket{le="+Inf"} 2\n',
    ],
)
def test_a_histogram_in_pieces_is_named_and_left_out(broken: str) -> None:
    found = read(broken + "b 1\n")

    assert [point.name for point in found.points] == ["b"]
    assert found.broken == ["a"]


def test_bounds_are_compared_as_numbers() -> None:
    found = read('a_bucket{le="10"} 3\na_bucket{le="2.0"} 1\na_bucket{le="2"} 1\na_count 4\na_sum 9\na_total 1\n')

    assert found.points[0] == ("a_total", {}, 1.0)
    assert found.points[1].value == Distribution((2.0, 10.0), (1, 2, 1), 9.0)


def test_the_readers_of_a_queue_are_called_as_rabbitmq_collector_calls_them() -> None:
    assert GROUP == judge.GROUP


def test_of_an_outcome_that_no_event_had_yet_there_are_none_so_that_the_first_one_is_growth() -> None:
    told = said('flower_events_total{task="charge",type="task-succeeded",worker="w"} 5\n')

    counts = {count.labels[-1]: count.value for count in told.counts}
    assert counts == {"ok": 5, "failed": 0, "retried": 0}


def test_a_gauge_that_is_no_number_is_left_out() -> None:
    told = said('eda_handler_in_progress{service="s",handler="h",destination="d",group="g"} NaN\n')

    assert told.levels == []
