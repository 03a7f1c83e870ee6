"""Where the console reads from: the store of an agent, or another place that answers the same questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from monitor.percentiles import Increase
from monitor.store.reader import (
    Ack,
    AlertState,
    Audited,
    Notification,
    Series,
    Silence,
    StoreError,
    TargetRow,
    Transition,
)
from monitor.store.rises import Rise
from monitor.store.series import Where

T = TypeVar("T")


class NotKnownError(StoreError):
    """The source cannot tell this at all; the message says what, and who could. It is unknown, not none."""


class Source(Protocol):
    """What the pages ask, in the words of `monitor.store.reader.Reader`, which is the first of its kind.

    Every method raises StoreError where the source cannot be read; those of alerts also NotKnownError, which is one.
    """

    @property
    def path(self) -> str | None:
        """The store that people may write beside its agent; None where there is none."""

    def latest(self, metric: str, now: float, where: Where | None = None) -> list[Series]: ...

    def window(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Series]: ...

    def rises(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Rise]: ...

    def trend(
        self, metric: str, start: float, end: float, points: int = 60, where: Where | None = None
    ) -> list[Series]: ...

    def increases(self, metric: str, start: float, end: float, where: Where | None = None) -> list[Increase]: ...

    def increase_trend(
        self, metric: str, start: float, end: float, points: int = 60, where: Where | None = None
    ) -> list[tuple[dict[str, str], list[tuple[float, Increase]]]]: ...

    def targets(self, now: float) -> list[TargetRow]: ...

    def alerts(self) -> list[AlertState]: ...

    def transitions(self, since: float) -> list[Transition]: ...

    def suppressed(self) -> dict[str, str]: ...

    def silences(self, since: float) -> list[Silence]: ...

    def acks(self) -> dict[str, Ack]: ...

    def notifications(self, limit: int) -> list[Notification]: ...

    def audit(self, since: float) -> list[Audited]: ...

    def close(self) -> None: ...


def known(ask: Callable[[], T]) -> T | None:
    """The answer, or None where the source cannot know it; raises StoreError where it cannot be read."""
    try:
        return ask()
    except NotKnownError:
        return None
