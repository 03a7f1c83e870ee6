"""A WSGI app whose requests are events: what becomes of one, and how long it takes, is in its query."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from collectors.handlers import current_event, instrument, serve, wsgi_app

if port := os.environ.get("SERVE_PORT"):
    serve(int(port))


class NoStockError(Exception):
    pass


@instrument("orders", group="billing", handler="charge", service="shop")
def charge(outcome: str, seconds: float, note: str) -> None:
    if note:
        Path(note).write_text(str(os.getpid()))
    time.sleep(seconds)
    if outcome == "raised":
        raise NoStockError
    if outcome != "ok":
        getattr(current_event(), outcome)("as told")


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/metrics":
        return wsgi_app(environ, start_response)
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    with contextlib.suppress(NoStockError):
        charge(query["outcome"], float(query.get("seconds", 0)), query.get("note", ""))
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
