"""Configuration: what is read, and how each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.base import parse_duration
from monitor import config
from monitor.config import Config, ConfigError

KAFKA = '[[targets]]\nname = "orders"\nkind = "kafka"\nbootstrap_servers = ["127.0.0.1:9092"]\n'


def parse(text: str) -> Config:
    return config.parse(text, source="test.toml", folder=Path("/etc/eda"))


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return str(caught.value)


def test_six_lines_are_a_whole_configuration() -> None:
    loaded = parse(KAFKA + '[store]\npath = "here.db"\n')

    assert [target.name for target in loaded.targets] == ["orders"]
    assert loaded.targets[0].interval == 15.0


def test_the_store_is_relative_to_the_file() -> None:
    assert parse(KAFKA).store.path == Path("/etc/eda/eda-monitor.db")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (KAFKA + "colour = 1\n", "targets[0].colour: unknown key"),
        (KAFKA + 'interval = "soon"\n', "targets[0].interval: 'soon' is not a duration"),
        (KAFKA + 'topics = { include = ["("] }\n', "targets[0].topics.include[0]: '(' is not a regular expression"),
        (KAFKA.replace("kafka", "kafak"), "targets[0].kind: 'kafak' is not a kind; expected one of"),
        (KAFKA + KAFKA, "targets: the name 'orders' is given twice"),
        ("[exporter]\nlisten = 9464\n", "exporter.listen:"),
        ('[exporter]\nlisten = "9464"\n', "exporter.listen: '9464' is not an address"),
        ("[store\n", "test.toml: not valid TOML"),
        ("targets = 3\n", "targets:"),
        ('[[receivers]]\nname = "ops"\nkind = "webhook"\nurl = "nowhere"\n', "receivers[0]: url"),
    ],
)
def test_a_mistake_is_one_line_with_its_path(text: str, told: str) -> None:
    assert told in problems(text)


def test_all_problems_are_told_at_once() -> None:
    told = problems(KAFKA + 'colour = 1\ntimeout = "x"\n[exporter]\nport = 1\n')

    assert "colour" in told
    assert "timeout" in told
    assert "exporter.port" in told


def test_a_secret_of_the_wrong_type_is_not_shown() -> None:
    assert "hunter2" not in problems(KAFKA + 'password = ["hunter2"]\n')


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="eda-monitor init"):
        config.load(tmp_path / "none.toml")


@pytest.mark.parametrize(("text", "seconds"), [("15s", 15), ("500ms", 0.5), ("2m", 120), ("1.5h", 5400), (7, 7)])
def test_durations_are_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("written", "linked"),
    [
        ('[alerting]\ngrafana_url = "https://people"\n[grafana]\nurl = "http://inside:3000"', "https://people"),
        ('[grafana]\nurl = "http://inside:3000/g"', "http://inside:3000/g"),
        ('[grafana]\nurl = "http://admin:horse@inside:3000/g"', "http://inside:3000/g"),
        ("", ""),
    ],
)
def test_links_lead_to_where_people_reach_grafana_and_hold_no_login(written: str, linked: str) -> None:
    assert config.parse(written, "c.toml", Path()).alerting.grafana_url == linked
