"""A scrape printed in each form."""

from __future__ import annotations

import json
import math

import pytest
from rich.console import Console

from collectors import metrics as m
from collectors.base import PartError, Reading, Scrape, Skipped
from monitor.cli.printing import Format, print_scrapes

DURATION = m.HANDLER_DURATION_SECONDS


def make_scrape(total: float = 4.5) -> Scrape:
    shown = DURATION.histogram((1.0, 2.0), (0, 4, 0), total, "billing", "charge", "orders", "billing", "ok")
    reading = Reading(
        samples=[m.HANDLER_IN_PROGRESS.sample(2, "billing", "charge", "orders", "billing")],
        histograms=[shown],
        skipped=[Skipped("other", "denied")],
        errors=[PartError("page b", "refused")],
        requests=1,
    )
    return Scrape("apps", "handlers", 5.0, 0.1, reading)


def printed(form: Format, capsys: pytest.CaptureFixture[str], scrape: Scrape) -> str:
    print_scrapes([scrape], form, Console(width=200))
    return capsys.readouterr().out


def test_json_has_histograms_among_the_samples(capsys: pytest.CaptureFixture[str]) -> None:
    (only,) = json.loads(printed(Format.json, capsys, make_scrape()))["scrapes"]

    assert [sample["metric"] for sample in only["samples"]] == ["handler_in_progress", "handler_duration_seconds"]
    assert only["samples"][1] == {
        "metric": "handler_duration_seconds",
        "labels": {
            "service": "billing", "handler": "charge", "destination": "orders", "group": "billing", "outcome": "ok",
        },
        "value": 4,
        "sum": 4.5,
        "buckets": [[1.0, 0], [2.0, 4], ["+Inf", 4]],
    }  # fmt: skip
    assert only["errors"] == [{"part": "page b", "message": "refused"}]


def test_a_sum_that_is_no_number_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    (only,) = json.loads(printed(Format.json, capsys, make_scrape(math.nan)))["scrapes"]

    assert only["samples"][1]["sum"] is None


def test_a_table_has_their_number_and_percentiles(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(Format.table, capsys, make_scrape())

    assert "4, p50 1.4 s, p95 1.8 s" in text
    assert "skipped other: denied" in text


def test_what_has_the_same_labels_stands_in_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    labels = ("orders", "billing")
    reading = Reading(samples=[m.BACKLOG_MESSAGES.sample(1234, *labels), m.CONSUMERS.sample(2, *labels)])

    text = printed(Format.table, capsys, Scrape("shop", "kafka", 5.0, 0.1, reading))

    (row,) = [line.split() for line in text.splitlines() if "orders" in line]
    assert row == ["orders", "billing", "1,234", "2"]


def test_prometheus_is_what_metrics_would_tell(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(Format.prometheus, capsys, make_scrape())

    assert 'outcome="ok",le="2.0"} 4\n' in text
