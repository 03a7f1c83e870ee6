"""/metrics: what is rendered, and that it is served from memory."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from collectors import metrics as m
from collectors.base import Reading, Sample, Scrape
from monitor.exporter import Exporter, ExporterError, render_lines, render_page

NASTY = 'a"b\\c\nd é 訂單'


def make_scrape(*samples: Sample, target: str = "orders") -> Scrape:
    return Scrape(target, "kafka", 0.0, 0.1, Reading(samples=list(samples)))


def page(*samples: Sample, openmetrics: bool = False) -> str:
    return render_page([render_lines("orders", "kafka", samples)], openmetrics).decode()


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    made = Exporter()
    yield made
    made.close()


def test_every_series_carries_target_and_system() -> None:
    text = page(m.MESSAGES_IN_TOTAL.sample(3, "orders"))

    assert 'eda_messages_in_total{target="orders",system="kafka",destination="orders"} 3\n' in text


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e")))
def test_any_name_comes_back_as_it_was(name: str) -> None:
    family = next(iter(parse_text(page(m.BACKLOG_MESSAGES.sample(1, name, NASTY)))))

    assert family.samples[0].labels["destination"] == name
    assert family.samples[0].labels["group"] == NASTY


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_value_comes_back_as_it_was(value: float) -> None:
    family = next(iter(parse_text(page(m.BACKLOG_MESSAGES.sample(value, "d", "g")))))

    assert family.samples[0].value == value


def test_openmetrics_is_what_its_parser_takes() -> None:
    text = page(m.MESSAGES_IN_TOTAL.sample(3, "d"), m.BACKLOG_AGE_SECONDS.sample(1.5, "d", "g"), openmetrics=True)
    families = {family.name: family for family in parse_openmetrics(text)}

    assert families["eda_messages_in"].type == "counter"
    assert families["eda_backlog_age_seconds"].unit == "seconds"


def test_a_family_has_one_header_whatever_the_number_of_targets() -> None:
    lines = [render_lines(name, "kafka", [m.COLLECTOR_UP.sample(1)]) for name in ("a", "b")]

    assert render_page(lines, openmetrics=False).decode().count("# TYPE") == 1


def test_what_a_target_no_longer_has_ends(exporter: Exporter) -> None:
    scrape = make_scrape(m.DEAD_LETTERS.sample(2, "dlq", "orders"))
    exporter.update(scrape, scrape.reading.samples)
    exporter.update(scrape, [m.COLLECTOR_UP.sample(0)])

    assert b"dead_letters" not in exporter.page.text


def test_it_serves_text_openmetrics_and_gzip(exporter: Exporter) -> None:
    exporter.update(make_scrape(), [m.COLLECTOR_UP.sample(1)])
    address = exporter.serve("127.0.0.1:0")

    with httpx.Client() as client:
        text = client.get(f"http://{address}/metrics", headers={"Accept-Encoding": "identity"})
        openmetrics = client.get(f"http://{address}/metrics", headers={"Accept": "application/openmetrics-text"})
        health = client.get(f"http://{address}/-/healthy")

    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert openmetrics.headers["content-encoding"] == "gzip"
    assert openmetrics.text.endswith("# EOF\n")
    assert health.status_code == 200
    assert gzip.decompress(exporter.page.text_gzip) == exporter.page.text


def test_a_port_in_use_is_one_line_with_the_address(exporter: Exporter) -> None:
    address = exporter.serve("127.0.0.1:0")

    with pytest.raises(ExporterError, match=rf"exporter.listen: cannot listen on {address}: Address already in use"):
        Exporter().serve(address)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say_of_the_whole_vocabulary() -> None:
    text = page(*(metric.sample(1, *("x" for _ in metric.labels)) for metric in m.METRICS.values()))

    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")
