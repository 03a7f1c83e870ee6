"""A notification as Alertmanager's webhook writes it."""

from __future__ import annotations

import json

from monitor.alerts.messages import AlertMessage, Notification, to_json
from monitor.alerts.webhook import webhook, webhook_body

FIRING = AlertMessage("firing", {"alertname": "A", "target": "t"}, {"summary": "s"}, 1_700_000_000, None, "f1", 1, "u")
RESOLVED = AlertMessage("resolved", {"alertname": "A", "target": "x"}, {}, 1_700_000_000, 1_700_000_060.5, "f2", 1, "u")
GROUP = Notification("ops", "k", {"alertname": "A"}, "firing", (FIRING, RESOLVED), 3, "http://c")


def test_common_labels_are_those_that_all_alerts_share() -> None:
    body = webhook(GROUP)

    assert (body["commonLabels"], body["commonAnnotations"]) == ({"alertname": "A"}, {"console_url": "u"})


def test_an_alert_that_fires_ends_at_the_zero_time() -> None:
    first, second = webhook(GROUP)["alerts"]

    assert (first["startsAt"], first["endsAt"]) == ("2023-11-14T22:13:20Z", "0001-01-01T00:00:00Z")
    assert second["endsAt"] == "2023-11-14T22:14:20.500000Z"


def test_a_row_of_the_outbox_becomes_a_body() -> None:
    assert json.loads(webhook_body(to_json(GROUP))) == webhook(GROUP)


def test_a_row_that_an_older_program_wrote_is_a_body_already() -> None:
    assert webhook_body('{"version": "4", "alerts": []}') == '{"version": "4", "alerts": []}'
