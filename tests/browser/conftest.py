"""One Chromium for the tests of a file that look."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from chromium import CHROMIUM
from playwright.sync_api import Browser, expect, sync_playwright

#: A page may be slow on a machine that does other things; how fast it is the benchmark measures.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not of the session: Playwright's loop runs in the thread of the tests, and none of theirs could run after it."""
    program = shutil.which("chromium")
    if program is None:
        assert os.environ.get("CI") != "true", "Chromium is not installed"
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        yield browser
        browser.close()
