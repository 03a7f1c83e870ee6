"""Whether the process was told to end."""

from __future__ import annotations

import signal


class Ending:
    """`told` becomes true with SIGINT or SIGTERM.

    A handler runs in the middle of whatever the main thread does. So it takes no lock: an Event that the main thread is
    just waiting for would be held, and setting it would block for ever.
    """

    def __init__(self) -> None:
        self.told = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._tell)

    def _tell(self, *_: object) -> None:
        self.told = True
