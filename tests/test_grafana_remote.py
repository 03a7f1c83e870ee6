"""What `eda-monitor grafana` brings into a Grafana of documented answers, over real HTTP, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_server import FakeGrafana, fake_grafana
from grafana_user import as_a_user, outcome_of, run
from rich.console import Console

from monitor.grafana import dashboards

UID = "eda-now"
NOW = next(one for one in dashboards() if one["uid"] == UID)
GROUP = ("event-driven-systems", "eda-monitor")
VERSIONS = ("11.2.0", "11.6.0", "12.4.0", "13.1.0")


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGrafana]:
    with fake_grafana() as one:
        as_a_user(monkeypatch, tmp_path, one)
        yield one


def planned(*arguments: str) -> list[Any]:
    steps: list[Any] = run("plan", "--json", *arguments).json["steps"]
    return steps


def action(uid: str) -> str:
    """What would be done to a dashboard, or to the rules."""
    steps = planned("--alerts")
    (found,) = [one["action"] for one in steps if (one["uid"] if one["kind"] == "dashboard" else one["kind"]) == uid]
    return str(found)


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
