"""`eda-monitor alerts …` while the agent has the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from telling import SLOW, WAITING, Monitor
from typer.testing import CliRunner, Result

from monitor.cli import app


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Monitor]:
    """It has two alerts that fire; its store stays open."""
    made = Monitor(tmp_path / "store.db", WAITING + SLOW)
    made.set("orders", 7)
    for _ in range(4):
        made.cycle()
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path, monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    (tmp_path / "eda-monitor.toml").write_text('[store]\npath = "store.db"\n', encoding="utf-8")
    monkeypatch.setattr("time.time", lambda: monitor.now)

    def ran(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["alerts", *arguments, "--config", str(tmp_path / "eda-monitor.toml")])

    return ran


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", [(), ("list",)])
def test_alerts_are_listed_with_what_suppresses_them(run: Callable[..., Result], command: tuple[str, ...]) -> None:
    listed = answer(run(*command, "--json"))

    assert {(one["rule"], one["state"], one["suppressed"]) for one in listed} == {
        ("Waiting", "firing", None),
        ("Slow", "firing", "inhibited by Waiting"),
    }
    assert "Waiting" in run(*command).stdout


def test_an_alert_is_shown_by_name_or_fingerprint_with_who_was_told(
    run: Callable[..., Result], monitor: Monitor
) -> None:
    (shown,) = answer(run("show", "Waiting", "--json"))

    assert list(shown["told"]) == ["ops"]
    assert answer(run("show", shown["fingerprint"][:6], "--json")) == [shown]
    assert "7 wait in orders" in run("show", "Waiting").stdout


def test_a_silence_suppresses_until_it_is_taken_back(run: Callable[..., Result], monitor: Monitor) -> None:
    made = answer(
        run("silence", "destination=~ord.*", "--for", "2h", "--comment", "moving", "--author", "eva", "--json")
    )
    monitor.tick()
    reasons = {one["suppressed"] for one in answer(run("list", "--json"))}
    assert reasons == {f"silence {made['id']} by eva: moving"}
    assert len(made["alerts"]) == 2
    assert "destination=~ord.*" in run("silences").stdout

    assert run("unsilence", str(made["id"])).exit_code == 0

    monitor.tick()
    assert {one["suppressed"] for one in answer(run("list", "--json"))} == {None, "inhibited by Waiting"}
    assert run("unsilence", str(made["id"])).exit_code == 1


def test_an_acknowledgement_is_shown_and_ends_with_the_alert(run: Callable[..., Result], monitor: Monitor) -> None:
    assert run("ack", "Waiting", "--author", "eva", "--comment", "on it").exit_code == 0
    assert {one["acknowledged_by"] for one in answer(run("list", "--json"))} == {"eva", None}

    monitor.set("orders", 0)
    monitor.cycle()
    monitor.set("orders", 7)
    monitor.cycle()

    assert {one["acknowledged_by"] for one in answer(run("list", "--json"))} == {None}


def test_the_audit_tells_who_did_what_and_by_which_way(run: Callable[..., Result]) -> None:
    run("silence", "destination=orders", "--for", "2h", "--comment", "moving", "--author", "eva", "--json")
    run("unsilence", "1", "--author", "tom")
    run("ack", "Waiting", "--author", "eva", "--comment", "on it")

    told = [(one["author"], one["action"], one["about"]) for one in answer(run("audit", "--json"))]

    assert [(author, action) for author, action, _ in told] == [
        ("eva", "silence"), ("tom", "end silence"), ("eva", "acknowledge"),
    ]  # fmt: skip
    assert told[0][2].startswith("1: destination=orders, until 2023-11-15T")
    assert told[2][2].endswith(": on it")
    assert "command line of" in run("audit").stdout


def test_history_tells_the_changes_of_state(run: Callable[..., Result], monitor: Monitor) -> None:
    changes = [(one["rule"], one["old"], one["new"]) for one in answer(run("history", "--since", "1h", "--json"))]

    assert ("Slow", "pending", "firing") in changes
    assert "Slow" in run("history").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "Nothing"), 1, "Nothing: no such alert"),
        (("ack", "beef"), 1, "beef: no such alert"),
        (("unsilence", "99"), 1, "silence 99: there is none"),
        (("silence", "orders", "--for", "2h", "--comment", "c"), 2, "expected name=value"),
        (("silence", "a=~(", "--for", "2h", "--comment", "c"), 2, "not a regular expression"),
        (("silence", "a=~.*", "--for", "2h", "--comment", "c"), 2, "every alert"),
        (("silence", "a=b", "a=c", "--for", "2h", "--comment", "c"), 2, "given twice"),
        (("silence", "a=b", "--for", "soon", "--comment", "c"), 2, "'soon' is not a duration"),
        (("silence", "a=b", "--for", "0s", "--comment", "c"), 2, "expected more than 0"),
        (("history", "--since", "ever"), 2, "'ever' is not a duration"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    run: Callable[..., Result], arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = run(*arguments)

    assert (result.exit_code, said in result.stderr) == (code, True), result.output
    assert answer(run("silences", "--json")) == []
