"""Configuration: one TOML file, read once into frozen models; every problem is told at once."""

from __future__ import annotations

import importlib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from collectors import KINDS
from collectors.base import Collector, Settings, TargetSettings, parse_duration

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


Address = Annotated[str, AfterValidator(_address)]


#: Seconds, and 0 too, written as "5m".
Wait = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]


class StoreSettings(Settings):
    path: Path = Path("eda-monitor.db")


class ExporterSettings(Settings):
    listen: Address = "127.0.0.1:9464"


class ConsoleSettings(Settings):
    listen: Address = "127.0.0.1:8501"


class ReceiverSettings(Settings):
    name: Annotated[str, Field(min_length=1)]
    kind: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^https?://")]


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
    runbooks: str = "docs/runbooks.md"
    rules: Annotated[dict[str, RuleSettings], Field(default_factory=dict)]


class FileSettings(Settings):
    """The file as it is written, but for the targets, which their own kinds validate."""

    store: StoreSettings = StoreSettings()
    exporter: ExporterSettings = ExporterSettings()
    console: ConsoleSettings = ConsoleSettings()
    targets: tuple[dict[str, Any], ...] = ()
    receivers: tuple[ReceiverSettings, ...] = ()
    alerting: Annotated[AlertingSettings, Field(default_factory=AlertingSettings)]
    rules: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    store: StoreSettings
    exporter: ExporterSettings
    console: ConsoleSettings
    targets: tuple[TargetSettings, ...]
    receivers: tuple[ReceiverSettings, ...]
    alerting: AlertingSettings = AlertingSettings(rules={})  # noqa: RUF009, it is frozen
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
    entries = raw.get("targets", [])
    targets = [
        target
        for index, entry in enumerate(entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and (target := _target(entry, f"targets[{index}]", problems)) is not None
    ]
    problems += _doubled("targets", [target.name for target in targets])
    problems += _doubled("receivers", [receiver.name for receiver in file.receivers] if file else [])
    if problems or file is None:
        raise ConfigError(source, problems)
    store = StoreSettings(path=folder / file.store.path)
    return Config(store, file.exporter, file.console, tuple(targets), file.receivers, file.alerting, file.rules, source)


def collector_class(kind: str) -> type[Collector]:
    """The collector of a kind; raises ImportError when its client library is not installed."""
    module, _, name = KINDS[kind].partition(":")
    found: type[Collector] = getattr(importlib.import_module(module), name)
    return found


def _target(entry: Mapping[str, Any], path: str, problems: list[str]) -> TargetSettings | None:
    kind = entry.get("kind")
    if kind not in KINDS:
        problems.append(f"{path}.kind: {kind!r} is not a kind; expected one of {', '.join(sorted(KINDS))}")
        return None
    try:
        settings = collector_class(kind).Settings
    except ModuleNotFoundError as error:
        problems.append(f"{path}.kind: {kind!r} needs the module {error.name}: pip install 'eda-monitor[{kind}]'")
        return None
    return _validate(settings, entry, path, problems)


S = TypeVar("S", bound=Settings)


def _validate(model: type[S], raw: Mapping[str, Any], path: str, problems: list[str]) -> S | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems += [_problem(model, path, detail) for detail in error.errors(include_url=False)]
        return None


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
    shown = isinstance(value, int | float | bool) and "password" not in where
    return f"{where}: {message}, not {value!r}" if shown else f"{where}: {message}"


def _doubled(path: str, names: list[str]) -> list[str]:
    return [
        f"{path}: the name {name!r} is given twice; expected each name once"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
