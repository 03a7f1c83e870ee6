"""How the browser of tests and benchmarks is started."""

from __future__ import annotations

#: Alone with the pages it is shown, and with nobody else.
CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
