"""What a message says, and how hostile names are kept harmless in it."""

from __future__ import annotations

import pytest
from receiving import NOW, a_notification, an_alert

from monitor.alerts.notifiers import texts

HOSTILE = "<!channel> *b* `x` <script>alert(1)</script>\r\nBcc: eve@example.org\u202egpj.exe\x1b[31m &amp; @here \ud800"


def test_a_title_tells_what_it_is_about_in_one_line() -> None:
    assert texts.title(a_notification()) == "FIRING: 3 new dead letters in orders.dlq"
    assert texts.title(a_notification(an_alert("resolved"))) == "RESOLVED: 3 new dead letters in orders.dlq"


def test_a_title_of_several_alerts_counts_those_of_its_status_and_names_the_rules() -> None:
    message = a_notification(an_alert(), an_alert(alertname="HandlerSlow"), an_alert("resolved"), truncated=5)

    assert texts.title(message) == "FIRING: 7 alerts, DeadLettersGrowing, HandlerSlow"


def test_an_alert_without_a_summary_is_called_by_its_rule_and_destination() -> None:
    assert texts.headline(an_alert(summary="")) == "DeadLettersGrowing orders.dlq"


def test_the_facts_are_where_since_when_how_much_and_against_what() -> None:
    facts = dict(texts.facts(an_alert(group="billing")))

    assert facts == {
        "Destination": "orders.dlq", "Group": "billing", "Source": "orders", "Target": "kafka",
        "Since": "2023-11-14 22:13:20 UTC", "Value": "3", "Threshold": "above 0", "Severity": "critical",
        "Rule": "DeadLettersGrowing",
    }  # fmt: skip


def test_a_resolved_alert_tells_until_when() -> None:
    assert dict(texts.facts(an_alert("resolved")))["Until"] == "2023-11-14 22:18:20 UTC"


def test_labels_and_annotations_without_a_word_of_their_own_are_told_too() -> None:
    alert = an_alert(node="rabbit@a")
    alert.annotations["rate_in"] = "7 a second"

    facts = dict(texts.facts(alert))

    assert (facts["node"], facts["Rate in"]) == ("rabbit@a", "7 a second")


def test_a_plain_message_says_what_to_do_and_where_to_look() -> None:
    text = texts.plain(a_notification(), 10_000)

    assert text.startswith("FIRING: 3 new dead letters in orders.dlq\nDestination: orders.dlq\n")
    assert text.endswith("What to do: Read one of them for the cause.\nConsole: http://console/now?at=1")


@pytest.mark.parametrize("limit", [300, 1000, 5000])
def test_a_plain_message_keeps_its_limit_and_counts_what_has_no_room(limit: int) -> None:
    alerts = [an_alert(destination=f"orders.{number}" + "x" * 5000) for number in range(30)]
    text = texts.plain(a_notification(*alerts, truncated=2), limit)

    told = text.count("Destination:")
    assert len(text) <= limit
    assert text.endswith(f"and {32 - told} more alerts.")


def test_nothing_in_a_line_ends_it_hides_it_or_turns_it() -> None:
    line = texts.one_line(HOSTILE)

    assert line.splitlines() == [line]
    assert not set(line) & set("\r\n\x1b\u202e\ud800")
    line.encode()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://a/ b", "http://a/<b", "", "http://a|b"])
def test_a_link_is_of_http_and_ends_nothing(url: str) -> None:
    alert = an_alert()
    alert.annotations["console_url"] = url or "no address"

    assert texts.link(alert, a_notification(alert)) == ""


def test_what_is_cut_shows_it() -> None:
    assert texts.cut("abcdef", 4) == "abc…"
    assert texts.cut("abcd", 4) == "abcd"


def test_a_moment_is_told_in_utc() -> None:
    assert texts.moment(NOW) == "2023-11-14 22:13:20 UTC"


def test_the_severity_of_a_message_is_its_worst() -> None:
    assert texts.severity(a_notification(an_alert(severity="info"), an_alert(severity="critical"))) == "critical"
    assert texts.severity(a_notification(an_alert(severity="odd"))) == ""


def test_the_dashboard_is_linked_where_it_is_known() -> None:
    alert = an_alert()
    alert.annotations["dashboard_url"] = "https://grafana/d/eda-now?from=1&to=2"

    assert texts.dashboard(alert) == "https://grafana/d/eda-now?from=1&to=2"
    assert "Dashboard: https://grafana/d/eda-now?from=1&to=2" in texts.plain(a_notification(alert), 10_000)


def test_a_runbook_that_a_browser_may_open_is_a_link_and_another_one_is_told() -> None:
    alert = an_alert()
    alert.annotations["runbook_url"] = "https://eda/runbooks#x"
    assert ("Runbook", "https://eda/runbooks#x") in texts.links(alert, a_notification(alert))
    assert "runbooks" not in texts.advice(alert)

    alert.annotations["runbook_url"] = "docs/runbooks.md#x"
    assert [word for word, _ in texts.links(alert, a_notification(alert))] == ["Console"]
    assert texts.advice(alert).endswith("\ndocs/runbooks.md#x")


def test_what_changed_is_told() -> None:
    alert = an_alert()
    alert.annotations["changed"] = "in 12/s (was 3/s)"

    assert dict(texts.facts(alert))["What changed"] == "in 12/s (was 3/s)"


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://x> <b>"])
def test_what_a_browser_may_not_open_is_no_dashboard(url: str) -> None:
    alert = an_alert()
    alert.annotations["dashboard_url"] = url

    assert texts.dashboard(alert) == ""
