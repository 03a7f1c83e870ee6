"""A seventh kind of broker: one module and one line, and it is read, stored, exposed, judged and shown as all are."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from paging import OPS, page, texts
from recorded import send
from typer.testing import CliRunner

from collectors import KINDS
from monitor import config as configuration
from monitor.agent import scrape
from monitor.alerts.engine import Engine
from monitor.alerts.rules import default_rules
from monitor.cli.commands import app
from monitor.console import STORE_VARIABLE
from monitor.store.reader import Reader
from monitor.store.writer import Store


class Mailroom:
    """The fake broker: letters wait for readers, and one by one die."""

    def __init__(self) -> None:
        self.dead = 0
        self.url = ""

    def queues(self) -> list[dict[str, object]]:
        letters = {"queue": "letters", "waiting": 40, "taken": 2, "in": 100, "out": 58, "oldest_seconds": 1200}
        returned = {"queue": "returned", "waiting": self.dead, "taken": 0, "in": self.dead, "out": 0}
        return [letters | {"dead_letters_of": None}, returned | {"oldest_seconds": 30, "dead_letters_of": "letters"}]


@pytest.fixture(autouse=True)
def the_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "mailroom", "seventh:MailroomCollector")


@pytest.fixture
def mailroom() -> Iterator[Mailroom]:
    broker = Mailroom()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            send(self, 200, json.dumps(broker.queues()))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    broker.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield broker
    server.shutdown()
    server.server_close()


@pytest.fixture
def file(mailroom: Mailroom, tmp_path: Path) -> Path:
    path = tmp_path / "eda-monitor.toml"
    path.write_text(f'[[targets]]\nname = "cellar"\nkind = "mailroom"\nurl = "{mailroom.url}"\n', encoding="utf-8")
    return path


@pytest.fixture
def store(file: Path, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Filled by two cycles, between which three letters died."""
    path = file.parent / "store.db"
    monkeypatch.setenv(STORE_VARIABLE, str(path))
    (target,) = configuration.load(file).targets
    collector = configuration.collector_class(target.kind)(target)  # type: ignore[call-arg]
    writer, engine = Store(path), Engine(default_rules(), OPS, "http://c")
    for dead, ago in ((0, 60), (3, 0)):
        mailroom.dead = dead
        one = scrape(target, collector, lambda ago=ago: time.time() - ago)  # type: ignore[misc]
        assert one.error is None
        writer.record(one, lambda tx, at=one.started_at: engine.judge(tx, at, "cellar"))  # type: ignore[misc]
    writer.close()
    return path


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_check_and_collect_know_it(file: Path) -> None:
    assert "answers with 2 queues" in run("check", "--config", str(file))

    (told,) = json.loads(run("collect", "--once", "--format", "json", "--config", str(file)))["scrapes"]
    assert told["system"] == "mailroom"
    assert {"metric": "backlog_messages", "labels": {"destination": "letters", "group": "readers of letters"}} in [
        {"metric": one["metric"], "labels": one["labels"]} for one in told["samples"]
    ]


def test_a_wrong_setting_of_it_is_named(file: Path) -> None:
    file.write_text('[[targets]]\nname = "cellar"\nkind = "mailroom"\naddress = "x"\n', encoding="utf-8")

    with pytest.raises(configuration.ConfigError) as wrong:
        configuration.load(file)

    assert "unknown key; expected one of interval, kind, name, timeout, url" in "".join(wrong.value.problems)


def test_metrics_has_it(file: Path) -> None:
    exposed = run("collect", "--once", "--format", "prometheus", "--config", str(file))

    assert 'eda_dead_letters{target="cellar",system="mailroom",destination="returned",source="letters"} 0' in exposed


def test_the_default_rules_judge_it(store: Path) -> None:
    with closing(Reader(store)) as reader:
        assert "DeadLettersGrowing" in {alert.rule for alert in reader.alerts()}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("destinations", "letters"),
        ("consumers", "readers of letters"),
        ("dead_letters", "returned"),
        ("targets", "cellar"),
    ],
)
def test_the_lists_of_the_console_show_it(store: Path, name: str, shown: str) -> None:
    (*_, table) = [one.value for one in page(name).dataframe if "target" in one.value.columns]

    assert shown in str(table.to_dict())


def test_the_first_page_says_what_is_wrong_with_it(store: Path) -> None:
    said = texts(page("now"))

    assert "Dead letters grow in returned" in said
