"""How a process is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: Ends when it is told.
WAITS = (
    "from monitor.ending import Ending\none = Ending()\nprint('ready', flush=True)\nwhile not one.wait(0.01): pass\n"
)
#: Is told whenever a function is called, so also in the midst of everything that a wait does.
TOLD_WITHIN = """
import signal, sys
from monitor.ending import Ending
one = Ending()
def tell(frame, event, argument):
    if event == "call" and frame.f_code is not one._tell.__code__:
        sys.setprofile(None)
        signal.raise_signal(signal.SIGTERM)
        sys.setprofile(tell)
sys.setprofile(tell)
one.wait(0.001)
"""


def program(text: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", text], cwd=ROOT, stdout=subprocess.PIPE, env=environment)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told(number: signal.Signals) -> None:
    with program(WAITS) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)

        assert process.wait(30) == 0


def test_it_can_be_told_in_the_midst_of_a_wait() -> None:
    """An Event is locked for a moment of its wait: told then, it would block for ever."""
    with program(TOLD_WITHIN) as process:
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()
