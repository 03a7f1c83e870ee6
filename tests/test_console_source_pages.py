"""Pages over an API: what it cannot know is said to be unknown, and what goes wrong is said with what to do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from paging import page, texts

from monitor.console import SOURCE_VARIABLE
from monitor.console.prometheus.api import Api
from monitor.console.prometheus.source import PrometheusSource
from monitor.console.status import overview_as_dict
from monitor.console_source import SourceSettings
from monitor.demo.services import free_port

TARGET = {"target": "orders", "system": "kafka", "instance": "a", "job": "eda"}
GROUP = {**TARGET, "destination": "invoices", "group": "billing"}
Result = list[tuple[dict[str, str], float]]
PAGES = ("now", "destinations", "consumers", "handlers", "dead_letters", "alerts", "targets")


def told(query: str, now: float, alerts: Result) -> Result:
    """One target that was just read, with one group that keeps up."""
    if "ALERTS_FOR_STATE" in query:
        return []
    if "ALERTS" in query:
        return alerts
    known: tuple[tuple[str, dict[str, str], float], ...] = (
        ("eda_collector_last_success_timestamp_seconds", TARGET, round(now, 3)),
        ("eda_collector_up", TARGET, 1.0),
        ("eda_backlog_messages", GROUP, 3.0),
        ("eda_backlog_age_seconds", GROUP, 1.0),
    )
    return [({"__name__": name, **labels}, value) for name, labels, value in known if name in query]


@contextmanager
def serving(alerts: Result, body: str = "") -> Iterator[str]:
    """An API that has just scraped; with a body it gives only that, as HTML."""
    read_at = time.time() - 2

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query).get("query", [""])[0]
            result = [
                {"metric": labels, "values": [[read_at + 1, str(value)]]}
                for labels, value in told(query, read_at, alerts)
            ]
            text = body or json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if body else "application/json")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def over(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda url: monkeypatch.setenv(SOURCE_VARIABLE, SourceSettings(url=url).told())


WATCHDOG: Result = [({"alertname": "Watchdog", "alertstate": "firing", "severity": "none", **TARGET}, 1)]
FIRING: Result = [({"alertname": "GroupStalled", "alertstate": "firing", "severity": "critical", **GROUP}, 1)]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_what_to_check_where_nobody_listens(name: str, over: Callable[[str], None]) -> None:
    over(f"http://127.0.0.1:{free_port()}")

    said = texts(page(name))

    assert "There is nothing to show" in said
    assert "cannot be reached" in said.replace("\\", "")


def test_a_web_page_in_its_place_is_said_so(over: Callable[[str], None]) -> None:
    with serving([], "<html>") as url:
        over(url)

        assert "text/html, not JSON" in texts(page("now")).replace("\\", "")


def test_the_first_page_shows_what_is_known_and_says_what_is_not(over: Callable[[str], None]) -> None:
    with serving(WATCHDOG) as url:
        over(url)

        shown = page("now")

    assert "All is well" in texts(shown)
    assert "1 group keeps up" in texts(shown)
    assert "Which notifications were sent is unknown here" in texts(shown)
    assert "No notification has been sent" not in texts(shown)


def test_where_no_rule_is_evaluated_nothing_is_called_well(over: Callable[[str], None]) -> None:
    with serving([]) as url:
        over(url)

        overview, alerts = texts(page("now")), texts(page("alerts"))

    assert "alerts are unknown" in overview
    assert "All is well" not in overview
    assert "not even Watchdog" in alerts
    assert "No alert is firing" not in alerts


def test_the_page_of_alerts_does_not_call_unknown_silences_none(over: Callable[[str], None]) -> None:
    with serving([*WATCHDOG, *FIRING]) as url:
        over(url)

        shown = page("alerts")
        said = texts(shown)

    assert [row["rule"] for row in shown.dataframe[0].value.to_dict("records")] == ["GroupStalled"]
    assert "What is silenced or acknowledged, and who was told, is unknown here." in said
    assert "The history of alerts is unknown here" in said
    assert "No alert changed its state" not in said
    assert "Watchdog" not in said


def test_alerts_of_others_are_not_ours(over: Callable[[str], None]) -> None:
    other = ({"alertname": "ProbeFailed", "alertstate": "firing", "severity": "critical", "target": "example.org"}, 1.0)
    with serving([*WATCHDOG, other]) as url:
        over(url)

        assert "ProbeFailed" not in texts(page("alerts"))


def test_two_that_evaluate_tell_one_alert_and_a_value_that_is_not_told_is_null() -> None:
    pair = [({**labels, "replica": one}, value) for labels, value in [*WATCHDOG, *FIRING] for one in ("a", "b")]
    with serving(pair) as url:
        told = overview_as_dict(PrometheusSource(Api(SourceSettings(url=url))), time.time())

    (alert,) = json.loads(json.dumps(told, allow_nan=False))["alerts"]
    assert (alert["rule"], alert["value"]) == ("GroupStalled", None)


def test_a_target_shows_what_is_told_of_it(over: Callable[[str], None]) -> None:
    with serving(WATCHDOG) as url:
        over(url)

        (row,) = page("targets").dataframe[0].value.to_dict("records")

    assert (row["target"], row["state"], row["requests"], row["took"]) == ("orders", "✓ read", "–", "–")
