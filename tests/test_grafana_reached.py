"""How Grafana is reached: its address, token, data source and settings, and what is said where it is not."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_server import A_PROMETHEUS, TOKEN, FakeGrafana, fake_grafana
from grafana_user import as_a_user, outcome_of, run
from receiving import self_signed

from monitor.config import ConfigError, parse
from monitor.grafana import dashboards

UID = "eda-now"
NOW = next(one for one in dashboards() if one["uid"] == UID)


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGrafana]:
    with fake_grafana() as one:
        as_a_user(monkeypatch, tmp_path, one)
        yield one


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
