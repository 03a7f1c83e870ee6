"""A refresh of a page that one has left is dropped before it reaches the pages.

The browser asks for a refresh by a timer, and names the page that it shows. One that comes while the page of a click is
still on its way names the page before; Streamlit keeps one request that waits, with the page of the newest, and so the
click would be lost.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState


class Refreshes:
    """Stands before the pages; each of its connections is one tab of a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        tab = Tab()

        async def timely() -> Message:
            while tab.is_late(message := await receive()):
                pass
            return message

        await self._app(scope, timely, send)


class Tab:
    """What one tab of a browser shows, by what it has asked for."""

    def __init__(self) -> None:
        self._is_open, self._wanted = False, ""

    def is_late(self, message: Message) -> bool:
        """Whether it is a refresh of a page that is no longer wanted. Messages are told in the order they came."""
        asked = _asked(message)
        if asked is None:
            return False
        if asked.is_auto_rerun:
            return bool(self._wanted) and asked.page_script_hash != self._wanted
        if self._is_open:  # what comes first, opens a page that the server may not have any more
            self._wanted = asked.page_script_hash
        self._is_open = True
        return False


def _asked(message: Message) -> ClientState | None:
    """The run of a page that a message asks for; what cannot be read is for Streamlit to refuse."""
    try:
        found = BackMsg.FromString(message.get("bytes") or b"")
    except DecodeError:
        return None
    return found.rerun_script if found.HasField("rerun_script") else None
