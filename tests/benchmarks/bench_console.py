"""How long the console's server takes for each page over 10,000 series and seven days, beside a plain page.

`python bench_console.py [STORE]` fills STORE where there is none yet, and keeps it.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import week
from paging import page
from streamlit.testing.v1 import AppTest

from collectors import metrics as m
from monitor.console import STORE_VARIABLE, frame, sources
from monitor.console.kept import Moments
from monitor.store.reader import Reader

TIMES, MOST_MS = 20, 1000
_THING = {"target": "target-0", "destination": "target-0-0", "group": "billing"}
_HANDLER = {"destination": "target-0-0", "group": "billing"}
_DEAD = {"target": "target-0", "destination": "target-0-0.dlq", "source": "target-0-0"}
#: What is opened, the page's file, and its parameters.
PAGES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("now", "now", {}),
    ("destinations", "destinations", {}),
    ("consumers", "consumers", {}),
    ("handlers", "handlers", {}),
    ("dead letters", "dead_letters", {}),
    ("topology", "topology", {}),
    ("alerts", "alerts", {}),
    ("targets", "targets", {}),
    ("one destination, 1 h", "destinations", {k: v for k, v in _THING.items() if k != "group"}),
    ("one consumer, 1 h", "consumers", _THING),
    ("one consumer, 7 days beside those before", "consumers", {**_THING, "range": "7d", "before": "7d"}),
    ("one handler, 1 h", "handlers", _HANDLER),
    ("one handler, 7 days", "handlers", {**_HANDLER, "range": "7d"}),
    ("one store of dead letters, 7 days", "dead_letters", {**_DEAD, "range": "7d"}),
)


def plain() -> None:
    """A page with one chart of as many points as ours have."""
    import altair as alt
    import pandas as pd
    import streamlit as st

    frame = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=120, freq="1min"), "value": range(120)})
    st.altair_chart(alt.Chart(frame).mark_line().encode(alt.X("time:T"), alt.Y("value:Q")))


def measured(store: Path) -> None:
    with closing(Reader(store)) as reader:
        now = max(one.points[-1][1] for one in reader.latest(m.COLLECTOR_LAST_SUCCESS.name, _last(reader)))
    os.environ[STORE_VARIABLE] = str(store)
    other = AppTest.from_function(plain).run()
    print(f"median (worst) of {TIMES}, ms; a plain page with one chart is 1")
    print("| page | first look | beside a plain page | a refresh | |\n|---|---|---|---|---|")
    with patch.object(frame, "time", SimpleNamespace(time=lambda: now + 1)):
        for title, name, parameters in PAGES:
            shown, bare, first, again = page(name, **parameters), [], [], []
            for _ in range(TIMES):
                bare.append(took(other.run))
                sources._MOMENTS = Moments()  # as if somebody had written
                first.append(took(shown.run))
                again.append(took(shown.run))
            ratios = (statistics.median(times) / statistics.median(bare) for times in (first, again))
            whole, fresh = (f"{one:.1f}" for one in ratios)
            note = "" if max(first) < MOST_MS else f"more than {MOST_MS} ms"
            print(f"| {title} | {text(first)} | {whole} | {text(again)} | {fresh} | {note}", flush=True)


def _last(reader: Reader) -> float:
    ((ts,),) = reader.connection.execute("SELECT max(ts) FROM scrape").fetchall()
    return float(ts) / 1000


def took(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1000


def text(times: list[float]) -> str:
    return f"{statistics.median(times):,.0f} ({max(times):,.0f})"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="eda-bench-") as folder:
        store = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "week.db"
        if not store.exists():
            week.fill(store, float(int(time.time())))
        measured(store)


if __name__ == "__main__":
    main()
