"""The command line. Exit codes: 0 fine, 1 some target not readable, 2 the command or the configuration is wrong."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from collectors.base import Collector, TargetSettings
from monitor import config as configuration
from monitor.agent import scrape
from monitor.alerts.exports import to_alertmanager_yaml, to_grafana_yaml
from monitor.alerts.promql import to_prometheus_yaml
from monitor.alerts.rules import Rule, RuleError
from monitor.cli import alerts, backtest, console, grafana, kubernetes, trial
from monitor.cli.options import ConfigOption, JsonOption, config_or_none, fail, rules_and_links, write_files
from monitor.cli.printing import Format, print_scrapes
from monitor.config import Config, ConfigError
from monitor.exporter import ExporterError
from monitor.service import ServiceError, rules_of_config, watch
from monitor.store.writer import StoreError

app = typer.Typer(
    name="eda-monitor",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
alerts.app.command("test")(trial.test)
alerts.app.command("backtest")(backtest.backtest_rules)
app.add_typer(alerts.app, name="alerts")
app.add_typer(console.app, name="console")
app.add_typer(grafana.app, name="grafana")
app.command("export-kubernetes")(kubernetes.export_kubernetes)
#: What is no terminal has no width of its own; tables want some.
out = Console(width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True)


KAFKA = """\
[[targets]]
name = "local"
kind = "kafka"
bootstrap_servers = ["127.0.0.1:9092"]
"""
RABBITMQ = """\
[[targets]]
name = "local-rabbitmq"
kind = "rabbitmq"
url = "http://127.0.0.1:15672"
username = "guest"
password = "guest"
"""
STARTER = f"""\
{KAFKA}[store]
path = "eda-monitor.db"
"""
#: What is looked for where there is no configuration: name, standard port, target.
NEARBY = (("Kafka", 9092, KAFKA), ("RabbitMQ", 15672, RABBITMQ))


def main() -> None:
    """Entry point of `eda-monitor`: every foreseen failure is one line on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    for client in ("kafka", "azure", "botocore"):
        logging.getLogger(client).setLevel(logging.CRITICAL)  # their failures reach the user as ours
    try:
        app()
    except ConfigError as error:
        fail(*error.problems)
    except (StoreError, ExporterError, ServiceError, RuleError) as error:
        fail(str(error))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"eda-monitor {version('eda-monitor')}")
        raise typer.Exit


