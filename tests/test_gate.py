"""The gate before the console: who is let in, by which way, and what a browser is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from monitor.access import AuthSettings
from monitor.console import signin
from monitor.console.gate import Gate
from monitor.console.identity import COOKIE, Identity
from monitor.passwords import Hashed, hashed, written

HTML = {"accept": "text/html"}
Client = Callable[..., TestClient]


def cheap(password: str) -> Hashed:
    """A hash that costs nothing to try."""
    import hashlib

    salt = b"0" * 16
    return Hashed(10, 1, 1, salt, hashlib.scrypt(password.encode(), salt=salt, n=1024, r=1, p=1, dklen=32))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "passwords"
    path.write_text(written("eva", cheap("correct horse")) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def client(file: Path) -> Client:
    """A console behind its gate; `auth` are settings, by default those of a password file."""

    def made(auth: Mapping[str, Any] | None = None, peer: str = "10.0.0.7", hosts: tuple[str, ...] = ()) -> TestClient:
        settings = AuthSettings.model_validate(auth or {"password_file": {"path": str(file)}})
        identity = Identity(settings)
        pages = signin.routes(identity, is_https=False, clock=lambda: 0.0) if identity.passwords else []
        app = Starlette(
            routes=[*pages, Route("/{path:path}", _page), WebSocketRoute("/_stcore/stream", _stream)],
            middleware=[Middleware(Gate, identity=identity, hosts=hosts)],
        )
        return TestClient(app, follow_redirects=False, client=(peer, 50000))

    return made


async def _page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"the console: {request.url.path}")


async def _stream(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def signed_in(client: TestClient, password: str = "correct horse", **fields: str) -> Any:
    return client.post("/sign-in", data={"user": "eva", "password": password, **fields})


def streams(client: TestClient) -> bool:
    try:
        with client.websocket_connect("/_stcore/stream"):
            return True
    except WebSocketDisconnect:
        return False


def test_who_has_not_signed_in_is_sent_to_the_form_and_back(client: Client) -> None:
    console = client()

    sent = console.get("/alerts?target=a&range=6h", headers=HTML)
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=%2Falerts%3Ftarget%3Da%26range%3D6h")

    back = signed_in(console, next="/alerts?target=a&range=6h")
    assert (back.status_code, back.headers["location"]) == (303, "/alerts?target=a&range=6h")
    assert console.get("/alerts").text == "the console: /alerts"
    assert streams(console)


@pytest.mark.parametrize("path", ["/", "/static/js/main.js", "/_stcore/metrics", "/media/a.csv"])
def test_nothing_is_read_without_a_sign_in(client: Client, path: str) -> None:
    console = client()

    assert console.get(path).status_code == 401
    assert not streams(console)


def test_that_the_console_runs_is_told_to_all(client: Client) -> None:
    assert client().get("/_stcore/health").status_code == 200


def test_a_wrong_password_and_an_unknown_user_are_told_the_same(client: Client) -> None:
    wrong = signed_in(client(), "wrong")
    unknown = client().post("/sign-in", data={"user": "<i>tom</i>", "password": "wrong"})

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert "Name or password is wrong." in wrong.text
    assert "Name or password is wrong." in unknown.text
    assert "<i>" not in unknown.text


def test_after_five_failures_one_waits_even_with_the_right_password(client: Client) -> None:
    console = client()

    told = [signed_in(console, "wrong").status_code for _ in range(5)]
    last = signed_in(console)

    assert told == [401] * 5
    assert (last.status_code, int(last.headers["retry-after"]) >= 1) == (429, True)


def test_a_form_from_a_foreign_page_is_refused(client: Client) -> None:
    sent = client().post(
        "/sign-in", data={"user": "eva", "password": "correct horse"}, headers={"origin": "https://evil.example"}
    )

    assert (sent.status_code, "set-cookie" in sent.headers) == (403, False)


@pytest.mark.parametrize("next", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_sign_in_leads_to_no_foreign_page(client: Client, next: str) -> None:
    assert signed_in(client(), next=next).headers["location"] == "/"


def test_the_cookie_is_not_for_scripts_and_not_for_foreign_pages(client: Client) -> None:
    cookie = signed_in(client()).headers["set-cookie"]

    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=43200" in cookie


def test_a_form_that_is_too_long_is_not_read(client: Client) -> None:
    assert signed_in(client(), "x" * 10_000).status_code == 401


def test_who_is_taken_from_the_file_is_out_at_once(client: Client, file: Path) -> None:
    console = client()
    signed_in(console)

    file.write_text("# nobody\n", encoding="utf-8")

    assert console.get("/").status_code == 401


def test_a_new_password_ends_what_was_signed_in_with_the_old_one(client: Client, file: Path) -> None:
    console = client()
    signed_in(console)

    file.write_text(written("eva", hashed("another one")), encoding="utf-8")

    assert console.get("/").status_code == 401


def test_a_forged_cookie_is_nobody(client: Client) -> None:
    console = client()
    console.cookies.set(COOKIE, "WyJldmEiLCIiXQ.aaaa.bbbb")

    assert console.get("/").status_code == 401


def test_who_signs_out_is_out(client: Client) -> None:
    console = client()
    signed_in(console)
    assert "Signed in as eva" in console.get("/sign-out").text

    console.post("/sign-out")

    assert console.get("/").status_code == 401


def test_where_anyone_may_look_nobody_is_stopped(client: Client, file: Path) -> None:
    console = client({"view": "anyone", "password_file": {"path": str(file)}})

    assert console.get("/").status_code == 200
    assert streams(console)


HEADER = {"header": {"header": "X-User", "trusted_proxies": ["10.0.0.7"]}}


def test_a_trusted_proxy_s_word_lets_in(client: Client) -> None:
    console = client(HEADER)
    console.headers["X-User"] = "eva"

    assert console.get("/").status_code == 200
    assert streams(console)


def test_the_same_header_from_elsewhere_does_not(client: Client) -> None:
    console = client(HEADER, peer="10.0.0.8")
    console.headers["X-User"] = "eva"

    answer = console.get("/")

    assert answer.status_code == 403
    assert "10.0.0.8" in answer.text
    assert not streams(console)


def test_a_header_that_a_client_sent_beside_the_proxy_s_does_not(client: Client) -> None:
    answer = client(HEADER).get("/", headers=[("X-User", "mallory"), ("X-User", "eva")])

    assert answer.status_code == 403


def test_another_name_than_the_console_s_own_is_refused(client: Client) -> None:
    """A foreign page may point its own name at 127.0.0.1, and would be of the same origin."""
    console = client({"view": "anyone", **HEADER}, hosts=("127.0.0.1", "localhost", "::1"))

    for host in ("127.0.0.1:8501", "localhost", "[::1]:8501", "LOCALHOST:1"):
        assert console.get("/", headers={"host": host}).status_code == 200
    refused = console.get("/", headers={"host": "evil.example:8501"})
    assert refused.status_code == 403
    assert "[console] url" in refused.text


def test_every_answer_forbids_frames_and_guesses(client: Client) -> None:
    headers = client().get("/sign-in").headers

    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["x-content-type-options"] == "nosniff"
