"""From a click to the last chart in Chromium, over 10,000 series and seven days, beside a plain page of Streamlit.

`python bench_console_browser.py [STORE]` fills STORE where there is none yet, and keeps it. An agent goes on writing to
it, and before each click the store counts as changed: no page is shown from answers that were kept.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import week
from bench_console import PAGES
from playwright.sync_api import Browser, Page, sync_playwright

from monitor.config import ConsoleSettings
from monitor.console import command

sys.path.insert(0, str(Path(__file__).parent.parent / "browser"))
from chromium import CHROMIUM
from consoles import free_port, serving, up

TIMES, MOST_MS, PATIENCE = 20, 1000, 60_000
#: The page of that title has come whole, and all that it draws is drawn: lines, tables and diagrams.
DRAWN = """title => {
  const all = name => [...document.querySelectorAll(`[data-testid=${name}]`)]
  return document.querySelector('h1.page')?.textContent === title
    && document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
    && !all('stSkeleton').length
    && all('stVegaLiteChart').every(one => one.querySelector('canvas, svg'))
    && all('stDataFrame').every(one => one.querySelector('canvas'))
    && all('stGraphVizChart').every(one => one.querySelector('svg'))
}"""
#: Clicks the link, and tells after how many milliseconds the page was drawn, looked at with every frame.
CLICKED = f"""([label, title]) => new Promise(done => {{
  const drawn = {DRAWN}
  const link = [...document.querySelectorAll('a')].find(one => one.textContent.trim().endsWith(label))
  const began = performance.now()
  const look = () => drawn(title) ? done(performance.now() - began) : requestAnimationFrame(look)
  link.click()
  requestAnimationFrame(look)
}})"""
#: The same for a page that is opened at its address, from when the browser was told it.
OPENED = f"""title => new Promise(done => {{
  const drawn = {DRAWN}
  const look = () => drawn(title) ? done(performance.now()) : requestAnimationFrame(look)
  look()
}})"""
#: When the page had changed for the last time after the last press of the mouse, once it rests and this holds.
PRESSED = """arrived => new Promise(done => {
  let last = window.pressed
  const seen = new MutationObserver(() => { last = performance.now() })
  seen.observe(document.querySelector('[data-testid=stMain]'), {subtree: true, childList: true, characterData: true})
  const look = () => {
    const state = document.querySelector('[data-testid=stApp]').dataset.testScriptState
    if (performance.now() - last > 500 && state === 'notRunning' && eval(arrived)) {
      seen.disconnect()
      done(last - window.pressed)
    } else requestAnimationFrame(look)
  }
  look()
})"""
NOTES_PRESSES = "addEventListener('pointerdown', () => { window.pressed = performance.now() }, {capture: true})"
#: Of lists whose first row is opened: what the page shows then.
LISTS = {"Destinations": "destination", "Consumers": "consumer", "Handlers": "handler", "Dead letters": "store"}
#: The first checkbox of a list, in pixels from its corner.
FIRST_ROW = {"x": 17, "y": 52}
TITLES = {"now": "Now", "dead_letters": "Dead letters"}
_PLAIN = """
import altair as alt, pandas as pd, streamlit as st
def one():
    st.html('<h1 class="page">One</h1>')
    frame = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=120, freq="1min"), "value": range(120)})
    st.altair_chart(alt.Chart(frame).mark_line().encode(alt.X("time:T"), alt.Y("value:Q")))
def other():
    st.html('<h1 class="page">Other</h1>')
