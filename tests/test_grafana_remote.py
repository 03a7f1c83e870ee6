"""`eda-monitor grafana`: against a Grafana of documented answers, over real HTTP, as a user runs the command."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from grafana_server import A_PROMETHEUS, TOKEN, FakeGrafana, fake_grafana
from receiving import self_signed
from rich.console import Console
from typer.testing import CliRunner

from monitor.cli import app
from monitor.config import ConfigError, parse
from monitor.grafana import dashboards

UID = "eda-now"
NOW = next(one for one in dashboards() if one["uid"] == UID)
GROUP = ("event-driven-systems", "eda-monitor")
VERSIONS = ("11.2.0", "11.6.0", "12.4.0", "13.1.0")


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGrafana]:
    with fake_grafana() as one:
        as_a_user(monkeypatch, tmp_path, one)
        yield one


def as_a_user(monkeypatch: pytest.MonkeyPatch, folder: Path, grafana: FakeGrafana) -> None:
    """In an empty folder, with nothing but where Grafana is and the token."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("EDA_MONITOR_CONFIG", raising=False)
    monkeypatch.setenv("GRAFANA_URL", grafana.url)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)


def run(*arguments: str) -> Done:
    result = CliRunner().invoke(app, ["grafana", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def planned(*arguments: str) -> list[Any]:
    steps: list[Any] = run("plan", "--json", *arguments).json["steps"]
    return steps


def action(uid: str) -> str:
    """What would be done to a dashboard, or to the rules."""
    steps = planned("--alerts")
    (found,) = [one["action"] for one in steps if (one["uid"] if one["kind"] == "dashboard" else one["kind"]) == uid]
    return str(found)


def outcome_of(done: Done, uid: str) -> Any:
    (found,) = [one for one in done.json["outcomes"] if one["uid"] == uid and one["kind"] == "dashboard"]
    return found


# -- what an import writes --


@pytest.mark.parametrize("version", VERSIONS)
def test_an_import_is_idempotent(version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also where Grafana migrates what it was given, and forgets keys that it does not know."""
    with fake_grafana(version) as grafana:
        as_a_user(monkeypatch, tmp_path, grafana)

        first, second = (run("import", "--alerts", "--json") for _ in range(2))

        assert {one["done"] for one in first.json["outcomes"]} == {"created"}
        assert {one["done"] for one in second.json["outcomes"]} == {"same"}
        assert (first.code, second.code) == (0, 0)
        assert {one["action"] for one in planned("--alerts")} == {"same"}
        assert run("diff", "--alerts").code == 0


def test_a_dashboard_lies_in_our_folder_with_our_tag_and_opens_with_the_data_source(grafana: FakeGrafana) -> None:
    run("import")

    board = grafana.boards[UID]
    (source,) = [one for one in board.model["templating"]["list"] if one["type"] == "datasource"]
    assert (board.folder, grafana.folders) == ("event-driven-systems", {"event-driven-systems": "Event-driven systems"})
    assert "eda-monitor" in board.model["tags"]
    assert source["current"] == {"text": "Prometheus", "value": "prom-1"}


def test_no_dashboard_has_the_uid_of_the_folder() -> None:
    """Grafana 11 keeps both in one table."""
    assert GROUP[0] not in {one["uid"] for one in dashboards()}


def test_links_lead_to_the_console_of_the_configuration(grafana: FakeGrafana, tmp_path: Path) -> None:
    (tmp_path / "eda-monitor.toml").write_text('[console]\nurl = "https://console.example"\n')

    run("import")

    (console,) = [one for one in grafana.boards[UID].model["templating"]["list"] if one["name"] == "console"]
    assert (console["query"], console["current"]["value"]) == ("https://console.example", "https://console.example")


def test_a_folder_keeps_the_name_that_people_gave_it(grafana: FakeGrafana) -> None:
    grafana.folders["event-driven-systems"] = "Ours"

    assert run("import").code == 0
    assert grafana.folders == {"event-driven-systems": "Ours"}


def test_a_folder_that_another_import_made_meanwhile_is_used(grafana: FakeGrafana) -> None:
    """It answers 412, which is no failure when the folder is there."""

    def made_by_another(method: str, path: str) -> None:
        if method == "POST" and path == "/api/folders":
            grafana.folders["event-driven-systems"] = "Event-driven systems"

    grafana.trouble = made_by_another

    assert run("import").code == 0


def test_the_title_of_our_folder_may_be_taken(grafana: FakeGrafana) -> None:
    grafana.folders["another"] = "Event-driven systems"

    done = run("import")

    assert done.code == 1
    assert "409: a folder with the same name already exists" in done.err


def test_what_an_earlier_version_imported_is_updated(grafana: FakeGrafana) -> None:
    run("import")
    old = grafana.boards[UID]
    old.model["title"] = "As it was"
    old.saves[0]["message"] = "Imported by eda-monitor (0123456789ab)"

    assert action(UID) == "update"
    assert outcome_of(run("import", "--json"), UID)["done"] == "updated"
    assert grafana.boards[UID].model["title"] == NOW["title"]


def test_a_plan_changes_nothing(grafana: FakeGrafana) -> None:
    run("plan", "--alerts")

    assert grafana.writes == []


# -- what people changed --


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_person_changed_is_refused_and_shown(
    version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with fake_grafana(version) as grafana:
        as_a_user(monkeypatch, tmp_path, grafana)
        run("import")
        grafana.edit(UID, title="Anna's", message="for the night shift")

        done = run("import")

        assert done.code == 1
        assert "anna changed it at 2026-11-26T12:00:02Z: for the night shift" in done.out
        assert '- "title": "Anna\'s"' in done.out
        assert grafana.boards[UID].model["title"] == "Anna's"
        assert action(UID) == "changed"


def test_force_overwrites_what_a_person_changed_and_shows_it(grafana: FakeGrafana) -> None:
    run("import")
    grafana.edit(UID, title="Anna's")

    done = run("import", "--force")

    assert done.code == 0
    assert '- "title": "Anna\'s"' in done.out
    assert grafana.boards[UID].model["title"] == NOW["title"]


def test_a_dashboard_with_our_uid_that_we_never_imported_is_a_persons(grafana: FakeGrafana) -> None:
    grafana.add({"uid": UID, "title": "Not ours"}, "another")

    assert action(UID) == "changed"
    assert run("import").code == 1


def test_a_dashboard_that_was_moved_is_not_moved_back(grafana: FakeGrafana) -> None:
    run("import")
    grafana.folders["mine"] = "Mine"
    grafana.boards[UID].folder = "mine"

    done = run("import")

    assert (done.code, grafana.boards[UID].folder) == (1, "mine")
    assert "it is in the folder 'mine', not in 'event-driven-systems'" in done.out


def test_a_change_between_plan_and_save_is_refused(grafana: FakeGrafana) -> None:
    """412: the version that was read is not the one that is there."""
    run("import")
    grafana.boards[UID].saves[0]["message"] = "Imported by eda-monitor (0123456789ab)"
    grafana.meanwhile = lambda: grafana.edit(UID, title="Anna's")

    done = run("import")

    assert done.code == 1
    assert "it was changed while it was imported" in done.out
    assert grafana.boards[UID].model["title"] == "Anna's"


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_dashboard_from_a_file_is_left_to_the_file(grafana: FakeGrafana, force: list[str]) -> None:
    run("import")
    grafana.edit(UID, title="Of a file", by="")
    grafana.boards[UID].is_provisioned = True

    done = run("import", *force)

    assert done.code == 1
    assert "Grafana has it from a file" in done.out
    assert grafana.boards[UID].model["title"] == "Of a file"


def test_a_dashboard_saved_in_the_form_of_grafana_13_is_read_as_a_classic_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """406 names where to read it instead; Grafana converts it there."""
    with fake_grafana("13.1.0") as grafana:
        as_a_user(monkeypatch, tmp_path, grafana)
        run("import")
        grafana.edit(UID, title="With tabs")
        grafana.boards[UID].is_v2 = True

        assert action(UID) == "changed"
        assert '"title": "With tabs"' in run("diff").out
        assert run("import", "--force").code == 0
        assert grafana.boards[UID].model["title"] == NOW["title"]


def test_a_diff_says_by_its_exit_code_that_there_is_one(grafana: FakeGrafana) -> None:
    run("import")
    grafana.edit(UID, title="Anna's")

    done = run("diff", "--json")

    assert done.code == 1
    assert [one["uid"] for one in done.json["differences"]] == [UID]


def test_addresses_stay_whole_on_a_narrow_terminal(grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.cli.grafana._out", lambda: Console(width=80))

    assert f"{grafana.url}/d/eda-dead-letters" in run("import").out


# -- pruning --


def an_old_one(grafana: FakeGrafana, uid: str, message: str, folder: str = "event-driven-systems") -> None:
    grafana.add({"uid": uid, "title": uid.title(), "tags": ["eda-monitor"]}, folder)
    grafana.boards[uid].saves[0]["message"] = message


def test_prune_deletes_only_what_we_imported_and_have_no_more(grafana: FakeGrafana) -> None:
    run("import")
    ours = "Imported by eda-monitor (0123456789ab)"
    an_old_one(grafana, "old", ours)
    an_old_one(grafana, "copy-of-a-person", "")
    an_old_one(grafana, "elsewhere", ours, folder="another")
    grafana.add({"uid": "untagged", "title": "Untagged"}, "event-driven-systems")

    assert action("old") == "prune"
    assert run("prune").code == 0
    assert grafana.boards.keys() == {*(one["uid"] for one in dashboards()), "copy-of-a-person", "elsewhere", "untagged"}


def test_prune_can_only_list(grafana: FakeGrafana) -> None:
    an_old_one(grafana, "old", "Imported by eda-monitor (0123456789ab)")

    done = run("prune", "--dry-run", "--json")

    assert [one["done"] for one in done.json["outcomes"]] == ["kept"]
    assert "old" in grafana.boards


@pytest.mark.parametrize(("force", "left"), [([], ["old"]), (["--force"], [])])
def test_prune_keeps_an_old_one_that_a_person_changed(grafana: FakeGrafana, force: list[str], left: list[str]) -> None:
    an_old_one(grafana, "old", "Imported by eda-monitor (0123456789ab)")
    grafana.edit("old", title="Still used")

    assert run("prune", *force).code == (1 if left else 0)
    assert list(grafana.boards) == left


# -- alert rules --


def test_rules_come_by_the_api_so_that_nobody_edits_them_on_the_page(grafana: FakeGrafana) -> None:
    run("import", "--alerts")

    group = grafana.groups[GROUP]
    assert {one["provenance"] for one in group["rules"]} == {"api"}
    assert {one["data"][0]["datasourceUid"] for one in group["rules"]} == {"prom-1"}


def test_changed_rules_of_ours_are_updated(grafana: FakeGrafana) -> None:
    run("import", "--alerts")
    grafana.groups[GROUP]["rules"][0]["labels"]["severity"] = "info"

    assert action("rules") == "update"
    assert run("import", "--alerts").code == 0
    assert grafana.groups[GROUP]["rules"][0]["labels"]["severity"] == "critical"


@pytest.mark.parametrize(("provenance", "would", "forced"), [("", "changed", 0), ("file", "provisioned", 1)])
def test_rules_that_others_made_are_refused(grafana: FakeGrafana, provenance: str, would: str, forced: int) -> None:
    run("import", "--alerts")
    rules = grafana.groups[GROUP]["rules"]
    rules[0] |= {"provenance": provenance, "title": "Anna's"}

    assert action("rules") == would
    assert run("import", "--alerts").code == 1
    assert rules[0]["title"] == "Anna's"
    assert run("import", "--alerts", "--force").code == forced


def test_a_rule_that_a_person_added_to_our_group_is_a_change(grafana: FakeGrafana) -> None:
    """A group is put as a whole: theirs would be lost."""
    run("import", "--alerts")
    group = grafana.groups[GROUP]
    group["rules"].append({**group["rules"][0], "uid": "theirs", "title": "Theirs", "provenance": ""})

    assert action("rules") == "changed"


def test_thresholds_and_rules_of_the_configuration_are_what_is_imported(grafana: FakeGrafana, tmp_path: Path) -> None:
    (tmp_path / "eda-monitor.toml").write_text("[alerting.rules.BacklogAgeHigh]\nabove = 77\n")

    run("import", "--alerts")

    (rule,) = [one for one in grafana.groups[GROUP]["rules"] if one["title"] == "BacklogAgeHigh"]
    assert "> 77" in rule["data"][0]["model"]["expr"]


# -- what goes wrong --


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((500, {"message": "it is locked"}), "asked to list the data sources it answered 500: it is locked"),
        ((502, "<html>Bad Gateway</html>"), "asked to list the data sources it answered 502"),
        (
            (403, {"message": "Permissions needed: datasources:read"}),
            "may not list the data sources (403): Permissions",
        ),
        ((403, ""), "may not list the data sources (403): its service account lacks the role Editor"),
        ((200, "<html>Sign in</html>"), "answered with what is not Grafana's; expected the address of a Grafana"),
        ((200, ""), "answered with what is no JSON; expected the address of a Grafana"),
        ((200, "{}"), "answered with what is not Grafana's"),
    ],
)
def test_an_answer_that_is_a_failure_is_one_line(grafana: FakeGrafana, answer: tuple[int, Any], told: str) -> None:
    grafana.trouble = lambda method, path: answer

    done = run("import")

    assert done.code == 1
    assert told in done.err
    assert len(done.err.splitlines()) == 1
    assert TOKEN not in done.err


@pytest.mark.parametrize("status", [403, 503])
def test_a_save_that_fails_ends_the_import(grafana: FakeGrafana, status: int) -> None:
    grafana.trouble = lambda method, path: (
        (status, {"message": "no"}) if (method, path) == ("POST", "/api/dashboards/db") else None
    )

    done = run("import")

    assert done.code == 1
    assert "save a dashboard" in done.err


def test_what_was_done_before_a_failure_is_told_and_the_next_import_goes_on(grafana: FakeGrafana) -> None:
    grafana.trouble = lambda method, path: (
        (500, {"message": "no space left"}) if method == "POST" and len(grafana.boards) == 2 else None
    )

    done = run("import", "--json")

    assert done.code == 1
    assert "no space left" in done.err
    assert [one["done"] for one in done.json["outcomes"]] == ["created", "created"]
    grafana.trouble = lambda method, path: None
    again = [one["done"] for one in run("import", "--json").json["outcomes"]]
    assert again == ["same", "same", *["created"] * (len(dashboards()) - 2)]


def test_a_history_that_is_no_history_is_a_failure(grafana: FakeGrafana) -> None:
    run("import")
    grafana.trouble = lambda method, path: (200, "<html>Sign in</html>") if path.endswith("/versions") else None

    done = run("plan")

    assert done.code == 1
    assert "asked to read a dashboard's history it answered with what is not Grafana's" in done.err


def test_a_token_that_is_refused_is_said(grafana: FakeGrafana, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("glsa_of-yesterday\n")

    done = run("import", "--token-file", "token")

    assert done.code == 1
    assert "the token was refused (401)" in done.err
    assert "yesterday" not in done.err


def test_the_token_may_be_in_a_file(grafana: FakeGrafana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")
    (tmp_path / "token").write_text(f"{TOKEN}\n")

    assert run("plan", "--token-file", "token").code == 0


def test_a_login_in_the_address_does_without_a_token(grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that of the compose file, which has no service account."""
    monkeypatch.delenv("GRAFANA_TOKEN")

    assert run("plan", "--url", grafana.url.replace("://", "://admin:horse@")).code == 0
    assert run("plan", "--url", grafana.url.replace("://", "://admin:wrong@")).code == 1


@pytest.mark.parametrize("command", ["plan", "import", "diff", "prune", "verify"])
def test_a_login_in_the_address_is_told_nobody(
    command: str, grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")

    done = run(command, "--url", grafana.url.replace("://", "://admin:horse@"))

    assert "horse" not in done.out + done.err
    assert command != "import" or f"{grafana.url}/d/eda-now" in done.out


@pytest.mark.parametrize("command", ["plan", "import", "diff", "prune", "verify"])
def test_without_grafana_client_it_says_what_to_install(
    grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for name in ("grafana_client", "grafana_client.api"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("importing", "proof", "server"):
        monkeypatch.delitem(sys.modules, f"monitor.grafana.remote.{name}", raising=False)

    done = run(command)

    assert done.code == 2
    assert done.err.startswith("eda-monitor: grafana: it needs the module grafana_client")
    assert done.err.endswith(": pip install 'eda-monitor[grafana]'\n")


def test_without_a_token_it_says_where_one_is_looked_for(grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")

    done = run("plan")

    assert done.code == 2
    assert "expected $GRAFANA_TOKEN, --token-file or [grafana] token_file" in done.err


def test_without_an_address_it_says_where_one_is_looked_for(
    grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFANA_URL")

    done = run("plan")

    assert done.code == 2
    assert "expected --url, [grafana] url, [alerting] grafana_url or $GRAFANA_URL" in done.err


def test_nobody_listens(grafana: FakeGrafana) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    done = run("plan", "--url", f"http://anna:secret@127.0.0.1:{port}/grafana")

    assert done.code == 1
    assert done.err == f"eda-monitor: http://127.0.0.1:{port}: cannot be reached: Connection refused\n"


def test_a_name_that_nobody_knows(grafana: FakeGrafana) -> None:
    done = run("plan", "--url", "http://grafana.invalid:3000")

    assert (done.code, done.err) == (
        1,
        "eda-monitor: http://grafana.invalid:3000: cannot be reached: its name is not known\n",
    )


def test_an_address_that_is_none(grafana: FakeGrafana) -> None:
    done = run("plan", "--url", "grafana:3000")

    assert (done.code, done.err) == (
        2,
        "eda-monitor: grafana.url: it is not a URL; expected http://host… or https://host…\n",
    )


def test_a_grafana_that_is_slow(grafana: FakeGrafana, tmp_path: Path) -> None:
    (tmp_path / "eda-monitor.toml").write_text('[grafana]\ntimeout = "200ms"\n')
    grafana.slow_seconds = 30

    done = run("plan")

    assert done.code == 1
    assert "no answer within 0.2 s to: list the data sources" in done.err


@pytest.mark.parametrize("end", ["", "/"])
def test_a_prefix_of_the_path_is_kept(end: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with fake_grafana(prefix="/a/grafana") as grafana:
        as_a_user(monkeypatch, tmp_path, grafana)

        done = run("import", "--url", grafana.url + end, "--json")

        assert done.code == 0
        assert outcome_of(done, UID)["url"] == f"{grafana.url}/d/{UID}"


def test_a_prefix_that_was_forgotten_is_hinted_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with fake_grafana(prefix="/grafana") as grafana:
        as_a_user(monkeypatch, tmp_path, grafana)

        done = run("import", "--url", grafana.url.removesuffix("/grafana"))

        assert done.code == 1
        assert "expected the address of a Grafana, with the prefix of its path if it has one" in done.err


def test_a_certificate_of_an_authority_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with fake_grafana(certificate=certificate) as grafana:
        as_a_user(monkeypatch, tmp_path, grafana)

        unknown = run("plan")
        (tmp_path / "eda-monitor.toml").write_text(f'[grafana]\nssl_cafile = "{certificate}"\n')

        assert unknown.code == 1
        assert "certificate" in unknown.err.lower() and len(unknown.err.splitlines()) == 1
        assert run("plan").code == 0


# -- the data source --


def test_without_a_prometheus_it_says_so(grafana: FakeGrafana) -> None:
    grafana.datasources = [{"uid": "l", "name": "Loki", "type": "loki"}]

    done = run("import")

    assert done.code == 1
    assert "no data source of the kind Prometheus" in done.err


@pytest.mark.parametrize("wanted", ["Second", "prom-2"])
def test_a_data_source_goes_by_name_and_by_uid(grafana: FakeGrafana, wanted: str) -> None:
    grafana.datasources.append({"uid": "prom-2", "name": "Second", "type": "prometheus"})

    run("import", "--datasource", wanted)

    variables = grafana.boards[UID].model["templating"]["list"]
    assert [one["current"]["value"] for one in variables if one["type"] == "datasource"] == ["prom-2"]


def test_a_data_source_that_is_unknown_names_those_that_are(grafana: FakeGrafana) -> None:
    done = run("import", "--datasource", "Prometheuz")

    assert done.code == 1
    assert "'Prometheuz' is none of Grafana's; expected one of 'Prometheus'" in done.err


def test_the_default_data_source_is_taken(grafana: FakeGrafana) -> None:
    grafana.datasources.insert(0, {**A_PROMETHEUS, "uid": "first", "isDefault": False})

    run("import")

    variables = grafana.boards[UID].model["templating"]["list"]
    assert [one["current"]["value"] for one in variables if one["type"] == "datasource"] == ["prom-1"]


# -- files and settings --


def test_export_writes_what_a_file_provider_takes(grafana: FakeGrafana, tmp_path: Path) -> None:
    assert run("export", "boards").code == 0
    assert json.loads((tmp_path / "boards" / f"{UID}.json").read_text()) == NOW
    assert grafana.requests == []


def test_the_settings_of_the_docs_are_settings(tmp_path: Path) -> None:
    docs = (Path(__file__).parent.parent / "docs" / "grafana.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", docs, re.DOTALL)
    block = block.replace("/etc/ssl/ours.pem", str(self_signed(tmp_path)))

    told = parse(block, "the docs", tmp_path).grafana
    unsaid = {"token", "token_env"}

    assert told.model_fields_set == set(type(told).model_fields) - unsaid
    assert (told.folder, told.folder_uid, told.timeout) == (type(told)().folder, type(told)().folder_uid, 10)
    assert all(name in docs for name in unsaid)


def test_a_token_given_twice_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="grafana: expected one of token, token_file and token_env"):
        parse('[grafana]\ntoken = "a"\ntoken_file = "b"\n', "a file", tmp_path)
