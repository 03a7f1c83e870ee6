"""`eda-monitor grafana …`: our dashboards and alert rules in a Grafana that runs.

Exit codes: 0 fine; 1 Grafana refused, could not be reached, or something is not as it should be; 2 the command or the
configuration is wrong.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from monitor.alerts.exports import to_grafana_group
from monitor.alerts.notifiers.base import NotifyError, is_http, secret
from monitor.cli.options import ConfigOption, JsonOption, config_or_none, fail, rules_and_links, write_files
from monitor.config import Config, GrafanaSettings
from monitor.grafana import dashboards, render

if TYPE_CHECKING:  # grafana-client is an extra, and slow to import
    from monitor.grafana.remote.importing import Outcome, Place
    from monitor.grafana.remote.plan import Step
    from monitor.grafana.remote.proof import Proof
    from monitor.grafana.remote.server import Datasource, Grafana

app = typer.Typer(help="Import dashboards and alert rules into Grafana, and prove that they show data.")

UrlOption = Annotated[str, typer.Option("--url", help="Grafana's address; else [grafana] url, else $GRAFANA_URL.")]
TokenOption = Annotated[
    Path | None,
    typer.Option("--token-file", help="File with a service account's token; else [grafana], else $GRAFANA_TOKEN."),
]
DatasourceOption = Annotated[str, typer.Option("--datasource", help="Name or uid of the Prometheus; else the default.")]
AlertsOption = Annotated[bool, typer.Option("--alerts", help="The alert rules too, as Grafana-managed ones.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite what people changed, too.")]
#: Lines of a diff that are shown where it was not asked for.
_DIFF_LINES = 40
_COLOURS = {"refused": "red", "changed": "red", "provisioned": "red", "same": "dim", "deleted": "yellow"}


@dataclass(frozen=True)
class Work:
    """A Grafana, and what is to be in it."""

    grafana: Grafana
    place: Place
    boards: Sequence[Mapping[str, Any]]
    #: Those of Grafana that are a Prometheus, and the one that what is imported asks.
    datasources: Sequence[Datasource]
    datasource: Datasource
    config: Config | None


@app.command()
def plan(
    alerts: AlertsOption = False,
    url: UrlOption = "",
    token_file: TokenOption = None,
    datasource: DatasourceOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an import and a prune would do, and change nothing. Exit 1: something of it would be refused."""
    with _work(config, url, token_file, datasource) as work:
        steps = [*_steps(work, alerts), *_pruning(work)]
    if as_json:
        _print_json({"steps": [_as_dict(step) for step in steps]})
    else:
        _print_table(("would", "what", "title", "why"), [(str(s.action), s.uid, s.title, s.why) for s in steps])
    raise SystemExit(any(step.action.is_refused for step in steps))


@app.command("import")
def import_all(
    alerts: AlertsOption = False,
    force: ForceOption = False,
    url: UrlOption = "",
    token_file: TokenOption = None,
    datasource: DatasourceOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create and update dashboards, and rules with --alerts. What people changed is refused, with what they changed."""
    with _work(config, url, token_file, datasource) as work:
        from monitor.grafana.remote.importing import carry_out

        work.grafana.make_folder(work.place.uid, work.place.title)
        outcomes: list[Outcome] = []
        try:
            for step in _steps(work, alerts):
                outcomes.append(carry_out(work.grafana, step, work.place, force))
        finally:  # what was done before a failure is done
            _print_outcomes(outcomes, as_json)
    raise SystemExit(any(one.done == "refused" for one in outcomes))


@app.command()
def diff(
    alerts: AlertsOption = False,
    url: UrlOption = "",
    token_file: TokenOption = None,
    datasource: DatasourceOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how what Grafana has differs from what an import would write. Exit 1: it does."""
    with _work(config, url, token_file, datasource) as work:
        steps = [step for step in _steps(work, alerts) if step.diff]
    if as_json:
        _print_json({"differences": [{**_as_dict(step), "diff": list(step.diff)} for step in steps]})
    else:
        for step in steps:
            _print_diff(step, len(step.diff))
        if not steps:
            print("Grafana has what an import would write, or has it not yet: see `eda-monitor grafana plan`.")
    raise SystemExit(bool(steps))


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
    force: ForceOption = False,
    url: UrlOption = "",
    token_file: TokenOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete dashboards that an earlier version imported and this one has no more; never what is not ours."""
    with _work(config, url, token_file, "") as work:
        from monitor.grafana.remote.importing import Outcome, delete

        steps = _pruning(work)
        outcomes = [Outcome(step, "kept") if dry_run else delete(work.grafana, step, force) for step in steps]
    _print_outcomes(outcomes, as_json)
    raise SystemExit(any(one.done == "refused" for one in outcomes))


@app.command()
def verify(
    url: UrlOption = "",
    token_file: TokenOption = None,
    datasource: DatasourceOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the data source of every panel through Grafana, and print what came back. Exit 1: some panel shows none."""
    found: list[Proof] = []
    with _work(config, url, token_file, datasource) as work:
        from monitor.grafana.remote.proof import Proof, own_datasource, proofs

        now = time.time()
        for board in _progress(work.boards, "Asking panels"):
            there = work.grafana.found(str(board["uid"]))
            if there is None:
                found.append(Proof(str(board["uid"]), "", 0, error="it is not imported: eda-monitor grafana import"))
            else:
                own = own_datasource(there.board, work.datasources, work.datasource)
                found += proofs(work.grafana, there.board, work.datasource if datasource else own)
    shown = sum(one.shows_data for one in found)
    if as_json:
        panels = [_proof_as_dict(one, now) for one in found]
        _print_json({"panels": panels, "all_show_data": shown == len(found)})
    else:
        rows = [(one.dashboard, one.panel, str(one.rows), _age(one, now), _wrong(one)) for one in found]
        _print_table(("dashboard", "panel", "rows", "newest", "error"), rows)
        asked = ", ".join(sorted({one.datasource for one in found if one.datasource}))
        print(f"{shown} of {len(found)} panels show data{f', from {asked}' if asked else ''}.")
    raise SystemExit(shown < len(found))


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for one file a dashboard.")],
) -> None:
    """Write the dashboards as files, for file provisioning or the import dialog. Needs no Grafana."""
    write_files({folder / f"{board['uid']}.json": render(board) for board in dashboards()})


