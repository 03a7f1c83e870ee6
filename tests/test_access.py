"""Who is let into the console: settings, and by what a user is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_config import parse, problems

from monitor.access import AuthSettings, HeaderSettings, OidcSettings, from_json, to_json

OIDC = """
[console.auth.oidc]
metadata_url = "https://id.example.org/.well-known/openid-configuration"
client_id = "console"
client_secret = "hunter2"
users = ["*@example.org"]
"""
HEADER = '[console.auth.header]\ntrusted_proxies = ["10.0.0.0/24"]\n'
FILE = '[console.auth.password_file]\npath = "console.passwords"\n'


def auth(text: str) -> AuthSettings:
    found = parse(text).console.auth
    assert found is not None
    return found


def test_without_auth_there_is_none() -> None:
    assert parse("").console.auth is None


def test_with_auth_every_page_needs_a_sign_in_unless_told() -> None:
    assert auth(FILE).view == "signed-in"
    assert auth('[console.auth]\nview = "anyone"\n' + FILE).view == "anyone"


def test_the_password_file_is_relative_to_the_configuration() -> None:
    assert auth(FILE).password_file.path == Path("/etc/eda/console.passwords")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[console.auth]\n", "console.auth: expected one of [console.auth.oidc]"),
        (HEADER + FILE, "console.auth: expected one of [console.auth.oidc]"),
        ("[console.auth.header]\n", "console.auth.header.trusted_proxies: Field required"),
        ('[console.auth.header]\ntrusted_proxies = ["all"]\n', "trusted_proxies[0]: 'all' is not an address"),
        (HEADER + 'header = "X User"\n', "console.auth.header.header: 'X User' is not the name of a header"),
        (FILE + "colour = 1\n", "console.auth.password_file.colour: unknown key"),
        (OIDC.replace('users = ["*@example.org"]', ""), "console.auth.oidc.users: Field required"),
        (OIDC.replace('client_secret = "hunter2"', ""), "console.auth.oidc: expected one of client_secret"),
        (OIDC.replace("https://id", "id"), "console.auth.oidc.metadata_url: it is not a URL"),
        ('[console.auth]\nsession = "31d"\n' + FILE, "console.auth.session: expected at most 30d"),
        ('[console.auth]\ncookie_secret = "short"\n' + FILE, "console.auth: cookie_secret: it is too short"),
    ],
)
def test_a_mistake_names_its_key(text: str, told: str) -> None:
    assert told in problems(text)


def test_no_secret_is_told() -> None:
    assert "hunter2" not in problems(OIDC + 'colour = "hunter2"\n')
    assert "hunter2" not in repr(auth(OIDC))


def test_settings_come_to_the_console_s_process_with_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    told = auth(OIDC.replace('client_secret = "hunter2"', f'client_secret_file = "{tmp_path}/secret"'))

    oidc = from_json(to_json(told)).oidc

    assert oidc is not None
    assert oidc.client_secret is not None
    assert oidc.client_secret.get_secret_value() == "from a file"


@pytest.mark.parametrize(
    ("values", "peer", "user"),
    [
        (["eva"], "10.0.0.7", "eva"),
        (["eva"], "::ffff:10.0.0.7", "eva"),
        (["eva"], "10.0.1.7", None),
        (["eva"], None, None),
        (["eva"], "testclient", None),
        (["mallory", "eva"], "10.0.0.7", None),
        ([" "], "10.0.0.7", None),
        ([], "10.0.0.7", None),
    ],
)
def test_a_header_counts_once_and_from_a_trusted_proxy(values: list[str], peer: str | None, user: str | None) -> None:
    assert HeaderSettings(trusted_proxies=("10.0.0.0/24",)).user_of(values, peer) == user


def test_a_loopback_address_is_every_other_one() -> None:
    assert HeaderSettings(trusted_proxies=("127.0.0.1",)).trusts("::1")
    assert not HeaderSettings(trusted_proxies=("10.0.0.1",)).trusts("127.0.0.1")


@pytest.mark.parametrize(
    ("claims", "user"),
    [
        ({"email": "eva@example.org"}, "eva@example.org"),
        ({"email": "EVA@Example.org", "email_verified": True}, "EVA@Example.org"),
        ({"email": "eva@example.org", "email_verified": False}, None),
        ({"email": "eva@example.org.evil.net"}, None),
        ({"email": ["eva@example.org"]}, None),
        ({}, None),
    ],
)
def test_a_provider_s_user_must_be_among_those_let_in(claims: dict[str, object], user: str | None) -> None:
    settings = OidcSettings.model_validate(
        {"metadata_url": "https://id", "client_id": "c", "client_secret": "s", "users": ["*@example.org"]}
    )

    assert settings.user_of(claims) == user
