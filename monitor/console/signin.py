"""The page on which somebody signs in with a password, and the one on which they sign out."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from monitor.console.gate import SIGN_IN, SIGN_OUT, user_of
from monitor.console.identity import COOKIE, Identity
from monitor.console.throttle import Throttle

#: No name and password is longer than this form.
FORM_BYTES = 4096

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · eda-monitor</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>
body {{ margin: 0; font: 16px/1.5 system-ui, sans-serif }}
main {{ max-width: 20rem; margin: 12vh auto 0; padding: 0 1rem }}
h1 {{ font-size: 1.4rem }}
label {{ display: block; margin-top: 1rem }}
input, button {{ box-sizing: border-box; width: 100%; padding: .55rem; font: inherit }}
button {{ margin-top: 1.5rem; cursor: pointer }}
[role=alert] {{ padding: .5rem .75rem; border-left: 4px solid #d92d20 }}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"""

_SIGN_IN = """{problem}<form method="post" action="{action}">
<label for="user">Name</label>
<input id="user" name="user" autocomplete="username" autocapitalize="none" required autofocus value="{user}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<input type="hidden" name="next" value="{next}"><button>Sign in</button></form>"""

_SIGN_OUT = '<p>Signed in as {user}.</p><form method="post" action="{action}"><button>Sign out</button></form>'


def routes(identity: Identity, is_https: bool, clock: Callable[[], float] = time.monotonic) -> list[Route]:
    """The routes of both pages; `clock` only goes forward. The cookie is for HTTPS alone where people come by it."""
    throttle = Throttle()

    async def sign_in(request: Request) -> Response:
        wanted = _own(request.query_params.get("next", "/"))
        if request.method != "POST":
            return _form(wanted)
        if not _is_from_here(request):
            return _form(wanted, problem="This form came from elsewhere. Try again.", status=403)
        form = await _fields(request)
        user, wanted = form.get("user", ""), _own(form.get("next", "/"))
        keys = (f"name {user}", f"peer {request.client.host if request.client else ''}")
        if (seconds := throttle.wait(keys, clock())) > 0:
            problem = f"Too many tries. Try again in {seconds:.0f} s."
            return _form(wanted, user, problem, 429, {"Retry-After": f"{seconds + 1:.0f}"})
        throttle.failed(keys, clock())  # until it is known better: many tries at once are many tries
        assert identity.passwords is not None
        if not await run_in_threadpool(identity.passwords.admits, user, form.get("password", "")):
            return _form(wanted, user, "Name or password is wrong.", 401)
        throttle.succeeded(keys)
        answer = RedirectResponse(wanted, 303)
        age = round(identity.settings.session)
        answer.set_cookie(COOKIE, identity.cookie_of(user), max_age=age, httponly=True, samesite="lax", secure=is_https)
        return answer

    async def sign_out(request: Request) -> Response:
        if request.method == "POST" and _is_from_here(request):
            answer: Response = RedirectResponse(SIGN_IN, 303)
            answer.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=is_https)
            return answer
        body = _SIGN_OUT.format(user=escape(user_of(identity, request) or "nobody"), action=SIGN_OUT)
        return _page("Sign out", body)

    return [
        Route(SIGN_IN, sign_in, methods=["GET", "POST"]),
        Route(SIGN_OUT, sign_out, methods=["GET", "POST"]),
    ]


def _form(
    wanted: str, user: str = "", problem: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    told = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    body = _SIGN_IN.format(problem=told, action=SIGN_IN, user=escape(user), next=escape(wanted))
    return _page("Sign in", body, status, headers)


def _page(title: str, body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return HTMLResponse(_PAGE.format(title=title, body=body), status, {"Cache-Control": "no-store", **(headers or {})})


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form; none where it is longer than one can be."""
    text = b""
    async for part in request.stream():
        text += part
        if len(text) > FORM_BYTES:
            return {}
    found = parse_qs(text.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in found.items()}


def _is_from_here(request: Request) -> bool:
    """A browser names the page that a form is on; other programs need no protection from foreign pages."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _own(address: str) -> str:
    """An address of this console; the first page where it is another's."""
    parts = urlsplit(address)
    foreign = parts.scheme or parts.netloc or not address.startswith("/") or address[1:2] in ("/", "\\")
    return "/" if foreign or not address.isprintable() else address
