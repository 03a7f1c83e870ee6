"""How a process is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WAITS = "from monitor.ending import Ending\none = Ending()\nprint('ready', flush=True)\nwhile not one.told: pass\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITS], cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)

        assert process.wait(30) == 0


def test_being_told_takes_no_lock_that_the_main_thread_may_hold() -> None:
    """An Event that the main thread waits for would: told again and again in the midst of it, it blocks."""
    told = (
        "import os, signal, threading, time\n"
        "from monitor.ending import Ending\n"
        "one = Ending()\n"
        "def tell():\n"
        "    for _ in range(20000): os.kill(os.getpid(), signal.SIGTERM)\n"
        "teller = threading.Thread(target=tell)\n"
        "teller.start()\n"
        "while teller.is_alive(): one.told = False; time.sleep(0)\n"
        "os._exit(0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60
    )

    assert done.returncode == 0
