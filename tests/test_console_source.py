"""`[console] source` in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import ConfigError, ConsoleSettings, parse
from monitor.console import SOURCE_VARIABLE, command
from monitor.console_source import PASSWORD_VARIABLE, TOKEN_VARIABLE, SourceSettings


def source(text: str, folder: Path) -> SourceSettings:
    found = parse(text, "test", folder).console.source
    assert found is not None
    return found


def test_an_address_alone_is_enough(tmp_path: Path) -> None:
    assert source('[console]\nsource = "http://prometheus:9090/"', tmp_path).url == "http://prometheus:9090"


def test_without_it_the_store_is_read(tmp_path: Path) -> None:
    assert parse("", "test", tmp_path).console.source is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('source = "prometheus:9090"', "expected http://host"),
        ('source = "http://prometheus:99999"', "Port out of range"),
        ('source = "http://eda:s3cret@prometheus:9090"', "expected username and password_file"),
        ('source = "http://prometheus:9090/api/v1"', "expected what stands before /api/v1"),
        ('source = { url = "http://p", password = "s3cret" }', "expected username together with password"),
        (
            'source = { url = "http://p", username = "a", bearer_token_file = "token" }',
            "either username or bearer_token",
        ),
        ('source = { url = "http://p", bearer_token_file = "missing" }', "cannot be read"),
        ('source = { address = "http://p" }', "console.source"),
    ],
)
def test_what_is_wrong_is_said_by_its_key_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("t0ken")

    with pytest.raises(ConfigError) as raised:
        parse(f"[console]\n{written}", "test", tmp_path)

    assert "console.source" in str(raised.value)
    assert said in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_secrets_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "s3cret")
    monkeypatch.setenv(TOKEN_VARIABLE, "t0ken")

    assert SourceSettings(url="http://p", username="eda").authorization() == {"Authorization": "Basic ZWRhOnMzY3JldA=="}
    assert SourceSettings(url="http://p").authorization() == {"Authorization": "Bearer t0ken"}


def test_a_secret_is_not_printed() -> None:
    assert "s3cret" not in repr(
        SourceSettings.model_validate({"url": "http://p", "username": "a", "password": "s3cret"})
    )


def test_the_console_is_told_all_of_it() -> None:
    told = SourceSettings.model_validate({"url": "http://p", "username": "eda", "password": "s3cret"})

    argv, environment = command(Path("s.db"), ConsoleSettings(source=told))

    assert SourceSettings.model_validate_json(environment[SOURCE_VARIABLE]) == told
    assert "s3cret" not in " ".join(argv)
