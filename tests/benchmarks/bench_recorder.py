"""What the instrumentation adds to a call, beside prometheus-client's `Histogram.time()`, in one run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from prometheus_client import Histogram

from collectors.handlers import instrument

CALLS = 20_000
ROUNDS = 15

EVENT = {"written": 1.7e9}

billing = instrument("orders", group="billing", service="shop")
timed = instrument("orders", group="billing", service="shop", timestamp=lambda event: event["written"])
theirs = Histogram("theirs", "Of prometheus-client.", ["handler"])


def bare(event: object) -> None:
    return None


@billing
def ours(event: object) -> None:
    return None


@timed
def ours_timed(event: object) -> None:
    return None


@theirs.labels("ours").time()
def time_decorated(event: object) -> None:
    return None


def context_manager(event: object) -> None:
    with billing.event():
        return None


def time_with(event: object) -> None:
    with theirs.labels("ours").time():
        return None


async def bare_async(event: object) -> None:
    return None


@billing
async def ours_async(event: object) -> None:
    return None


def calls(handler: Callable[[object], object]) -> float:
    """Seconds of a call; the best of an inner loop that does nothing else."""
    event = EVENT
    began = time.perf_counter()
    for _ in range(CALLS):
        handler(event)
    return (time.perf_counter() - began) / CALLS


def awaits(handler: Callable[[object], object]) -> float:
    async def loop() -> float:
        event = EVENT
        began = time.perf_counter()
        for _ in range(CALLS):
            await handler(event)  # type: ignore[misc]
        return (time.perf_counter() - began) / CALLS

    return asyncio.run(loop())


#: name -> how it is called, the handler, and the bare one that it is compared with.
CASES = {
    "bare call": (calls, bare, bare),
    "Histogram.time() decorator": (calls, time_decorated, bare),
    "with Histogram.labels().time()": (calls, time_with, bare),
    "@instrument, plain": (calls, ours, bare),
    "@instrument, plain, timestamp": (calls, ours_timed, bare),
    "with instrument.event()": (calls, context_manager, bare),
    "@instrument, async": (awaits, ours_async, bare_async),
}


def measure() -> dict[str, float]:
    """Microseconds over the bare call, medians; the cases take turns, so that a slow moment meets them all."""
    rounds: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, (way, handler, without) in CASES.items():
            rounds[name].append((way(handler) - way(without)) * 1e6)
    return {name: sorted(taken)[ROUNDS // 2] for name, taken in rounds.items()}


def report(mode: str) -> None:
    over = measure()
    reference = over["Histogram.time() decorator"]
    print(f"µs an event over the bare call, {mode}")
    for name, cost in over.items():
        if name != "bare call":
            print(f"  {name:32} {cost:6.2f}  {cost / reference:5.2f} × Histogram.time()")


def main() -> None:
    if sys.argv[1:] == ["shared"]:
        report("counting in files for other processes")
        return
    report("counting in memory")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": folder}
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, "shared"], env=environment, check=True)


if __name__ == "__main__":
    main()
