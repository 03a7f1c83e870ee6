"""What stands before every request to the console: which host it was sent to, who sends it, what a browser may do."""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.console.identity import Identity

SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"
#: What is open to all: it tells nothing but that the console runs.
OPEN = (SIGN_IN, SIGN_OUT, "/_stcore/health")

#: Streamlit sends none of these.
HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Gate:
    """Lets in who may look. `hosts` are the names it answers to, empty for any: another is a foreign page's trick."""

    def __init__(self, app: ASGIApp, identity: Identity | None, hosts: tuple[str, ...] = ()) -> None:
        self._app, self._identity, self._hosts = app, identity, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self._app(scope, receive, hardened)
        elif scope["type"] == "http":
            await refusal(scope, receive, hardened)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, request: HTTPConnection) -> Response | None:
        """What a request gets that is not let in."""
        host = _host(request.headers.get("host", ""))
        if self._hosts and host not in self._hosts:
            names, advice = ", ".join(self._hosts), "Set [console] url to where people reach it."
            return PlainTextResponse(f"This console does not answer to {host!r}, but to {names}. {advice}", 403)
        identity = self._identity
        if identity is None or identity.settings.view == "anyone" or request.url.path in OPEN:
            return None
        if identity.settings.oidc is not None or user_of(identity, request) is not None:
            return None  # the pages ask a provider's user themselves
        if identity.settings.header is not None:
            return PlainTextResponse(_no_proxy(identity.settings.header.header, request), 403)
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"{SIGN_IN}?next={quote(_address(request), safe='')}", 303)
        return PlainTextResponse("Sign in first.", 401)


def user_of(identity: Identity, request: HTTPConnection) -> str | None:
    settings = identity.settings.header
    values = request.headers.getlist(settings.header) if settings is not None else []
    return identity.user_of(values, request.client.host if request.client else None, request.cookies)


def _no_proxy(header: str, request: HTTPConnection) -> str:
    peer = request.client.host if request.client else "an unknown address"
    return (
        f"Nobody is let in from {peer} without a proxy's word: expected the header {header} once, with a user who is"
        " let in, from one of [console.auth.header] trusted_proxies."
    )


def _address(request: HTTPConnection) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def _host(text: str) -> str:
    """A host without its port, as names are compared."""
    name = text.rpartition(":")[0] if text.rpartition(":")[2].isdigit() else text
    return name.strip("[]").casefold()
