"""Which page of the console an alert opens."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
from telling import WAITING, Monitor

from monitor.alerts.exports import to_grafana_yaml
from monitor.alerts.links import (
    VARIABLES,
    board_link,
    console_link,
    console_path,
    console_template,
    dashboard_link,
    dashboard_of,
    page_of,
)
from monitor.alerts.notifiers.webhook import payload
from monitor.alerts.promql import links_of, to_prometheus_yaml
from monitor.alerts.resending import wire
from monitor.alerts.rules import Rule, default_rules
from monitor.alerts.wording import texts
from monitor.console.place import parsed
from monitor.grafana import dashboards

AT = 1_700_000_000.0


@pytest.mark.parametrize(
    ("labels", "page"),
    [
        ({"target": "k", "destination": "orders", "group": "shipping"}, "consumers"),
        ({"target": "k", "destination": "orders.dlq", "source": "orders"}, "dead-letters"),
        ({"target": "h", "service": "shop", "destination": "orders", "group": "shipping"}, "handlers"),
        ({"target": "k", "destination": "orders"}, "destinations"),
        ({"alertname": "CollectorDown", "target": "k"}, "targets"),
    ],
)
def test_the_page_is_of_what_the_labels_name(labels: dict[str, str], page: str) -> None:
    assert page_of(labels) == page


def test_the_console_reads_what_the_link_says() -> None:
    labels = {"alertname": "X", "severity": "critical", "target": "k 1", "destination": "größe&co?#/", "group": "a=b"}

    link = urlsplit(console_link("http://console:8501/", labels, {}, AT))
    place = parsed({name: value for name, (value,) in parse_qs(link.query).items()})

    assert (link.netloc, link.path) == ("console:8501", "/consumers")
    assert dict(place.labels) == {"target": "k 1", "destination": "größe&co?#/", "group": "a=b"}
    assert place.at == AT


def test_a_hostile_name_does_not_leave_its_parameter() -> None:
    link = console_link("http://c", {"target": "k", "destination": 'x" onclick="y <b>'}, {}, AT)

    assert link == "http://c/destinations?target=k&destination=x%22%20onclick%3D%22y%20%3Cb%3E&at=2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("DeadLettersGrowing", "dead-letters"),
        ("DeadLettersExpiring", "dead-letters"),
        ("DeadLetterBudgetBurnsFast", "dead-letters"),
        ("DeadLetterPathBroken", "destinations"),
        ("DeadLettersLost", "dead-letters"),
        ("BacklogAgeHigh", "consumers"),
        ("HandlerSlow", "handlers"),
        ("PublishFailing", "destinations"),
        ("NotificationsFailing", "alerts"),
        ("CollectorDown", "targets"),
    ],
)
def test_every_alert_of_a_rule_opens_the_page_of_the_rule(name: str, page: str) -> None:
    (rule,) = [rule for rule in default_rules() if rule.name == name]
    labels = dict.fromkeys(rule.by, "x")

    assert console_path(labels, texts(rule, labels, 1.0), AT).startswith(f"/{page}?")
    assert console_template("http://c", rule.opens, rule.by).startswith(f"http://c/{page}?")


def test_the_page_that_a_rule_names_goes_before_its_metric() -> None:
    (rule,) = [rule for rule in default_rules() if rule.name == "DeadLettersGrowing"]
    labels = dict.fromkeys(rule.by, "x")

    assert console_path(labels, texts(rule.model_copy(update={"page": "targets"}), labels, 1.0), AT)[:9] == "/targets?"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("name", ["orders", "größe&co?#/ +", '"}} {{ x', "a=b%20"])
def test_prometheus_fills_in_links_that_the_console_reads(name: str, tmp_path: Path) -> None:
    """promtool compares the annotations that Prometheus makes with those that are expected here."""
    (rule,) = [rule for rule in default_rules() if rule.name == "NodeDown"]
    labels = {"target": name, "system": "rabbitmq", "node": "n"}
    link = f"http://c:1/targets?target={quote_plus(name)}"
    board = f"http://g/d/eda-broker?var-target={quote_plus(name)}&from=now-1h&to=now"
    (tmp_path / "alerts.yml").write_text(to_prometheus_yaml([rule], "http://c:1/", "http://g/"))
    series = "eda_node_up{" + ", ".join(f"{key}={json.dumps(text)}" for key, text in labels.items()) + "}"
    annotations = {**texts(rule, labels, 0), "console_url": link, "dashboard_url": board}
    del annotations["threshold"]
    case = {
        "interval": "1m",
        "input_series": [{"series": series, "values": "0x20"}],
        "alert_rule_test": [
            {
                "eval_time": "15m",
                "alertname": rule.name,
                "exp_alerts": [{"exp_labels": {**labels, "severity": rule.severity}, "exp_annotations": annotations}],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": ["alerts.yml"], "tests": [case]}))

    done = subprocess.run(["promtool", "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    place = parsed({key: text for key, (text,) in parse_qs(urlsplit(link).query).items()})
    assert dict(place.labels) == {"target": name}


def test_no_receiver_is_told_the_name_of_the_page_beside_the_link(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path / "store.db", WAITING + 'page = "alerts"\n')
    monitor.set("orders", 1)
    monitor.cycle()
    (state,) = monitor.alerts()
    monitor.close()

    ((_, _, notification),) = monitor.inbox["ops"]
    told = [payload(notification)["alerts"][0], wire(state, AT, 60, "http://console")]
    assert state.annotations["page"] == "alerts"
    assert [one["generatorURL"].partition("?")[0] for one in told] == ["http://console/alerts"] * 2
    assert ["page" in one["annotations"] for one in told] == [False, False]


def test_grafana_is_told_the_same_links_as_prometheus() -> None:
    addresses = ("http://c:1/", "http://g/")
    (group,) = json.loads(to_grafana_yaml(default_rules(), "p", *addresses))["groups"]
    found = {one["title"]: one["annotations"] for one in group["rules"]}

    for rule in default_rules():
        if rule.name in found:
            assert links_of(rule, *addresses).items() <= found[rule.name].items()
            assert links_of(rule, *addresses).keys() == {"console_url", "dashboard_url"}
            assert found[rule.name]["runbook_url"] == rule.runbook


def test_without_addresses_prometheus_and_grafana_are_told_no_links() -> None:
    assert '_url: "http' not in to_prometheus_yaml(default_rules())
    assert '_url": "http' not in to_grafana_yaml(default_rules(), "p")


def test_without_a_console_there_is_no_link() -> None:
    assert console_link("", {"target": "k"}, {}, AT) == ""


@pytest.mark.parametrize(
    ("labels", "page", "opened"),
    [
        ({"target": "k 1"}, "", "eda-monitor?var-target=k%201"),
        ({"target": "r", "node": "a"}, "targets", "eda-broker?var-target=r"),
        ({"target": "k", "destination": "o&x"}, "", "eda-destination?var-target=k&var-destination=o%26x"),
        ({"target": "k", "destination": "o", "group": ""}, "", "eda-destination?var-target=k&var-destination=o"),
        (
            {"target": "k", "destination": "o", "group": "g"},
            "consumers",
            "eda-consumers?var-target=k&var-destination=o&var-group=g",
        ),
        (
            {"target": "k", "destination": "o.dlq"},
            "dead-letters",
            "eda-dead-letters?var-target=k&var-destination=o.dlq",
        ),
        ({"target": "k", "source": "o"}, "dead-letters", "eda-slo?var-target=k&var-source=o"),
        ({"target": "k", "rule": "X"}, "alerts", "eda-alerts?var-target=k"),
        ({"target": "apps", "service": "s", "destination": "o"}, "", "eda-handlers?var-destination=o&var-service=s"),
        ({"target": "apps", "service": "s", "destination": "o"}, "destinations", "eda-destination?var-destination=o"),
    ],
)
def test_the_dashboard_fits_what_the_labels_name(labels: dict[str, str], page: str, opened: str) -> None:
    """The target of a handler is not that of the broker it reads, and is not told to a dashboard of the broker's."""
    link = dashboard_link("https://grafana.example/", labels, page, AT)

    assert link == f"https://grafana.example/d/{opened}&from=1699996400000&to=1700000900000"


@pytest.mark.parametrize("rule", default_rules(), ids=lambda rule: str(rule.name))
def test_the_dashboard_of_a_rule_ships_and_has_the_variables_that_it_is_told(rule: Rule) -> None:
    uid = dashboard_of(rule.by, rule.opens)
    (board,) = [one for one in dashboards() if one["uid"] == uid]

    assert set(VARIABLES[uid]) <= {one["name"] for one in board["templating"]["list"]}


def test_without_grafana_there_is_no_link() -> None:
    assert dashboard_link("", {"target": "k"}, "", AT) == ""


def test_a_page_opens_the_dashboard_about_the_same_over_the_same_time() -> None:
    labels = {"target": "k", "destination": "a&b", "group": "g"}

    assert board_link("http://g/", labels, "consumers", (AT, AT + 60)) == (
        "http://g/d/eda-consumers?var-target=k&var-destination=a%26b&var-group=g&from=1700000000000&to=1700000060000"
    )
    assert board_link("", labels, "consumers", (AT, AT + 60)) == ""
