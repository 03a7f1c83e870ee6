"""How long it takes from a click to the last chart in a real Chromium, beside a click in a plain app."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "browser"))
from chromium import CHROMIUM
from consoles import free_port, up
from playwright.sync_api import Page, sync_playwright

from monitor.config import ConsoleSettings
from monitor.console import command
from monitor.store.reader import Reader

HERE = Path(__file__).parent
TIMES, MOST_MS = 20, 1000
#: In the navigation, or the first problem of its kind on the page "now".
LIST, ONE = 'a[data-testid="stTopNavLink"][href$="/{}"]', '[data-testid=stMain] a[href*="/{}?"]'
NOW, ALERTS = LIST.format(""), LIST.format("alerts")
#: What is clicked, and on which page: title, the link to the page, the link on it.
CLICKS = (
    ("now", ALERTS, NOW),
    *((page.replace("-", " "), ALERTS, LIST.format(page)) for page in (
        "destinations", "consumers", "handlers", "dead-letters", "topology", "targets",
    )),
    ("alerts", LIST.format("targets"), ALERTS),
    ("one consumer, 1 h", NOW, ONE.format("consumers")),
    ("one store of dead letters, 1 h", NOW, ONE.format("dead-letters")),
)  # fmt: skip
#: Milliseconds from the click until nothing changes on the page any more, and all charts are drawn.
CLICKED = """selector => new Promise(resolve => {
    const app = document.querySelector('[data-testid=stApp]')
    const began = performance.now()
    let last = began
    const watching = new MutationObserver(() => { last = performance.now() })
    watching.observe(document.querySelector('[data-testid=stMain]'), {subtree: true, childList: true})
    document.querySelector(selector).click()
    const timer = setInterval(() => {
        const runs = app.dataset.testScriptState !== 'notRunning'
        if (runs || document.querySelector('[data-testid=stSkeleton]')) return
        if (last === began || performance.now() - last < 700) return
        watching.disconnect()
        clearInterval(timer)
        resolve(last - began)
    }, 50)
})"""


@contextmanager
def serving(argv: list[str], environment: dict[str, str], port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        up(f"{url}/_stcore/health", process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def console(store: Path) -> Iterator[str]:
    with closing(Reader(store)) as reader:
        ((ts,),) = reader.connection.execute("SELECT max(ts) FROM scrape").fetchall()
    port = free_port()
    argv, environment = command(store, ConsoleSettings.model_validate({"listen": f"127.0.0.1:{port}"}))
    environment["PYTHONPATH"] = str(HERE.parent.parent)
    with serving(
        [sys.executable, str(HERE / "console_at.py"), str(ts / 1000 + 1), *argv[3:]], environment, port
    ) as url:
        yield url


@contextmanager
def plain() -> Iterator[str]:
    port = free_port()
    options = [f"--server.port={port}", "--server.headless=true", "--browser.gatherUsageStats=false"]
    argv = [sys.executable, "-m", "streamlit", "run", str(HERE / "plain_pages.py"), *options]
    with serving(argv, dict(os.environ), port) as url:
        yield url


def took(page: Page, before: str, link: str) -> float:
    page.wait_for_selector(before)
    page.evaluate(CLICKED, before)
    page.wait_for_selector(link)
    milliseconds: float = page.evaluate(CLICKED, link)
    return milliseconds


def measured(store: Path) -> None:
    """Prints a row for each click. The figures are those of the time at which the store was filled."""
    program = shutil.which("chromium")
    if program is None:
        print("Chromium is not installed: apt-get install chromium")
        return
    with sync_playwright() as playwright, console(store) as ours, plain() as other:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        pages = [browser.new_page(viewport={"width": 1440, "height": 900}) for _ in range(2)]
        for page, url in zip(pages, (f"{ours}/targets", other), strict=True):
            page.goto(url)
        print(f"median (worst) of {TIMES} clicks, ms; a click on a plain page with one chart is 1")
        print("| page | click to last chart | beside a plain page | |\n|---|---|---|---|")
        for click in CLICKS:
            _row(*pages, *click, store)
        browser.close()


def _row(page: Page, plain_page: Page, title: str, before: str, link: str, store: Path) -> None:
    bare, times = [], []
    for _ in range(TIMES):
        bare.append(took(plain_page, NOW, LIST.format("other")))
        os.utime(store)  # as if somebody had written: nothing is answered from what was kept
        times.append(took(page, before, link))
    note = "" if max(times) < MOST_MS else f"more than {MOST_MS} ms"
    ratio = statistics.median(times) / statistics.median(bare)
    print(f"| {title} | {statistics.median(times):,.0f} ({max(times):,.0f}) | {ratio:.1f} | {note} |", flush=True)
