"""Whether the process was told to end."""

from __future__ import annotations

import signal
import time


class Ending:
    """`told` becomes true with SIGINT or SIGTERM.

    A handler runs in the middle of whatever the main thread does. So neither it nor `wait` takes a lock: an Event that
    the main thread is just waiting for would be held, and setting it would block for ever.
    """

    def __init__(self) -> None:
        self.told = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._tell)

    def wait(self, seconds: float) -> bool:
        """Let so much time pass; returns whether it was told to end."""
        if not self.told:
            time.sleep(seconds)
        return self.told

    def _tell(self, *_: object) -> None:
        self.told = True
