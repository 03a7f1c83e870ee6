"""A notification survives the outbox."""

from __future__ import annotations

import pytest

from monitor.alerts.messages import AlertMessage, Notification, from_json, to_json

ALERT = AlertMessage(
    "resolved", {"alertname": "Ä"}, {"summary": "s"}, 1_700_000_000.25, 1_700_000_060.0, "f00d", 3.5, "u"
)


def test_what_was_written_is_read_again() -> None:
    written = Notification("ops", "{}:{alertname}", {"alertname": "Ä"}, "resolved", (ALERT,), 0, "http://c")

    assert from_json(to_json(written)) == written


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"alerts": []}', '{"version": "4", "alerts": []}'])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_json(text)
