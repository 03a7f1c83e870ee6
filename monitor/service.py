"""The parts put together: the agent over its targets, and the console beside it, as long as they are to run."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from collectors.base import Collector, TargetSettings
from monitor.access import AuthSettings
from monitor.agent import Agent
from monitor.alerts.delivery import deliverer_of
from monitor.alerts.engine import Engine
from monitor.alerts.parameters import configured
from monitor.alerts.rules import Rule
from monitor.config import Config
from monitor.ending import Ending
from monitor.exporter import Exporter, ExporterError
from monitor.passwords import parsed
from monitor.store.writer import Store

log = logging.getLogger(__name__)
_FILE = "console.auth.password_file.path"


class ServiceError(Exception):
    """A part cannot run. The message names the key of the configuration."""


#: How soon it is seen that the process is to end, or that the console has ended.
LOOK_SECONDS = 0.2


def watch(config: Config, targets: Sequence[tuple[TargetSettings, Collector]], with_console: bool) -> None:
    """Run the agent over these targets, and the console beside it, until told to stop."""
    ending = Ending()
    running = start_agent(config, targets)
    process = start_console(config) if with_console else None
    try:
        while not ending.wait(LOOK_SECONDS):
            if process is not None and process.poll() is not None:
                raise ServiceError(f"console.listen: the console ended with code {process.returncode}")
    finally:
        if process is not None:
            process.terminate()
        running.stop()


def serve_console(config: Config) -> int:
    """Run the console alone until told to stop; the exit code of its process, or 0."""
    ending, process = Ending(), start_console(config)
    try:
        while not ending.wait(LOOK_SECONDS):
            if process.poll() is not None:
                return process.returncode
        return 0
    finally:
        process.terminate()
        process.wait()


def start_agent(config: Config, targets: Sequence[tuple[TargetSettings, Collector]]) -> Agent:
    """A running agent over these targets; the caller stops it."""
    rules = rules_of_config(config)  # before the store, which would have to be closed again
    store = Store(config.store.path)
    exporter = Exporter(ready=lambda: running.ready)
    intervals = {target.name: target.interval for target, _ in targets}
    engine = Engine(rules, config.alerting, config.console.reached_at, intervals)
    longest = max(intervals.values(), default=0.0)
    deliverer = deliverer_of(
        store, config.receivers, config.alerting_settings, lambda: running.healthy, longest, config.console.reached_at
    )
    running: Agent = Agent(targets, store, exporter, engine, deliverer)
    try:
        address = exporter.serve(config.exporter.listen)
    except ExporterError:
        store.close()
        raise
    _tell(f"Watching {', '.join(target.name for target, _ in targets)}. Metrics: http://{address}/metrics")
    running.start()
    return running


def rules_of_config(config: Config) -> list[Rule]:
    """The rules that ship and those of the configuration, as it sets them; raises RuleError."""
    settings = config.alerting_settings
    return configured(config.rules, settings.rules, config.source, settings.runbooks)


def start_console(config: Config) -> subprocess.Popen[bytes]:
    from monitor.console import command
    from monitor.console.setting import is_loopback

    _must_know(config.console.auth)
    if config.console.auth is None and not is_loopback(config.console.listen):
        log.warning(
            "console.listen: %s is not a loopback address, and without [console.auth] everyone who reaches it sees"
            " all that the console shows",
            config.console.listen,
        )
    host, _, port = config.console.listen.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise ServiceError(f"console.listen: cannot listen on {config.console.listen}: {error.strerror}") from None
    argv, environment = command(config.store.path, config.console, config.alerting.grafana_url)
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
    _tell(f"Console: {url(config.console.listen)}")
    return process


def _must_know(auth: AuthSettings | None) -> None:
    """Raise ServiceError where nobody could sign in."""
    if auth is not None and auth.password_file is not None:
        try:
            users = parsed(auth.password_file.path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ServiceError(f"{_FILE}: {auth.password_file.path} cannot be read: {error.strerror}") from None
        except ValueError as error:  # also of what is not UTF-8
            raise ServiceError(f"{_FILE}: {auth.password_file.path}: {error}") from None
        if not users:
            raise ServiceError(f"{_FILE}: {auth.password_file.path} names nobody; expected a line for each user")
    if auth is not None and auth.oidc is not None and find_spec("authlib") is None:
        raise ServiceError("console.auth.oidc: needs the module authlib: pip install 'eda-monitor[oidc]'")


def url(listen: str) -> str:
    return f"http://{listen}"


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
