"""Which alerts are suppressed, and why: by a silence, a maintenance window, or another alert. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from monitor.alerts.inhibition import inhibitor, inhibitors
from monitor.alerts.maintenance import window_of
from monitor.alerts.routing import Window
from monitor.alerts.silences import silence_of
from monitor.store.ledger import Silence
from monitor.store.reader import AlertState


def suppressions(
    active: Iterable[AlertState],
    silences: Collection[Silence],
    windows: Sequence[Window],
    own: Collection[str],
    now: float,
) -> dict[str, str]:
    """The reason by fingerprint, of the active alerts that are suppressed; `own` rules are the monitor's."""
    active = list(active)
    others = inhibitors(state for state in active if state.state == "firing")
    found = {}
    for state in active:
        if (silence := silence_of(state.labels, silences, now)) is not None:
            found[state.fingerprint] = f"silence {silence.id} by {silence.author}: {silence.comment}"
        elif (window := window_of(state.labels, windows, now)) is not None:
            found[state.fingerprint] = f"maintenance {window.name}"
        elif (other := inhibitor(state, others, own)) is not None:
            found[state.fingerprint] = f"inhibited by {other.rule}"
    return found
