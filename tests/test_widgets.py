"""The words that pages are made of."""

from __future__ import annotations

import pytest

from monitor.console.widgets import coded


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run `eda-monitor check` now", "run `eda-monitor check` now"),
        ("`a` and *b*", "`a` and \\*b\\*"),
        ("one ` alone", "one \\` alone"),
        ("`a](http://b)`", "\\`a\\]\\(http\\://b\\)\\`"),
        ("a `b`", "a `b`"),
    ],
)
def test_commands_in_advice_are_code_and_nothing_else_is_markup(text: str, shown: str) -> None:
    assert coded(text) == shown
