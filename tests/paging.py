"""Pages of the console over a store that a test filled."""

from __future__ import annotations

import time
from pathlib import Path

from streamlit.testing.v1 import AppTest

from collectors import metrics as m
from collectors.base import Reading, Sample, Scrape
from monitor.alerts.engine import Engine
from monitor.alerts.routing import Alerting, Receiver
from monitor.alerts.rules import default_rules
from monitor.store.writer import Store

OPS = Alerting((Receiver("ops"),))
CONSOLE = Path(__file__).parent.parent / "monitor" / "console"
VIEWS = CONSOLE / "views"


def page(name: str, **parameters: str) -> AppTest:
    """The page of this name over the store of the environment, at this address."""
    page = AppTest.from_file(str(CONSOLE / "app.py"), default_timeout=60)
    if "_" in name:
        page.run()  # before its first run it does not know a path that is not the file's name
    page.switch_page(f"views/{name}.py")
    for parameter, value in parameters.items():
        page.query_params[parameter] = value
    page.run()
    assert not page.exception
    return page


def fill(path: Path, *scrapes: tuple[float, Reading | str]) -> None:
    """Scrapes of so many seconds ago, judged by the default rules; a text is the error of one that failed."""
    store, engine, now = Store(path), Engine(default_rules(), OPS, "http://c"), time.time()
    for ago, outcome in scrapes:
        failed = isinstance(outcome, str)
        reading = Reading() if isinstance(outcome, str) else outcome
        one = Scrape("shop", "kafka", round(now - ago, 3), 0.1, reading, str(outcome) if failed else None)
        store.record(one, lambda tx, at=one.started_at: engine.judge(tx, at, "shop"))  # type: ignore[misc]
    while store.maintain(now):  # as the agent does: what is far back is read from rollups
        pass
    store.close()


def behind(destination: str, group: str, messages: float, seconds: float, consumers: float = 1) -> list[Sample]:
    labels = (destination, group)
    return [
        m.BACKLOG_MESSAGES.sample(messages, *labels),
        m.BACKLOG_AGE_SECONDS.sample(seconds, *labels),
        m.BACKLOG_AGE_QUALITY.sample(1, *labels),
        m.CONSUMERS.sample(consumers, *labels),
    ]


def dead(destination: str, count: float) -> list[Sample]:
    return [
        m.DEAD_LETTERS.sample(count, destination, "orders"),
        m.DEAD_LETTERED_MESSAGES_TOTAL.sample(count, destination, "orders", ""),
    ]


def texts(page: AppTest) -> str:
    """All that the page says outside of tables."""
    said = (
        *page.markdown,
        *page.caption,
        *page.error,
        *page.warning,
        *page.info,
        *page.success,
        *page.text,
        *page.code,
    )
    return "\n".join([*(str(one.value) for one in said), *(label for label, _ in links(page))])


def links(page: AppTest) -> list[tuple[str, str]]:
    """The links to other pages: what they say, and the address."""
    found = [one.proto for one in page.get("page_link")]
    return [(one.label, f"/{one.page}?{one.query_string}") for one in found]
