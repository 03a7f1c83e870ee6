"""`[alerting]`, `[[routes]]` and `[[maintenance]]` as they are written, and what the engine takes of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from collectors.base import Duration, Settings, parse_duration
from monitor.alerts.notifiers.base import ReceiverSettings, check_url, is_http
from monitor.alerts.routing import Alerting, Receiver, Route, Window
from monitor.alerts.rules import RUNBOOKS, matcher

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _matchers(match: dict[str, str]) -> dict[str, str]:
    for name, text in match.items():
        operator, pattern = matcher(text)
        try:
            re.compile(pattern if operator.endswith("~") else "")
        except re.error as error:
            raise ValueError(f"{name}: {pattern!r} is not a regular expression: {error}") from None
    return match


def _waits(value: object) -> object:
    """A duration for all, or one for each severity and one named "default"."""
    waits = value if isinstance(value, dict) else {"default": value}
    found = {str(name): parse_duration(text) for name, text in waits.items()}
    for name, seconds in found.items():
        if name not in ("critical", "warning", "info", "default"):
            raise ValueError(f"{name!r} is not a severity; expected critical, warning, info or default")
        if seconds < 0:
            raise ValueError(f"{name}: expected a duration, not {seconds:g}")
    return found


def _waits_by_default() -> dict[str, float]:
    return {name or "default": seconds for name, seconds in Alerting().group_wait.items()}


def _moment(value: object) -> object:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("it has no offset from UTC; expected such as 2030-01-31T22:00:00Z")
    return value


def _is_url(url: str) -> str:
    if url and not is_http(url):
        raise ValueError("it is not a URL; expected http://host… or https://host…")
    return url


#: Where people reach something with a browser; "" is nowhere.
Url = Annotated[str, AfterValidator(_is_url)]
Matchers = Annotated[dict[str, str], AfterValidator(_matchers)]
Moment = Annotated[datetime, AfterValidator(_moment)]
#: Seconds, which may be 0.
Wait = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]


class ParameterSettings(Settings):
    """What of a rule can be set; None leaves it as the rule says."""

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    for_: Annotated[Wait | None, Field(alias="for")] = None
    keep_firing_for: Wait | None = None
    severity: Literal["critical", "warning", "info", "none"] | None = None
    enabled: bool | None = None


class OverrideSettings(ParameterSettings):
    """Parameters of those alerts of a rule whose labels match; of several overrides the first that does counts."""

    match: Annotated[dict[str, str], Field(min_length=1)]


class RuleSettings(ParameterSettings):
    override: tuple[OverrideSettings, ...] = ()


class AlertingSettings(Settings):
    runbooks: str = RUNBOOKS
    #: Where people reach Grafana; where we do (`[grafana] url`), if it is not told.
    grafana_url: Url = ""
    rules: Annotated[dict[str, RuleSettings], Field(default_factory=dict)]
    group_by: tuple[str, ...] = Alerting().group_by
    #: By severity; "default" is of the others.
    group_wait: Annotated[dict[str, float], BeforeValidator(_waits), Field(default_factory=_waits_by_default)]
    group_interval: Duration = Alerting().group_interval
    repeat_interval: Duration = Alerting().repeat_interval
    #: Called as long as the agent works.
    watchdog_url: SecretStr | None = None
    watchdog_url_file: Path | None = None
    watchdog_url_env: str | None = None
    watchdog_method: Literal["GET", "POST"] = "GET"
    watchdog_interval: Duration = 60.0

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.watched:
            check_url(self, "watchdog_url")
        if self.repeat_interval < self.group_interval:
            raise ValueError("repeat_interval: expected at least group_interval")
        return self

    @property
    def watched(self) -> bool:
        return any((self.watchdog_url, self.watchdog_url_file, self.watchdog_url_env))


class RouteSettings(Settings):
    """Alerts that match go to these receivers, and to those of later routes only with `continue`."""

    match: Annotated[Matchers, Field(default_factory=dict)]
    receivers: Annotated[tuple[str, ...], Field(min_length=1)]
    continue_: Annotated[bool, Field(alias="continue")] = False


class MaintenanceSettings(Settings):
    """A time in which nobody is told of alerts that match: once, or weekly."""

    name: str = ""
    match: Annotated[Matchers, Field(default_factory=dict)]
    from_: Annotated[Moment | None, Field(alias="from")] = None
    until: Moment | None = None
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] | None = None
    start: time | None = None
    end: time | None = None
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name!r} is not a time zone; expected such as 'Europe/Berlin'") from None
        return name

    @field_validator("start", "end", mode="before")
    @classmethod
    def _is_time(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, time) or (isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value)):
            return value
        raise ValueError("expected a time of the day, such as '22:00'")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        once, weekly = (self.from_, self.until), (self.start, self.end)
        if (None in once) == (None in weekly) or (None in once and any(once)) or (None in weekly and any(weekly)):
            raise ValueError("expected from and until, or start and end (and days)")
        if self.days is not None and self.start is None:
            raise ValueError("days: expected together with start and end")
        if self.from_ is not None and self.until is not None and self.until <= self.from_:
            raise ValueError("until: expected a time after from")
        return self

    def window(self) -> Window:
        if self.from_ is not None and self.until is not None:
            return Window(self.name, MappingProxyType(self.match), self.from_.timestamp(), self.until.timestamp())
        days = frozenset(DAYS.index(day) for day in self.days or DAYS)
        return Window(
            self.name, MappingProxyType(self.match), days=days, start=self.start or time(0), end=self.end or time(0),
            timezone=self.timezone,
        )  # fmt: skip


def alerting_of(
    settings: AlertingSettings,
    receivers: Sequence[ReceiverSettings],
    routes: Sequence[RouteSettings],
    maintenance: Sequence[MaintenanceSettings],
    grafana_url: str,
) -> Alerting:
    """What the engine takes. An Alertmanager groups and routes by itself, and is no receiver of messages."""
    waits = {"" if name == "default" else name: seconds for name, seconds in settings.group_wait.items()}
    return Alerting(
        receivers=tuple(Receiver(one.name, one.send_resolved) for one in receivers if one.kind != "alertmanager"),
        routes=tuple(Route(MappingProxyType(one.match), one.receivers, one.continue_) for one in routes),
        group_by=settings.group_by,
        group_wait=MappingProxyType(waits),
        group_interval=settings.group_interval,
        repeat_interval=settings.repeat_interval,
        windows=tuple(one.window() for one in maintenance),
        grafana_url=grafana_url,
    )


def unknown_receivers(routes: Sequence[RouteSettings], receivers: Sequence[tuple[str, str]]) -> list[str]:
    """A problem for each receiver of a route that there is not; `receivers` are names and kinds."""
    kinds, problems = dict(receivers), []
    for index, route in enumerate(routes):
        for name in route.receivers:
            if name not in kinds:
                known = ", ".join(sorted(kinds)) or "none is configured"
                problems.append(f"routes[{index}].receivers: {name!r} is not a receiver; expected one of: {known}")
            elif kinds[name] == "alertmanager":
                problems.append(
                    f"routes[{index}].receivers: {name!r} is an Alertmanager, which is told of every alert"
                    " and routes by itself; leave it out"
                )
    return problems
