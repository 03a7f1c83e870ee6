"""Refreshes of a page that one has left, as the browser sends them."""

from __future__ import annotations

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from monitor.console.refreshes import Tab


def asks(page: str, is_auto: bool = False) -> dict[str, object]:
    asked = ClientState(page_script_hash=page, is_auto_rerun=is_auto, fragment_id="f" if is_auto else "")
    return {"type": "websocket.receive", "bytes": BackMsg(rerun_script=asked).SerializeToString()}


def late(*messages: dict[str, object]) -> list[bool]:
    tab = Tab()
    return [tab.is_late(one) for one in messages]


def test_a_refresh_of_the_page_before_a_click_is_late() -> None:
    assert late(asks(""), asks("now", True), asks("consumers"), asks("now", True)) == [False, False, False, True]


def test_a_refresh_of_the_page_that_was_clicked_is_not() -> None:
    assert late(asks(""), asks("consumers"), asks("consumers", True)) == [False, False, False]


def test_who_comes_back_has_the_page_refreshed_again() -> None:
    assert late(asks(""), asks("consumers"), asks("now"), asks("now", True)) == [False] * 4


def test_what_a_tab_asks_first_says_nothing_of_the_page_it_gets() -> None:
    """After a restart it asks for the page it showed, which may be no more: then it gets the first one."""
    assert late(asks("gone"), asks("now", True)) == [False, False]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.receive", "bytes": b"\xff\xff"},
        {"type": "websocket.receive", "text": "hello"},
        {"type": "websocket.disconnect"},
        {"type": "websocket.receive", "bytes": BackMsg(stop_script=True).SerializeToString()},
    ],
)
def test_all_else_goes_through(message: dict[str, object]) -> None:
    assert late(asks(""), asks("now"), message) == [False, False, False]
