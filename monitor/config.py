"""Configuration: one TOML file, read once into frozen models; every problem is told at once."""

from __future__ import annotations

import importlib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator

from collectors import EXTRAS, KINDS
from collectors.base import Collector, Duration, Settings, TargetSettings
from monitor.access import AuthSettings
from monitor.alerts import notifiers
from monitor.alerts.exports import FOLDER_TITLE, FOLDER_UID
from monitor.alerts.notifiers import ReceiverSettings
from monitor.alerts.notifiers.base import CaFile, without_login
from monitor.alerts.routing import Alerting
from monitor.alerts.settings import (
    AlertingSettings,
    MaintenanceSettings,
    RouteSettings,
    Url,
    alerting_of,
    unknown_receivers,
)
from monitor.console_source import SourceOption

DEFAULT_FILE = "eda-monitor.toml"


class ConfigError(Exception):
    """The configuration is wrong. `problems` has one line each: path of the key, value, what was expected."""

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        self.problems = [f"{source}: {problem}" for problem in problems]
        super().__init__("\n".join(self.problems))


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r} is not an address; expected host:port, such as '127.0.0.1:9464'")
    return value


def _uid(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", value):
        raise ValueError(f"{value!r} is no uid of Grafana; expected up to 40 letters, digits, - and _")
    return value


Address = Annotated[str, AfterValidator(_address)]


class StoreSettings(Settings):
    path: Path = Path("eda-monitor.db")


class ExporterSettings(Settings):
    listen: Address = "127.0.0.1:9464"


class ConsoleSettings(Settings):
    listen: Address = "127.0.0.1:8501"
    #: Where people reach it, for the links of messages; where it listens, if it is not told.
    url: Url = ""
    #: What it reads instead of the store.
    source: SourceOption = None
    #: Who may look and write; without it everyone looks and nobody writes.
    auth: AuthSettings | None = None

    @property
    def reached_at(self) -> str:
        return self.url or f"http://{self.listen}"


class GrafanaSettings(Settings):
    """Where `eda-monitor grafana` imports to, with the token of a service account that may write there."""

    #: Where we reach it, and people too where `[alerting] grafana_url` does not say another.
    url: Url = ""
    token: SecretStr | None = None
    token_file: Path | None = None
    token_env: str = "GRAFANA_TOKEN"
    #: Title and uid of the folder.
    folder: Annotated[str, Field(min_length=1)] = FOLDER_TITLE
    folder_uid: Annotated[str, AfterValidator(_uid)] = FOLDER_UID
    #: Name or uid of the Prometheus that the dashboards and alerts ask; Grafana's default one, if it is not told.
    datasource: str = ""
    ssl_cafile: CaFile = None
    timeout: Duration = 10.0

    @model_validator(mode="after")
    def _has_one_token(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("expected one of token, token_file and token_env")
        return self


class FileSettings(Settings):
    """The file as it is written, but for the targets and receivers, which their own kinds validate."""

    store: StoreSettings = StoreSettings()
    exporter: ExporterSettings = ExporterSettings()
    console: ConsoleSettings = ConsoleSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    targets: tuple[dict[str, Any], ...] = ()
    receivers: tuple[dict[str, Any], ...] = ()
    alerting: AlertingSettings = AlertingSettings.model_validate({})
    routes: tuple[RouteSettings, ...] = ()
    maintenance: tuple[MaintenanceSettings, ...] = ()
    rules: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    store: StoreSettings
    exporter: ExporterSettings
    console: ConsoleSettings
    targets: tuple[TargetSettings, ...]
    receivers: tuple[ReceiverSettings, ...]
    #: Who is told of an alert, and when, as the engine takes it.
    alerting: Alerting
    #: `[alerting]` as it is written.
    alerting_settings: AlertingSettings
    grafana: GrafanaSettings
    #: Rules of the configuration's own, as they are written in `source`.
    rules: tuple[dict[str, Any], ...] = ()
    source: str = ""


def load(path: Path | None) -> Config:
    """Read the configuration of `path`, of `$EDA_MONITOR_CONFIG`, or of `eda-monitor.toml`; raises ConfigError."""
    file = path or Path(os.environ.get("EDA_MONITOR_CONFIG", DEFAULT_FILE))
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            str(file), ["no such file; write one with `eda-monitor init`, or name it by --config"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), [f"cannot be read: {error}"]) from None
    return parse(text, source=str(file), folder=file.resolve().parent)


def parse(text: str, source: str, folder: Path) -> Config:
    """The configuration written in `text`; relative paths are relative to `folder`. Raises ConfigError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, [f"not valid TOML: {error}"]) from None
    problems: list[str] = []
    file = _validate(FileSettings, raw, "", problems)
    targets = _entries(raw, "targets", problems, _target)
    receivers = _entries(raw, "receivers", problems, _receiver)
    if file is not None and len(receivers) == len(file.receivers):
        problems += unknown_receivers(file.routes, [(one.name, one.kind) for one in receivers])
    if problems or file is None:
        raise ConfigError(source, problems)
    store = StoreSettings(path=folder / file.store.path)
    console = _relative(file.console, folder)
    grafana_url = without_login(file.alerting.grafana_url or file.grafana.url)
    alerting = alerting_of(file.alerting, receivers, file.routes, file.maintenance, grafana_url)
    return Config(
        store,
        file.exporter,
        console,
        tuple(targets),
        tuple(receivers),
        alerting,
        file.alerting,
        file.grafana,
        file.rules,
        source,
    )


def _relative(console: ConsoleSettings, folder: Path) -> ConsoleSettings:
    """The same, with its file of passwords named from anywhere."""
    if console.auth is None or console.auth.password_file is None:
        return console
    file = console.auth.password_file.model_copy(update={"path": folder / console.auth.password_file.path})
    return console.model_copy(update={"auth": console.auth.model_copy(update={"password_file": file})})


def collector_class(kind: str) -> type[Collector]:
    """The collector of a kind; raises ImportError when its client library is not installed."""
    module, _, name = KINDS[kind].partition(":")
    found: type[Collector] = getattr(importlib.import_module(module), name)
    return found


E = TypeVar("E", TargetSettings, ReceiverSettings)


def _entries(
    raw: Mapping[str, Any],
    name: str,
    problems: list[str],
    parse_one: Callable[[Mapping[str, Any], str, list[str]], E | None],
) -> list[E]:
    """The entries of a list, each validated by its own kind."""
    entries = raw.get(name, [])
    found = [
        one
        for index, entry in enumerate(entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and (one := parse_one(entry, f"{name}[{index}]", problems)) is not None
    ]
    problems += _doubled(name, [one.name for one in found])
    return found


def _receiver(entry: Mapping[str, Any], path: str, problems: list[str]) -> ReceiverSettings | None:
    kind = entry.get("kind")
    if kind not in notifiers.KINDS:
        problems.append(f"{path}.kind: {kind!r} is not a kind; expected one of {', '.join(sorted(notifiers.KINDS))}")
        return None
    try:
        settings: type[ReceiverSettings] = notifiers.notifier_class(kind).Settings
    except ModuleNotFoundError as error:
        problems.append(f"{path}.kind: {kind!r} needs the module {error.name}: pip install 'eda-monitor[{kind}]'")
        return None
    return _validate(settings, entry, path, problems)


def _target(entry: Mapping[str, Any], path: str, problems: list[str]) -> TargetSettings | None:
    kind = entry.get("kind")
    if kind not in KINDS:
        problems.append(f"{path}.kind: {kind!r} is not a kind; expected one of {', '.join(sorted(KINDS))}")
        return None
    try:
        settings = collector_class(kind).Settings
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(kind, kind)
        problems.append(f"{path}.kind: {kind!r} needs the module {error.name}: pip install 'eda-monitor[{extra}]'")
        return None
    return _validate(settings, entry, path, problems)


S = TypeVar("S", bound=Settings)


def _validate(model: type[S], raw: Mapping[str, Any], path: str, problems: list[str]) -> S | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems += [_problem(model, path, detail) for detail in error.errors(include_url=False)]
        return None


#: Keys of which no value is shown.
_SECRET = re.compile("password|secret|key|token|url|authorization")


def _problem(model: type[Settings], path: str, detail: Any) -> str:
    """One line of a validation error. Secrets are never shown: a value is quoted only by the checks that own it."""
    where = path
    for step in detail["loc"]:
        where += f"[{step}]" if isinstance(step, int) else f".{step}" if where else str(step)
    if detail["type"] == "extra_forbidden":
        known = f"; expected one of {', '.join(sorted(model.model_fields))}" if len(detail["loc"]) == 1 else ""
        return f"{where}: unknown key{known}"
    message = detail["msg"].removeprefix("Value error, ")
    value = detail.get("input")
    shown = isinstance(value, int | float | bool) and not _SECRET.search(where)
    return f"{where}: {message}, not {value!r}" if shown else f"{where}: {message}"


def _doubled(path: str, names: list[str]) -> list[str]:
    return [
        f"{path}: the name {name!r} is given twice; expected each name once"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
