"""How often a password may be tried: each failure in a row doubles the wait, of the name and of the peer. Pure."""

from __future__ import annotations

from collections import OrderedDict

#: So many failures cost nothing: people mistype.
FREE = 5
LONGEST_SECONDS = 30.0
#: Names and peers that are remembered; the one that failed longest ago is forgotten first.
KEPT = 10_000


class Throttle:
    """Times are of a clock that only goes forward, in seconds."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, keys: tuple[str, ...], now: float) -> float:
        """Seconds until one of these may try again; 0 where they may now."""
        return max(0.0, *(self._until(key) - now for key in keys))

    def failed(self, keys: tuple[str, ...], now: float) -> None:
        for key in keys:
            count, _ = self._failures.pop(key, (0, now))
            self._failures[key] = count + 1, now
        while len(self._failures) > KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            self._failures.pop(key, None)

    def _until(self, key: str) -> float:
        count, at = self._failures.get(key, (0, 0.0))
        return at + min(2.0 ** (count - FREE), LONGEST_SECONDS) if count >= FREE else 0.0