st.navigation([st.Page(one, title="One", default=True), st.Page(other, title="Other")], position="top").run()
"""


def measured(browser: Browser, url: str, plain: str, touch: Callable[[], None]) -> None:
    ours, theirs = tab(browser, url), tab(browser, plain)
    print(f"median (worst) of {TIMES}, ms, from the click, or from the address, to the last chart")
    print("| page | | a plain page with one chart | ratio | |\n|---|---|---|---|---|")
    for title, name, parameters in PAGES:
        head = TITLES.get(name, name.capitalize())
        path = "" if name == "now" else name.replace("_", "-")
        address = f"{url}/{path}?" + "&".join(f"{key}={value}" for key, value in parameters.items())
        times, bare = list[float](), list[float]()
        for _ in range(TIMES + 1):
            if parameters:
                bare.append(opened(theirs, plain, "One"))
                touch()
                times.append(opened(ours, address, head))
            else:
                clicked(theirs, "Other")
                bare.append(clicked(theirs, "One"))
                clicked(ours, "Targets" if head != "Targets" else "Handlers")
                touch()
                times.append(clicked(ours, head))
        # the first time the browser gets the programs of the page
        row(f"{title} ({'address' if parameters else 'click'})", times[1:], bare[1:])


def measured_rows(browser: Browser, url: str, plain: str, touch: Callable[[], None]) -> None:
    """The first row of a list, then 7 days of it, then those before beside them."""
    ours, theirs = tab(browser, url), tab(browser, plain)
    ours.evaluate(NOTES_PRESSES)
    for title, thing in LISTS.items():
        opened, week, before, bare = list[float](), list[float](), list[float](), list[float]()
        for _ in range(TIMES + 1):
            clicked(theirs, "Other")
            bare.append(clicked(theirs, "One"))
            clicked(ours, "Targets")
            clicked(ours, title)
            touch()
            ours.get_by_test_id("stDataFrame").first.click(position=FIRST_ROW)
            opened.append(pressed(ours, "document.querySelector('[data-testid=stVegaLiteChart]')"))
            for number, times, parameter in ((0, week, "range"), (1, before, "before")):
                touch()
                ours.get_by_role("radiogroup").nth(number).get_by_text("7d").click()
                times.append(pressed(ours, f"location.search.includes('{parameter}=7d')"))
        for what, times in ((f"one {thing} (its row)", opened), ("7 days of it", week), ("those before", before)):
            row(what, times[1:], bare[1:])


def row(what: str, times: list[float], bare: list[float]) -> None:
    ratio = statistics.median(times) / statistics.median(bare)
    note = "" if max(times) < MOST_MS else f"more than {MOST_MS} ms"
    print(f"| {what} | {text(times)} | {text(bare)} | {ratio:.1f} | {note} |", flush=True)


def pressed(page: Page, arrived: str) -> float:
    return float(page.evaluate(PRESSED, arrived))


def tab(browser: Browser, url: str) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.wait_for_selector("h1.page", state="attached")
    return page


def clicked(page: Page, title: str) -> float:
    return float(page.evaluate(CLICKED, [title, title]))


def opened(page: Page, address: str, title: str) -> float:
    page.goto(address, wait_until="commit")
    return float(page.evaluate(OPENED, title))


def text(times: list[float]) -> str:
    return f"{statistics.median(times):,.0f} ({max(times):,.0f})"


@contextmanager
def plain_page(folder: Path) -> Iterator[str]:
    """A console of Streamlit alone, served with the options of ours."""
    script, port = folder / "plain.py", free_port()
    script.write_text(_PLAIN)
    argv, environment = command(folder / "none.db", ConsoleSettings(listen=f"127.0.0.1:{port}"))
    argv[argv.index("run") + 1] = str(script)
    with (folder / "plain.log").open("wb") as out:
        process = subprocess.Popen(argv, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            up(f"http://127.0.0.1:{port}/_stcore/health", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextmanager
def followed(store: Path) -> Iterator[None]:
    """An agent that reads its targets every 15 seconds, in a process of its own."""
    agent = subprocess.Popen([sys.executable, week.__file__, str(store)])
    try:
        yield
    finally:
        agent.terminate()
        agent.wait(timeout=20)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="eda-bench-") as name:
        folder = Path(name)
        store = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "week.db"
        if not store.exists():
            week.fill(store, float(int(time.time())))
        with followed(store), serving(folder) as console, plain_page(folder) as plain, sync_playwright() as playwright:
            console.shows(store.absolute())
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
            measured(browser, console.url, plain, lambda: os.utime(store))
            measured_rows(browser, console.url, plain, lambda: os.utime(store))
            browser.close()


if __name__ == "__main__":
    main()
