"""Times as the one who looks says them."""

from __future__ import annotations

from datetime import UTC

import pytest

from monitor.console.clock import clock, with_utc, zone_of

AT = 1_764_079_380.0  # 2025-11-25 14:03 UTC


@pytest.mark.parametrize(
    ("now", "zone", "text"),
    [
        (AT + 60, "UTC", "14:03"),
        (AT + 60, "Europe/Berlin", "15:03"),
        (AT + 36000, "UTC", "25 Nov 14:03"),
        (AT + 60, "Asia/Tokyo", "23:03"),
    ],
)
def test_a_time_is_told_in_the_zone_of_who_looks(now: float, zone: str, text: str) -> None:
    assert clock(AT, now, zone_of(zone)) == text


def test_utc_is_at_hand_and_is_told_once() -> None:
    assert with_utc(AT, AT, zone_of("Europe/Berlin")) == "15:03 (14:03 UTC)"
    assert with_utc(AT, AT, UTC) == "14:03 UTC"


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "../etc/passwd"])
def test_an_unknown_zone_is_utc(name: str | None) -> None:
    assert zone_of(name) is UTC
