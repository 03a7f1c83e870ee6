"""`eda-monitor alerts …`: what fires, why, and who has been told. Commands of other modules register on `app`.

Exit codes: 0 fine, 1 there is no such alert or silence, 2 the command or the configuration is wrong.
"""

from __future__ import annotations

import getpass
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from collectors.base import parse_duration
from monitor import config as configuration
from monitor.alerts.routing import match_all
from monitor.alerts.silences import parse_lasting, parse_matchers, shown
from monitor.cli.options import ConfigOption, JsonOption, fail
from monitor.store.desk import Desk
from monitor.store.reader import Ack, AlertState, Reader, Transition

app = typer.Typer(help="List, silence and acknowledge alerts.")

AuthorOption = Annotated[str | None, typer.Option("--author", help="Who you are; else your name on this machine.")]
CommentOption = Annotated[str, typer.Option("--comment", help="Why, for the others.")]


@app.callback(invoke_without_command=True)
def alerts(context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the alerts that are pending or firing; see the commands for more."""
    if context.invoked_subcommand is None:
        list_alerts(config, as_json)


@app.command("list")
def list_alerts(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the alerts that are pending or firing, with what suppresses them."""
    with _reader(config) as reader:
        found = [_as_dict(state, reader) for state in reader.alerts() if state.state != "resolved" and state.is_told]
    if as_json:
        _print_json(found)
        return
    for one in found:
        _out().print(_line(one))
    if not found:
        print("No alert is pending or firing.")


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="FINGERPRINT|NAME")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show alerts whole: labels, texts, since when, and who was told."""
    with _reader(config) as reader:
        found = [
            {**_as_dict(state, reader), "told": _told(reader, state.fingerprint)} for state in _these(reader, which)
        ]
    if as_json:
        _print_json(found)
        return
    for one in found:
        _out().print(_line(one))
        for key in ("fingerprint", "value", "active_at", "fired_at", "resolved_at", "labels", "annotations", "told"):
            _out().print(f"  {key}: {escape(_shown(key, one[key]))}")


@app.command()
def silence(
    matchers: Annotated[list[str], typer.Argument(metavar="MATCHER…", help="name=value, also with != =~ !~")],
    lasting: Annotated[str, typer.Option("--for", help="How long, such as 2h.")],
    comment: CommentOption,
    author: AuthorOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell nobody of the alerts that meet all matchers, for a while. They are listed as before."""
    path, now = configuration.load(config).store.path, time.time()
    try:
        wanted, seconds = parse_matchers(matchers), parse_lasting(lasting)
    except ValueError as error:
        fail(str(error))
    with _desk(path, author) as desk:
        id = desk.add_silence(wanted, now, now + seconds, comment, now)
    with _reader(config) as reader:
        met = [s.fingerprint for s in reader.alerts() if s.state != "resolved" and match_all(s.labels, wanted)]
    if as_json:
        _print_json({"id": id, "matchers": wanted, "ends_at": now + seconds, "alerts": met})
    else:
        print(f"Silence {id} until {_time(now + seconds)}: {shown(wanted)}. It meets {len(met)} alerts now.")


