"""/metrics: what is rendered, and that it is served from memory."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterable, Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from collectors import metrics as m
from collectors.base import Histogram, Reading, Sample, Scrape
from collectors.handlers.geometry import BOUNDS
from monitor.exporter import Exporter, ExporterError, render_lines, render_page

NASTY = 'a"b\\c\nd é 訂單'


def make_scrape(*samples: Sample, target: str = "orders") -> Scrape:
    return Scrape(target, "kafka", 0.0, 0.1, Reading(samples=list(samples)))


def page(*samples: Sample, histograms: Iterable[Histogram] = (), openmetrics: bool = False) -> str:
    return render_page([render_lines("orders", "kafka", samples, histograms)], openmetrics).decode()


def queue(bounds: tuple[float, ...], *counts: int, total: float = 1.5) -> Histogram:
    return m.HANDLER_QUEUE_SECONDS.histogram(bounds, counts, total, "s", "h", "d", "g")


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


def test_a_histogram_is_told_by_all_up_to_each_bound_its_sum_and_its_count() -> None:
    text = page(histograms=[queue((0.5, 2.0), 3, 0, 1)])

    labels = 'target="orders",system="kafka",service="s",handler="h",destination="d",group="g"'
    assert text.splitlines()[1:] == [
        "# TYPE eda_handler_queue_seconds histogram",
        f'eda_handler_queue_seconds_bucket{{{labels},le="0.5"}} 3',
        f'eda_handler_queue_seconds_bucket{{{labels},le="2.0"}} 3',
        f'eda_handler_queue_seconds_bucket{{{labels},le="+Inf"}} 4',
        f"eda_handler_queue_seconds_sum{{{labels}}} 1.5",
        f"eda_handler_queue_seconds_count{{{labels}}} 4",
    ]


@given(st.lists(st.integers(0, 10**9), min_size=41, max_size=41), st.booleans())
def test_of_many_bounds_every_second_one_is_exposed_and_true(counts: list[int], openmetrics: bool) -> None:
    text = page(histograms=[queue(BOUNDS, *counts)], openmetrics=openmetrics)
    (family,) = (parse_openmetrics if openmetrics else parse_text)(text)
    buckets = {float(s.labels["le"]): s.value for s in family.samples if s.name.endswith("_bucket")}

    assert family.type == "histogram"
    assert buckets == {
        **{bound: sum(counts[: BOUNDS.index(bound) + 1]) for bound in BOUNDS[::2]},
        float("inf"): sum(counts),
    }


@pytest.mark.parametrize("total", [float("nan"), float("inf"), float("-inf")])
def test_a_sum_that_is_no_number_is_told_as_such(total: float) -> None:
    (family,) = parse_text(page(histograms=[queue((1.0,), 1, 0, total=total)]))

    (told,) = [sample.value for sample in family.samples if sample.name.endswith("_sum")]
    assert str(told) == str(total)


def test_the_histograms_of_a_scrape_are_shown(exporter: Exporter) -> None:
    scrape = Scrape("apps", "handlers", 0.0, 0.1, Reading(histograms=[queue((1.0,), 1, 0)]))

    exporter.update(scrape, [])

    assert b"eda_handler_queue_seconds_count{" in exporter.page.text


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
    metrics = [(metric, ["x" for _ in metric.labels]) for metric in m.METRICS.values()]
    text = page(
        *(metric.sample(1, *labels) for metric, labels in metrics if metric.kind != "histogram"),
        histograms=[
            metric.histogram(BOUNDS, (1,) * 41, 9.5, *labels)
            for metric, labels in metrics
            if metric.kind == "histogram"
        ],
    )

    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")
