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

CALLS = 2_000
ROUNDS = 100

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
        return


def time_with(event: object) -> None:
    with theirs.labels("ours").time():
        return


async def bare_async(event: object) -> None:
    return None


@billing
async def ours_async(event: object) -> None:
    return None


def calls(handler: Callable[[object], object]) -> float:
    """CPU seconds of a call."""
    event = EVENT
    began = time.thread_time()
    for _ in range(CALLS):
        handler(event)
    return (time.thread_time() - began) / CALLS


def awaits(handler: Callable[[object], object]) -> float:
    async def loop() -> float:
        event = EVENT
        began = time.thread_time()
        for _ in range(CALLS):
            await handler(event)  # type: ignore[misc]
        return (time.thread_time() - began) / CALLS

    return asyncio.run(loop())


#: name -> how it is called, and the handler.
CASES = {
    "bare call": (calls, bare),
    "bare await": (awaits, bare_async),
    "Histogram.time() decorator": (calls, time_decorated),
    "with Histogram.labels().time()": (calls, time_with),
    "@instrument, plain": (calls, ours),
    "@instrument, plain, timestamp": (calls, ours_timed),
    "with instrument.event()": (calls, context_manager),
    "@instrument, async": (awaits, ours_async),
}


def measure() -> dict[str, float]:
    """Microseconds over the bare call, the least of many rounds in which the cases take turns."""
    least = dict.fromkeys(CASES, 1.0)
    for _ in range(ROUNDS):
        for name, (way, handler) in CASES.items():
            least[name] = min(least[name], way(handler))
    without = {"calls": least["bare call"], "awaits": least["bare await"]}
    return {name: (took - without[CASES[name][0].__name__]) * 1e6 for name, took in least.items()}


def report(mode: str) -> None:
    over = measure()
    reference = over["Histogram.time() decorator"]
    print(f"µs an event over the bare call, {mode}")
    for name, cost in over.items():
        if cost > 0:
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