@app.callback()
def common(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Watch event-driven systems: backlog, failed delivery, dead letters."""


@app.command()
def init(path: Annotated[Path, typer.Argument(help="File to write.")] = Path(configuration.DEFAULT_FILE)) -> None:
    """Write a small configuration to start from."""
    if path.exists():
        fail(f"{path} is there already; nothing was written")
    path.write_text(STARTER, encoding="utf-8")
    print(f"Wrote {path}. Put your broker's address in it, then: eda-monitor check")


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say for every target whether it can be read, and if not, exactly what is missing."""
    findings, loaded = [], configuration.load(config)
    rules_of_config(loaded)
    for target, collector in _collectors(loaded):
        findings += [(target.name, finding) for finding in collector.check(time.monotonic() + target.timeout)]
        collector.close()
    if as_json:
        print(json.dumps([{"target": name, **finding._asdict()} for name, finding in findings], indent=2))
    else:
        for name, finding in findings:
            mark = "[red]✗[/]" if not finding.ok else "[yellow]![/]" if finding.hint else "[green]✓[/]"
            hint = f" [dim]→[/] {escape(finding.hint)}" if finding.hint else ""
            out.print(f"{mark} [bold]{escape(name)}[/] {escape(finding.what)}{hint}", soft_wrap=True)
    if not all(finding.ok for _, finding in findings):
        raise SystemExit(1)


@app.command()
def collect(
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Read each target once and end.")] = True,
    form: Annotated[Format, typer.Option("--format")] = Format.table,
) -> None:
    """Print one scrape of every target and end."""
    scrapes = []
    for target, collector in _collectors(configuration.load(config)):
        scrapes.append(scrape(target, collector))
        collector.close()
    print_scrapes(scrapes, form, out)
    if not all(one.ok for one in scrapes):
        raise SystemExit(1)


@app.command()
def agent(config: ConfigOption = None) -> None:
    """Collect for ever and serve /metrics, /-/healthy and /-/ready."""
    _run_agent(configuration.load(config), with_console=False)


@app.command()
def up(config: ConfigOption = None) -> None:
    """Agent and console in one command. Without a configuration, look for brokers on their standard local ports."""
    default = Path(os.environ.get("EDA_MONITOR_CONFIG", configuration.DEFAULT_FILE))
    if config is None and not default.exists():
        _run_agent(_found_nearby(), with_console=True)
    else:
        _run_agent(configuration.load(config), with_console=True)


@app.command()
def demo(
    seconds: Annotated[float | None, typer.Option(help="End by itself after so many seconds.")] = None,
) -> None:
    """Start a real Kafka with traffic that goes wrong, and watch it."""
    from monitor.demo.run import run_demo

    run_demo(seconds)


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The overview page, for the terminal."""
    from monitor.console.sources import source_of
    from monitor.console.status import overview_as_dict, print_overview

    loaded = configuration.load(config)
    with closing(source_of(loaded.store.path, loaded.console.source)) as source:
        if as_json:
            print(json.dumps(overview_as_dict(source, time.time()), indent=2))
        else:
            print_overview(out, source, time.time())


@app.command("export-rules")
def export_rules(
    prometheus: Annotated[
        Path | None, typer.Option("--prometheus", help="Folder for alerts.yml and alertmanager.yml.")
    ] = None,
    grafana: Annotated[Path | None, typer.Option("--grafana", help="File for Grafana's alert provisioning.")] = None,
    datasource: Annotated[str, typer.Option(help="Grafana's uid of the Prometheus to ask.")] = "eda-prometheus",
    config: ConfigOption = None,
) -> None:
    """Write the rules, as they are configured, for Prometheus, Alertmanager or Grafana."""
    if prometheus is None and grafana is None:
        fail("export-rules: expected --prometheus DIR or --grafana FILE")
    rules, links = rules_and_links(config_or_none(config))
    files = {} if prometheus is None else rule_files(prometheus, rules, *links)
    if grafana is not None:
        files[grafana] = to_grafana_yaml(rules, datasource, *links)
    write_files(files)


def rule_files(folder: Path, rules: Sequence[Rule], console_url: str, grafana_url: str) -> dict[Path, str]:
    """What a Prometheus and its Alertmanager want."""
    return {
        folder / "alerts.yml": to_prometheus_yaml(rules, console_url, grafana_url),
        folder / "alertmanager.yml": to_alertmanager_yaml(),
    }


def _collectors(config: Config) -> list[tuple[TargetSettings, Collector]]:
    made: list[tuple[TargetSettings, Collector]] = []
    for target in config.targets:
        make: Callable[[TargetSettings], Collector] = configuration.collector_class(target.kind)
        made.append((target, make(target)))
    return made


def _run_agent(config: Config, with_console: bool) -> None:
    if not config.targets:
        fail("targets: there is none; expected at least one [[targets]] with name and kind")
    watch(config, _collectors(config), with_console)


def _found_nearby() -> Config:
    """A configuration for the brokers that listen on their standard local ports."""
    found = [(name, target) for name, port, target in NEARBY if _listens(port)]
    if not found:
        ports = " and ".join(f"no {name} on 127.0.0.1:{port}" for name, port, _ in NEARBY)
        fail(f"no configuration file, {ports}; write one with `eda-monitor init`")
    names = " and ".join(name for name, _ in found)
    err.print(f"No configuration file: found {names} on this machine and will watch it.")
    return configuration.parse("".join(target for _, target in found), source="found nearby", folder=Path.cwd())


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
