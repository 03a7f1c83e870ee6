"""Signing in by somebody else: an OpenID Connect provider, or a proxy in front. Who has, writes, and it is audited."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from consoles import START_SECONDS, Console, serving
from integration.conftest import or_skip
from looking import Look, alert_in, looking
from playwright.sync_api import Browser, expect
from states import store_in

from monitor.demo import services
from monitor.demo.services.nginx import LOCATION
from monitor.store.reader import Reader

pytestmark = pytest.mark.integration

USER, PASSWORD = "eva", "correct horse"
ADDRESS, STRANGER = "eva@example.org", "mallory@example.net"
HEADER = "X-Forwarded-User"
#: The first page of a console takes longer than the others.
START_MILLISECONDS = 1000 * START_SECONDS


class Proxied(NamedTuple):
    """A console behind a proxy, at whose `url` people reach it."""

    url: str
    console: Console
    store: Path


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """The proxy connects from loopback, the only address that is trusted; the console listens on all."""
    folder = tmp_path_factory.mktemp("proxied")
    auth = {"header": {"trusted_proxies": ["127.0.0.1"]}}
    with (
        serving(folder, host="0.0.0.0", auth=auth) as console,
        or_skip(services.nginx(console.url, {USER: PASSWORD})) as url,
    ):
        console.shows(store := store_in(folder, "incident"))
        yield Proxied(url, console, store)


@pytest.fixture(scope="module")
def outside(proxied: Proxied) -> str:
    """The console's address as another machine would reach it, past the proxy."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return f"http://{probe.getsockname()[0]}:{proxied.console.url.rpartition(':')[2]}"


def acknowledge(look: Look, comment: str) -> None:
    look.page.get_by_role("button", name="Acknowledge").first.click()
    look.page.get_by_label("What you know, for the others").first.fill(comment)
    look.page.get_by_test_id("stFormSubmitButton").get_by_text("Acknowledge").first.click()
    look.page.get_by_text("acknowledged by").first.wait_for()


def silence(look: Look, comment: str) -> None:
    look.page.get_by_role("button", name="Silence").first.click()
    look.page.get_by_label("Why, for the others").first.fill(comment)
    look.page.get_by_test_id("stFormSubmitButton").get_by_text("Silence").first.click()
    look.page.get_by_text(comment).first.wait_for()


def audited(store: Path) -> list[tuple[str, str, str]]:
    with closing(Reader(store)) as reader:
        return [(one.author, one.via, one.action) for one in reader.audit(0)]


def test_whom_the_proxy_knows_writes_under_that_name_whatever_their_browser_claims(
    browser: Browser, proxied: Proxied
) -> None:
    credentials = {"username": USER, "password": PASSWORD}
    with looking(
        browser, proxied.console, http_credentials=credentials, extra_http_headers={HEADER: "mallory"}
    ) as look:
        look.page.goto(proxied.url + alert_in(proxied.store, "DeadLettersGrowing"), timeout=START_MILLISECONDS)
        look.settle(START_MILLISECONDS)
        look.drawn("Alerts")
        acknowledge(look, "on it")
        silence(look, "until it is mended")
        expect(look.page.get_by_role("button", name=USER)).to_be_visible()
        look.refreshed(2)

    assert audited(proxied.store) == [(USER, "console, header", did) for did in ("acknowledge", "silence")]


@pytest.mark.parametrize("credentials", [None, (USER, "wrong"), ("mallory", PASSWORD)])
@pytest.mark.parametrize("path", ["/alerts", "/_stcore/stream"])
def test_whom_the_proxy_does_not_know_it_does_not_let_through(
    proxied: Proxied, credentials: tuple[str, str] | None, path: str
) -> None:
    assert httpx.get(proxied.url + path, auth=credentials, headers={HEADER: USER}).status_code == 401


@pytest.mark.parametrize("headers", [{}, {HEADER: USER}, {HEADER: USER, "X-Forwarded-For": "127.0.0.1"}])
@pytest.mark.parametrize("path", ["/alerts", "/_stcore/stream"])
def test_past_the_proxy_nobody_is_let_in_whatever_they_claim(outside: str, headers: dict[str, str], path: str) -> None:
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    }  # fmt: skip
    answer = httpx.get(outside + path, headers=headers | (upgrade if path.endswith("stream") else {}))

    assert answer.status_code == 403


def test_the_proxy_of_the_docs_is_the_one_that_is_tested() -> None:
    told = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    lines = LOCATION.format(upstream="http://127.0.0.1:8501").splitlines()

    assert [line for line in lines if re.sub(" +", " ", line) not in re.sub(" +", " ", told)] == []


@pytest.fixture(scope="module")
def provided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, Path]]:
    """A console whose people come from an OpenID Connect provider."""
    folder = tmp_path_factory.mktemp("provided")
    with or_skip(services.openid()) as metadata:
        oidc = {
            "metadata_url": metadata, "client_id": "console", "client_secret": "s3cret", "users": ["*@example.org"],
        }  # fmt: skip
        with serving(folder, auth={"oidc": oidc}) as console:
            console.shows(store := store_in(folder, "incident"))
            yield console, store


def sign_in(look: Look, name: str) -> None:
    """By the provider's own page, and back."""
    look.page.get_by_role("button", name="Sign in").click()
    look.page.get_by_placeholder("sub").fill(name)
    look.page.get_by_role("button", name="Authorize").click()
    look.page.locator("h1.page").wait_for(state="attached")
    look.settle()


def test_whom_the_provider_knows_writes_and_leaves(browser: Browser, provided: tuple[Console, Path]) -> None:
    console, store = provided
    with looking(browser, console) as look:
        alert = alert_in(store, "DeadLettersGrowing")
        assert "orders.DLT" not in look.open(alert, "Alerts")
        sign_in(look, ADDRESS)
        look.page.get_by_role("button", name=ADDRESS).wait_for()
        assert "orders.DLT" in look.open(alert, "Alerts")
        acknowledge(look, "on it")
        silence(look, "until it is mended")
        assert audited(store) == [(ADDRESS, "console, oidc", did) for did in ("acknowledge", "silence")]

        look.page.get_by_role("button", name=ADDRESS).click()
        look.page.get_by_role("button", name="Sign out").click()
        look.page.get_by_role("button", name="End session").click()  # the provider's too
        look.page.get_by_role("button", name="Sign in").wait_for(timeout=START_MILLISECONDS)
        assert "orders.DLT" not in look.said()


def test_whom_the_provider_knows_and_the_configuration_does_not_is_kept_out(
    browser: Browser, provided: tuple[Console, Path]
) -> None:
    console, store = provided
    before = audited(store)
    with looking(browser, console) as look:
        look.open("/alerts", "Alerts")
        sign_in(look, STRANGER)
        look.page.get_by_text(f"{STRANGER} is not let in").wait_for()
        assert "orders.DLT" not in look.said()

    assert audited(store) == before
