"""`python console_at.py SECONDS run FILE …`: Streamlit, for whose pages it is that time, in epoch seconds, for ever."""

from __future__ import annotations

import runpy
import sys
from types import SimpleNamespace

from monitor.console import frame

if __name__ == "__main__":
    now = float(sys.argv.pop(1))
    frame.time = SimpleNamespace(time=lambda: now)  # type: ignore[assignment]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
