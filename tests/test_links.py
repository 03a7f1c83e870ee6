"""Which page of the console an alert opens."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from monitor.alerts.links import DASHBOARD, console_link, dashboard_link, page_of
from monitor.console.place import parsed
from monitor.grafana import dashboard_now

AT = 1_700_000_000.0


@pytest.mark.parametrize(
    ("labels", "page"),
    [
        ({"target": "k", "destination": "orders", "group": "shipping"}, "consumers"),
        ({"target": "k", "destination": "orders.dlq", "source": "orders"}, "dead-letters"),
        ({"alertname": "DeadLettersExpiring", "target": "k", "destination": "orders.dlq"}, "dead-letters"),
        ({"target": "h", "service": "shop", "destination": "orders", "group": "shipping"}, "handlers"),
        ({"target": "k", "destination": "orders"}, "destinations"),
        ({"alertname": "CollectorDown", "target": "k"}, "targets"),
    ],
)
def test_the_page_is_of_what_the_labels_name(labels: dict[str, str], page: str) -> None:
    assert page_of(labels) == page


def test_the_console_reads_what_the_link_says() -> None:
    labels = {"alertname": "X", "severity": "critical", "target": "k 1", "destination": "größe&co?#/", "group": "a=b"}

    link = urlsplit(console_link("http://console:8501/", labels, AT))
    place = parsed({name: value for name, (value,) in parse_qs(link.query).items()})

    assert (link.netloc, link.path) == ("console:8501", "/consumers")
    assert dict(place.labels) == {"target": "k 1", "destination": "größe&co?#/", "group": "a=b"}
    assert place.at == AT


def test_a_hostile_name_does_not_leave_its_parameter() -> None:
    link = console_link("http://c", {"target": "k", "destination": 'x" onclick="y <b>'}, AT)

    assert link == "http://c/destinations?target=k&destination=x%22%20onclick%3D%22y%20%3Cb%3E&at=2023-11-14T22:13:20Z"


def test_without_a_console_there_is_no_link() -> None:
    assert console_link("", {"target": "k"}, AT) == ""


def test_the_dashboard_is_opened_for_the_target_around_the_moment() -> None:
    link = dashboard_link("https://grafana.example/", {"target": "k 1"}, AT)

    assert link == "https://grafana.example/d/eda-now?var-target=k%201&from=1699996400000&to=1700000900000"


def test_the_dashboard_that_is_linked_is_one_that_ships_and_has_the_variable() -> None:
    board = dashboard_now()

    assert board["uid"] == DASHBOARD
    assert "target" in {one["name"] for one in board["templating"]["list"]}


def test_without_grafana_there_is_no_link() -> None:
    assert dashboard_link("", {"target": "k"}, AT) == ""
