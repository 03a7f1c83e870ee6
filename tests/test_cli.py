"""The command line: exit codes, and one clear line for each foreseen mistake."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from monitor.cli import commands as cli
from monitor.demo.services import free_port

KAFKA = '[[targets]]\nname = "orders"\nkind = "kafka"\nbootstrap_servers = ["127.0.0.1:{port}"]\ntimeout = "2s"\n'


def eda(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, away from any configuration but that of `cwd`."""
    environment = {name: value for name, value in os.environ.items() if name != "EDA_MONITOR_CONFIG"}
    return subprocess.run(
        [sys.executable, "-m", "monitor", *arguments],
        cwd=cwd,
        env=environment | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def write(folder: Path, text: str) -> None:
    (folder / "eda-monitor.toml").write_text(text, encoding="utf-8")


def test_no_configuration_says_how_to_make_one(tmp_path: Path) -> None:
    done = eda("check", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr == (
        "eda-monitor: eda-monitor.toml: no such file; write one with `eda-monitor init`, or name it by --config\n"
    )


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    done = eda("--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"eda-monitor {version('eda-monitor')}\n")


def test_init_writes_a_configuration_that_is_read(tmp_path: Path) -> None:
    assert eda("init", cwd=tmp_path).returncode == 0
    assert eda("alerts", cwd=tmp_path).returncode == 2, "there is no store yet, which is said"
    assert eda("init", cwd=tmp_path).returncode == 2, "a file that is there is not overwritten"


def test_collect_prints_only_json_and_names_a_closed_port(tmp_path: Path, closed_port: int) -> None:
    write(tmp_path, KAFKA.format(port=closed_port))

    done = eda("collect", "--once", "--format", "json", cwd=tmp_path)

    (only,) = json.loads(done.stdout)["scrapes"]
    assert done.returncode == 1
    assert only["samples"] == []
    assert f"127.0.0.1:{closed_port}" in only["errors"][0]["message"]
    assert "Traceback" not in done.stderr


def test_check_names_a_closed_port(tmp_path: Path, closed_port: int) -> None:
    write(tmp_path, KAFKA.format(port=closed_port))

    done = eda("check", cwd=tmp_path)

    assert done.returncode == 1
    assert f"127.0.0.1:{closed_port}" in done.stdout


def test_a_taken_port_is_one_line_with_its_key(tmp_path: Path, closed_port: int, taken_port: int) -> None:
    write(tmp_path, KAFKA.format(port=closed_port) + f'[exporter]\nlisten = "127.0.0.1:{taken_port}"\n')

    done = eda("agent", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr == (
        f"eda-monitor: exporter.listen: cannot listen on 127.0.0.1:{taken_port}: Address already in use\n"
    )


def test_a_store_that_is_no_database_is_one_line(tmp_path: Path, closed_port: int) -> None:
    write(tmp_path, KAFKA.format(port=closed_port))
    (tmp_path / "eda-monitor.db").write_text("not a database, but a text that is long enough to be looked at\n" * 99)

    done = eda("agent", cwd=tmp_path)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "eda-monitor.db" in done.stderr


def test_the_collectors_are_importable_without_the_service() -> None:
    code = "import collectors.base, collectors.metrics, sys; print([n for n in sys.modules if n.startswith('monitor')])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_without_a_configuration_the_brokers_nearby_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket() as broker:
        broker.bind(("127.0.0.1", 0))
        broker.listen()
        nearby = (("Kafka", free_port(), cli.KAFKA), ("RabbitMQ", broker.getsockname()[1], cli.RABBITMQ))
        monkeypatch.setattr(cli, "NEARBY", nearby)

        assert [target.kind for target in cli._found_nearby().targets] == ["rabbitmq"]


def test_without_a_configuration_and_without_brokers_what_was_looked_for_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    monkeypatch.setattr(cli, "NEARBY", (("Kafka", port, cli.KAFKA),))

    with pytest.raises(SystemExit) as ended:
        cli._found_nearby()

    assert ended.value.code == 2
    assert f"no configuration file, no Kafka on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["grafana", "export"], ["export-kubernetes"], ["export-rules", "--prometheus"]])
def test_an_export_that_cannot_be_written_is_one_line(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = eda(*command, str(tmp_path / "file"), cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith(f"eda-monitor: {tmp_path / 'file'}/")
    assert done.stderr.count("\n") == 1


def test_that_a_client_library_fails_is_told_in_our_words_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azure's would print a page of its own, in each cycle."""
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    write(tmp_path, '[[targets]]\nname = "azure"\nkind = "eventgrid"\nsubscription_id = "x"\ntimeout = "5s"\n')

    done = eda("check", cwd=tmp_path)

    assert done.returncode == 1
    assert "cannot read Azure: no identity" in done.stdout
    assert done.stderr == ""
