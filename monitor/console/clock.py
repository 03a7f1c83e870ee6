"""Times as the one who looks says them, with UTC at hand. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone_of(name: str | None) -> tzinfo:
    """The time zone of this name; UTC where it is none that is known."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def clock(at: float, now: float, zone: tzinfo) -> str:
    """`14:03` on the day of `now`, else `24 Nov 14:03`."""
    then, today = (datetime.fromtimestamp(time, zone) for time in (at, now))
    return f"{then:%H:%M}" if then.date() == today.date() else f"{then.day} {then:%b %H:%M}"


def with_utc(at: float, now: float, zone: tzinfo) -> str:
    """`14:03 (13:03 UTC)`; once where both are the same."""
    own, utc = clock(at, now, zone), clock(at, now, UTC)
    return f"{own} UTC" if own == utc else f"{own} ({utc} UTC)"