@app.command()
def silences(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the silences that have not ended."""
    now = time.time()
    with _reader(config) as reader:
        found = reader.silences(now)
    if as_json:
        names = ("id", "matchers", "starts_at", "ends_at", "author", "comment")
        _print_json([{name: getattr(one, name) for name in names} for one in found])
        return
    for one in found:
        left = f"{(one.ends_at - now) / 60:.0f} more minutes"
        _out().print(f"[bold]{one.id}[/] {escape(f'{shown(one.matchers)} · {one.author}: {one.comment} · {left}')}")
    if not found:
        print("There is no silence.")


@app.command()
def unsilence(
    id: Annotated[int, typer.Argument(metavar="ID")],
    author: AuthorOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a silence now. What still fires and was told to nobody is told."""
    with _desk(configuration.load(config).store.path, author) as desk:
        if not desk.expire_silence(id, time.time()):
            fail(f"silence {id}: there is none, or it has ended; see `eda-monitor alerts silences`", code=1)
    _print_json({"id": id, "ended": True}) if as_json else print(f"Silence {id} has ended.")


@app.command()
def ack(
    which: Annotated[str, typer.Argument(metavar="FINGERPRINT|NAME")],
    comment: CommentOption = "",
    author: AuthorOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that somebody works on firing alerts: they are not repeated until they resolve."""
    with _reader(config) as reader:
        firing = [state for state in _these(reader, which) if state.state == "firing"]
    with _desk(configuration.load(config).store.path, author) as desk:
        done = [s for s in firing if desk.acknowledge(s.rule, s.fingerprint, comment, time.time())]
    if not done:
        fail(f"{which}: it does not fire; only what fires can be acknowledged", code=1)
    if as_json:
        _print_json([{"rule": state.rule, "fingerprint": state.fingerprint} for state in done])
    else:
        print(f"Acknowledged: {', '.join(f'{state.rule} {state.fingerprint}' for state in done)}.")


@app.command()
def history(
    since: Annotated[str, typer.Option("--since", help="How far back, such as 7d.")] = "1d",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the changes of state, oldest first."""
    with _reader(config) as reader:
        found = reader.transitions(time.time() - _seconds(since))
    if as_json:
        _print_json([one._asdict() for one in found])
        return
    for one in found:
        _out().print(escape(_change(one)))
    if not found:
        print(f"No alert changed its state within {since}.")


@app.command()
def audit(
    since: Annotated[str, typer.Option("--since", help="How far back, such as 7d.")] = "30d",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what people did: who silenced and acknowledged what, and by which way in; oldest first."""
    with _reader(config) as reader:
        found = reader.audit(time.time() - _seconds(since))
    if as_json:
        _print_json([one._asdict() for one in found])
        return
    for one in found:
        _out().print(escape(f"{_time(one.at)} {one.author} ({one.via}): {one.action} {one.about}"))
    if not found:
        print(f"Nobody silenced or acknowledged anything within {since}.")


def _seconds(since: str) -> float:
    try:
        return parse_duration(since)
    except ValueError as error:
        fail(f"--since: {error}")


def _desk(path: Path, author: str | None) -> Desk:
    """The audit tells the name that was given and the one that the machine knows."""
    return Desk(path, author or _me(), f"command line of {_me()}")


@contextmanager
def _reader(config: Path | None) -> Iterator[Reader]:
    reader = Reader(configuration.load(config).store.path)
    try:
        yield reader
    finally:
        reader.close()


def _these(reader: Reader, which: str) -> list[AlertState]:
    """The alerts with this fingerprint, the beginning of one, or the name of their rule; ends where there is none."""
    states = reader.alerts()
    found = [state for state in states if state.rule == which]
    if not found and re.fullmatch(r"[0-9a-f]{4,16}", which):
        found = [state for state in states if state.fingerprint.startswith(which)]
    if not found:
        fail(f"{which}: no such alert; expected a name or a fingerprint of `eda-monitor alerts list --json`", code=1)
    return found


def _as_dict(state: AlertState, reader: Reader) -> dict[str, Any]:
    acknowledged: Ack | None = reader.acks().get(state.fingerprint)
    names = ("rule", "state", "labels", "value", "active_at", "fired_at", "resolved_at", "fingerprint", "annotations")
    return {
        **{name: getattr(state, name) for name in names},
        "suppressed": reader.suppressed().get(state.fingerprint),
        "acknowledged_by": acknowledged.author if acknowledged else None,
    }


def _told(reader: Reader, fingerprint: str) -> dict[str, float]:
    """When each receiver that believes the alert to fire was last told of its group."""
    return {entry.receiver: entry.at for entry in reader.told() if fingerprint in entry.firing}


def _line(one: dict[str, Any]) -> str:
    colour = {"firing": "red", "pending": "yellow"}.get(one["state"], "green")
    marks = [
        *([f"suppressed: {one['suppressed']}"] if one["suppressed"] else []),
        *([f"acknowledged by {one['acknowledged_by']}"] if one["acknowledged_by"] else []),
    ]
    mark = f" [dim]({escape('; '.join(marks))})[/]" if marks else ""
    summary = escape(one["annotations"].get("summary", ""))
    return f"[{colour}]{one['state']}[/] [bold]{escape(one['rule'])}[/] [dim]{one['fingerprint']}[/] {summary}{mark}"


def _shown(key: str, value: Any) -> str:
    if key.endswith("_at") and value is not None:
        return _time(value)
    if key == "told":
        return ", ".join(f"{receiver} at {_time(at)}" for receiver, at in value.items()) or "nobody"
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    return "–" if value is None else str(value)


def _change(one: Transition) -> str:
    where = " ".join(text for name, text in one.labels.items() if name not in ("alertname", "severity", "system"))
    return f"{_time(one.at)} {one.rule} {one.fingerprint} {one.old} → {one.new} {where} ({one.value:g})"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _out() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160, soft_wrap=True)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
