"""The settings of a target of kind handlers: every mistake is named with its key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_handlers_dialects import figures, limits, said

from monitor.config import ConfigError, parse

TASKIQ = """
execution_time_bucket{task_name="charge",le="100"} 2
execution_time_bucket{task_name="charge",le="+Inf"} 3
execution_time_count{task_name="charge"} 3
execution_time_sum{task_name="charge"} 500
jobs_total{task_name="charge",state="success"} 5
jobs_total{task_name="charge",state="error"} 1
jobs_total{task_name="charge",state="pending"} 9
jobs_running{task_name="charge"} 4
"""


def problems(text: str) -> list[str]:
    source = f'[[targets]]\nname = "apps"\nkind = "handlers"\n{text}'
    try:
        parse(source, "file", Path())
    except ConfigError as error:
        return error.problems
    return []


URL = 'urls = ["http://app:8000/metrics"]\n'
MAPPED = URL + "[[targets.mapping]]\n"


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        ("", "targets[0]", "nothing to read; expected one of urls, file_sd, dns, otlp_listen"),
        (
            'urls = ["app:8000"]',
            "targets[0].urls",
            "'app:8000' is not a URL; expected such as http://host:8000/metrics",
        ),
        ('urls = ["http://"]', "targets[0].urls", "is not a URL"),
        ('urls = ["http://app:port/"]', "targets[0].urls", "is not a URL"),
        ('urls = ["http://me:secret@app/"]', "targets[0].urls", "user and password do not belong into a URL"),
        ('file_sd = ["targets/*"]', "targets[0].file_sd", "'targets/*' ends in none of .json, .yml, .yaml"),
        ('dns = ["billing.internal"]', "targets[0].dns", "expected host:port/path, or _service._tcp.domain"),
        ('dns = ["_metrics._tcp.billing:8000"]', "targets[0].dns", "is not a name"),
        ('dns = ["billing:99999"]', "targets[0].dns", "'99999' is not a port; expected 1 to 65535"),
        ('otlp_listen = "4318"', "targets[0].otlp_listen", "'4318' is not an address; expected host:port"),
        (URL + "series_budget = 0", "targets[0].series_budget", "greater than or equal to 1, not 0"),
        (URL + 'username = "me"', "targets[0]", "expected username together with password or password_file"),
        (URL + 'password = "x"', "targets[0]", "expected username together with password or password_file"),
        (URL + 'bearer_token_file = "none.token"', "targets[0].bearer_token_file", "none.token cannot be read"),
        (URL + 'ssl_cafile = "none.pem"', "targets[0].ssl_cafile", "none.pem cannot be read"),
        (URL + "groups = { orders = 1 }", "targets[0].groups.orders", "valid string"),
        (URL + 'url = "http://a"', "targets[0].url", "unknown key; expected one of"),
        (MAPPED + 'name = "a"', "targets[0].mapping[0].metric", "required"),
        (MAPPED + 'name = "a"\nmetric = "backlog_messages"', "targets[0].mapping[0].metric", "no metric of handlers"),
        (MAPPED + 'name = "a"\nmetric = "handler_events_total"', "targets[0].mapping[0]", "expected labels.outcome or"),
        (
            MAPPED + 'name = "a"\nmetric = "handler_in_progress"\nfactor = 0',
            "targets[0].mapping[0].factor",
            "greater than 0",
        ),
        (
            MAPPED + 'name = "a"\nmetric = "handler_in_progress"\nlabels = { outcome = "b" }',
            "targets[0].mapping[0]",
            "labels: handler_in_progress has no label 'outcome'; expected one of service, handler, destination, group",
        ),
        (
            MAPPED + 'name = "a"\nmetric = "handler_in_progress"\nlabels = { group = "b" }\nfixed = { group = "c" }',
            "targets[0].mapping[0]",
            "'group' stands in labels and in fixed",
        ),
        (
            MAPPED + 'name = "a"\nmetric = "handler_events_total"\nfixed = { outcome = "good" }',
            "targets[0].mapping[0]",
            "fixed.outcome: 'good' is none; expected one of ok, failed",
        ),
        (
            MAPPED + 'name = "a"\nmetric = "handler_events_total"\nlabels={outcome="b"}\noutcomes = { x = "good" }',
            "targets[0].mapping[0].outcomes.x",
            "'ok', 'failed'",
        ),
        (
            MAPPED + 'name = "a"\nmetric = "handler_in_progress"\noutcomes = { x = "ok" }',
            "targets[0].mapping[0]",
            "outcomes: expected labels.outcome too",
        ),
        (
            MAPPED + 'name = "a"\nmetric = "handler_in_progress"\nunit = "s"',
            "targets[0].mapping[0].unit",
            "unknown key",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(text: str, where: str, told: str) -> None:
    (problem,) = problems(text)

    assert problem.startswith(f"file: {where}: "), problem
    assert told in problem
    assert "secret" not in problem


@pytest.mark.parametrize(
    "text",
    [
        URL,
        'file_sd = ["targets/*.json", "/etc/targets.yml"]',
        'dns = ["billing.internal:8000", "https://billing.internal:8443/m", "_metrics._tcp.billing.internal/m"]',
        'otlp_listen = "127.0.0.1:4318"',
        URL + '[targets.groups]\norders = "billing"\n[targets.destinations]\n"events.order.paid" = "audit"',
    ],
)
def test_what_is_right_is_taken(text: str) -> None:
    assert problems(text) == []


def mapped(*mapping: dict[str, Any]) -> dict[tuple[str, ...], float]:
    return figures(said(TASKIQ, mapping=mapping, service="shop", groups={"orders": "g"}))


def test_a_mapping_says_a_foreign_histogram_in_seconds() -> None:
    told = said(
        TASKIQ,
        mapping=[
            {
                "name": "execution_time",
                "metric": "handler_duration_seconds",
                "factor": 0.001,
                "labels": {"handler": "task_name"},
                "fixed": {"destination": "orders", "outcome": "ok"},
            }
        ],
    )

    (count,) = told.counts
    assert count.labels == ("", "charge", "orders", "", "ok")
    assert count.value == ((0.1,), (2, 1), 0.5)


def test_a_mapping_translates_outcomes_and_leaves_out_those_that_it_does_not_list() -> None:
    found = mapped(
        {
            "name": "jobs_total",
            "metric": "handler_events_total",
            "labels": {"handler": "task_name", "outcome": "state"},
            "fixed": {"destination": "orders"},
            "outcomes": {"success": "ok", "error": "failed"},
        },
        {"name": "jobs_running", "metric": "handler_in_progress", "labels": {"handler": "task_name"}},
    )

    assert found == {
        ("handler_events_total", "shop", "charge", "orders", "g", "ok"): 5,
        ("handler_events_total", "shop", "charge", "orders", "g", "failed"): 1,
        ("handler_in_progress", "shop", "charge", "", ""): 4,
    }


def test_a_mapping_of_what_is_no_histogram_to_one_is_told() -> None:
    told = said(TASKIQ, mapping=[{"name": "jobs_total", "metric": "handler_duration_seconds"}])

    assert told.counts == []
    assert limits(told) == {"jobs_total, mapped to handler_duration_seconds"}


def test_the_kind_can_be_imported_without_opentelemetry_and_dnspython() -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['opentelemetry', 'dns', 'yaml']))\n"
        "import collectors.handlers.collector as c\n"
        "c.HandlersCollector(c.HandlersSettings(name='a', kind='handlers', urls=('http://a/metrics',)))"
    )

    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent.parent)
