"""Handlers of events: one line measures them in their own process, and a collector reads what they expose.

What is imported from here needs the standard library and prometheus-client, nothing else.
"""

from __future__ import annotations

import importlib
from typing import Any

from collectors.handlers.recorder.event import Event, current_event
from collectors.handlers.recorder.families import FAMILIES
from collectors.handlers.recorder.instrumenting import Instrument, instrument
from collectors.handlers.recorder.process import count
from collectors.handlers.recorder.pushing import PushError, push
from collectors.handlers.recorder.serving import asgi_app, serve, wsgi_app

__all__ = [
    "FAMILIES",
    "Event",
    "Instrument",
    "PushError",
    "asgi_app",
    "count",
    "current_event",
    "instrument",
    "push",
    "serve",
    "wsgi_app",
]

_PRODUCERS = ("dead_letter_sent", "watch_producer")


def __getattr__(name: str) -> Any:
    """The lines for producers, imported when they are asked for."""
    if name in _PRODUCERS:
        return getattr(importlib.import_module("collectors.handlers.producers"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