@contextmanager
def _work(config: Path | None, url: str, token_file: Path | None, datasource: str) -> Iterator[Work]:
    """What there is to do, and with whom; a failure of Grafana's ends the command with one line."""
    loaded = config_or_none(config)
    settings = GrafanaSettings() if loaded is None else loaded.grafana
    if token_file is not None:
        settings = settings.model_copy(update={"token": None, "token_file": token_file})
    address = url or settings.url or _people_reach(loaded) or os.environ.get("GRAFANA_URL", "")
    if not address:
        fail("grafana.url: it is not told; expected --url, [grafana] url, [alerting] grafana_url or $GRAFANA_URL")
    if not is_http(address):
        fail("grafana.url: it is not a URL; expected http://host… or https://host…")
    try:
        from monitor.grafana.remote.importing import Place, datasource_of, settled
        from monitor.grafana.remote.server import Grafana, GrafanaError
    except ModuleNotFoundError as missing:
        fail(f"grafana: it needs the module {missing.name}: pip install 'eda-monitor[grafana]'")
    place = Place(settings.folder_uid, settings.folder)
    try:
        grafana = Grafana(address, _token(settings, address), settings.timeout, settings.ssl_cafile)
        sources = grafana.prometheuses()
        source = datasource_of(sources, datasource or settings.datasource)
        boards = [settled(board, source, "" if loaded is None else loaded.console.url) for board in dashboards()]
        yield Work(grafana, place, boards, sources, source, loaded)
    except GrafanaError as error:
        fail(str(error), code=1)


def _people_reach(loaded: Config | None) -> str:
    return "" if loaded is None else loaded.alerting.grafana_url


def _token(settings: GrafanaSettings, address: str) -> str | None:
    """The token; None where there is none, but a login in the address."""
    try:
        token = secret(settings, "token")
    except NotifyError as error:
        fail(f"grafana.{error}")
    if not token and not urlsplit(address).username:
        fail(f"grafana.token: there is none; expected ${settings.token_env}, --token-file or [grafana] token_file")
    return token or None


def _rules(work: Work) -> Mapping[str, Any]:
    rules, links = rules_and_links(work.config)
    return to_grafana_group(rules, work.place.uid, work.datasource.uid, *links)


def _steps(work: Work, alerts: bool) -> Iterator[Step]:
    from monitor.grafana.remote.importing import plan, plan_rules

    for board in _progress(work.boards, "Dashboards"):
        yield from plan(work.grafana, [board], work.place)
    if alerts:
        yield plan_rules(work.grafana, _rules(work), work.place)


def _pruning(work: Work) -> list[Step]:
    from monitor.grafana.remote.importing import plan_pruning

    return plan_pruning(work.grafana, work.boards, work.place)


def _progress(boards: Sequence[Mapping[str, Any]], what: str) -> Iterable[Mapping[str, Any]]:
    """A bar on a terminal; nothing elsewhere."""
    err = Console(stderr=True)
    return track(boards, what, console=err, transient=True, disable=not err.is_terminal)


def _print_outcomes(outcomes: Sequence[Outcome], as_json: bool) -> None:
    if as_json:
        told = [{**_as_dict(one.step), "done": one.done, "url": one.url, "why": one.why} for one in outcomes]
        _print_json({"outcomes": told})
    else:
        for one in outcomes:
            if one.step.action == "changed" and one.step.diff:
                _print_diff(one.step, _DIFF_LINES)
        rows = [(one.done, one.step.uid, one.why or one.url) for one in outcomes]
        _print_table(("done", "what", ""), rows)


def _print_diff(step: Step, most: int) -> None:
    _out().print(f"[bold]{escape(step.title)}[/] {escape(step.why)}")
    for line in step.diff[:most]:
        colour = {"+": "green", "-": "red"}.get(line[:1], "dim")
        _out().print(f"[{colour}]{escape(line)}[/]", highlight=False)
    if len(step.diff) > most:
        print(f"… {len(step.diff) - most} more lines: eda-monitor grafana diff")


def _print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, justify="right" if head in ("rows", "newest") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"[{_COLOURS[cell]}]{cell}[/]" if cell in _COLOURS else escape(cell) for cell in row))
    _out().print(table if rows else "There is nothing.")


def _wrong(proof: Proof) -> str:
    return proof.error or ("" if proof.rows else "no data")


def _age(proof: Proof, now: float) -> str:
    return "" if proof.newest is None else f"{max(now - proof.newest, 0):.0f} s ago"


def _as_dict(step: Step) -> dict[str, Any]:
    return {"kind": step.kind, "uid": step.uid, "title": step.title, "action": str(step.action), "why": step.why}


def _proof_as_dict(proof: Proof, now: float) -> dict[str, Any]:
    age = None if proof.newest is None else round(max(now - proof.newest, 0), 3)
    return {
        "dashboard": proof.dashboard,
        "panel": proof.panel,
        "id": proof.id,
        "datasource": proof.datasource or None,
        "rows": proof.rows,
        "age_seconds": age,
        "error": proof.error or None,
    }


def _out() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
