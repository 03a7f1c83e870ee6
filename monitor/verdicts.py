"""What is the matter with a group, and why: a verdict from the figures of ten minutes. Pure.

A group's consumers can handle `consumers / mean duration` events a second where each handles one at a time; what
arrives times the mean duration is how many of them are busy (Little's law). A figure that is None is unknown, and no
verdict is built on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from monitor.derive import duration, latency

#: So much behind is nothing to speak of: a group that polls now and then is never at 0.
BEHIND_SECONDS = 60.0
#: Retention that deletes the next unread event within this time is said before everything else.
EXPIRING_SECONDS = 3600.0
#: So many times what came half an hour ago is a burst.
BURST = 2.0
#: So many times what a call took half an hour ago is slow.
SLOWER = 1.5
#: Consumers that are busy for this share of the time have no room for chance: queues grow without bound near 1.
BUSY = 0.9
#: Less than this share of failures is not told as the cause.
FAILING = 0.05
#: From this share on it is the same events that fail: others would have been finished between them.
POISON = 0.5
#: Who finished nothing while an event waited for so long is stalled; less may be a poll that is still to come.
STALLED_SECONDS = 120.0
#: Who has no consumer and finished something of late reads without one that the broker knows of.
STOPPED_SECONDS = 60.0
#: What takes longer than that to work off is no draining.
DRAINING_SECONDS = 86400.0
#: Of an event's life that is left when retention is near: a fifth, which is a quarter of what is over.
LEFT = 0.25
#: Where the age is not known, so little is near whatever the retention is.
NEAR_SECONDS = 300.0

#: `group_state` of a group whose members are dividing the partitions anew.
REBALANCING = frozenset({4.0, 5.0})


class Kind(StrEnum):
    """From the worst to the best, as lists are sorted."""

    EXPIRING = "expiring"
    STOPPED = "stopped"
    STALLED = "stalled"
    REBALANCING = "rebalancing"
    SLOW_HANDLER = "slow handler"
    BURST = "producer burst"
    TOO_FEW = "too few consumers"
    BEHIND = "behind"
    DRAINING = "draining"
    UNKNOWN = "unknown"
    WELL = "keeps up"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A group on a destination. Rates are events a second over ten minutes, `_before` of half an hour earlier; times
    are seconds; `resting` is how long nothing was finished by the last reading, at least; `failed_share` is 0 to 1, and
    `reason` the most frequent one of the failures.
    """

    backlog: float | None = None
    age: float | None = None
    rate_in: float | None = None
    rate_in_before: float | None = None
    rate_out: float | None = None
    resting: float | None = None
    consumers: float | None = None
    group_state: float | None = None
    mean: float | None = None
    mean_before: float | None = None
    failed_share: float | None = None
    reason: str = ""
    retention_margin: float | None = None


@dataclass(frozen=True, slots=True)
class ConsumerVerdict:
    """`cause` says what is seen, `advice` what to do; empty where there is nothing to do. `also` is what else holds:
    each kind with a cause of its own, or "" where the first one tells it.
    """

    kind: Kind
    cause: str
    advice: str
    also: tuple[tuple[Kind, str], ...] = ()

    @property
    def is_well(self) -> bool:
        return self.kind in (Kind.WELL, Kind.DRAINING, Kind.IDLE)

    @property
    def also_text(self) -> str:
        """`Also rebalancing: Its members …`; empty where one cause is all."""
        return " ".join(f"Also {kind}{f': {cause}' if cause else '.'}" for kind, cause in self.also)


@lru_cache(maxsize=10_000)  # a page asks several times, and most groups stand as they did
def verdict(one: Evidence) -> ConsumerVerdict:
    """The worst of what holds, with what else does."""
    if one.backlog is None:
        return ConsumerVerdict(Kind.UNKNOWN, "Its backlog is not known.", "See Targets for what could not be read.")
    if one.backlog == 0:
        return _nothing_waits(one)
    worst, *others = [*(held for judge in _JUDGES for held in judge(one, one.backlog)), _otherwise(one)]
    return replace(worst, also=tuple(_also(worst.cause, (one for one in others[:-1] if one.kind is not Kind.DRAINING))))


def _also(told: str, others: Iterable[ConsumerVerdict]) -> Iterator[tuple[Kind, str]]:
    for other in others:
        yield other.kind, "" if other.cause[:-1] in told else other.cause
        told += other.cause


def _nothing_waits(one: Evidence) -> ConsumerVerdict:
    if one.rate_in == 0:
        return ConsumerVerdict(Kind.IDLE, "Nothing waits, and nothing came for ten minutes.", "")
    return ConsumerVerdict(Kind.WELL, "Nothing waits.", "")


def busy(one: Evidence) -> float | None:
    """The share of the consumers' time that what arrives takes; above 1 the backlog grows for ever.

    None also where more is finished than they could do one at a time: they handle several at once, or in batches.
    """
    if one.rate_in is None or not one.mean or not one.consumers or (one.rate_out or 0) > one.consumers / one.mean:
        return None
    return one.rate_in * one.mean / one.consumers


def drained_in(one: Evidence) -> float | None:
    """Seconds until nothing waits any more at the pace of now; None where it is not known or never."""
    if one.backlog is None or one.rate_in is None or one.rate_out is None or one.rate_out <= one.rate_in:
        return None
    return one.backlog / (one.rate_out - one.rate_in)


def _expiring(one: Evidence, backlog: float) -> Iterator[ConsumerVerdict]:
    left = one.retention_margin
    if left is None or left >= EXPIRING_SECONDS or (drained_in(one) or left) < left:
        return
    if left <= (NEAR_SECONDS if one.age is None else LEFT * one.age):
        cause = f"Retention deletes unread events in {duration(max(left, 0))}; {backlog:,.0f} wait."
        yield ConsumerVerdict(Kind.EXPIRING, cause, "Lengthen the retention now, then look for the cause.")


def _stopped(one: Evidence, backlog: float) -> Iterator[ConsumerVerdict]:
    if one.consumers == 0 and (one.resting is None or one.resting >= STOPPED_SECONDS):
        cause = f"No consumer reads it; {_wait(backlog)}{_since(one)}."
        yield ConsumerVerdict(Kind.STOPPED, cause, "Start its consumers: see whether they crash, and their logs.")


def _rebalancing(one: Evidence, _: float) -> Iterator[ConsumerVerdict]:
    if one.group_state in REBALANCING and _is_behind(one):
        advice = "If it lasts: look for members that come and go, or calls longer than max.poll.interval.ms."
        yield ConsumerVerdict(Kind.REBALANCING, "Its members divide the partitions anew and read nothing.", advice)


def _stalled(one: Evidence, backlog: float) -> Iterator[ConsumerVerdict]:
    if not one.consumers or min(one.resting or 0, one.age or 0) < STALLED_SECONDS:
        return
    waiting = f"{_wait(backlog)}{_since(one)}"
    if (one.failed_share or 0) >= POISON:
        cause = f"The same events fail again and again{_reason(one)}; {waiting}, and nothing is finished."
        yield ConsumerVerdict(Kind.STALLED, cause, "Look at the event at the committed position: it may be poison.")
    else:
        cause = f"Nothing is finished, with {_consumers(one)}; {waiting}."
        yield ConsumerVerdict(Kind.STALLED, cause, "See what its consumers wait for: a call, a lock, a paused client.")


def _draining(one: Evidence, backlog: float) -> Iterator[ConsumerVerdict]:
    left = drained_in(one)
    if left is not None and left < DRAINING_SECONDS and _is_behind(one) is not False:
        cause = f"{_wait(backlog)}, and {_rates(one)}: done in about {duration(left)}."
        yield ConsumerVerdict(Kind.DRAINING, cause, "")


def _slow(one: Evidence, _: float) -> Iterator[ConsumerVerdict]:
    if _is_behind(one) and one.mean and one.mean_before and one.mean >= SLOWER * one.mean_before:
        cause = f"A call takes {latency(one.mean)}, half an hour ago {latency(one.mean_before)}{_and(_capacity(one))}."
        yield ConsumerVerdict(Kind.SLOW_HANDLER, cause, f"See what the handler waits for{_failing(one)}.")


def _burst(one: Evidence, _: float) -> Iterator[ConsumerVerdict]:
    if _is_behind(one) and one.rate_in and one.rate_in_before and one.rate_in >= BURST * one.rate_in_before:
        grown = f"{one.rate_in:,.3g} events a second arrive, half an hour ago {one.rate_in_before:,.3g}"
        cause = f"{grown}{_and(_capacity(one))}."
        yield ConsumerVerdict(Kind.BURST, cause, "Ask who publishes so much; more consumers shorten the wait.")


def _too_few(one: Evidence, _: float) -> Iterator[ConsumerVerdict]:
    share = busy(one)
    if _is_behind(one) and share is not None and share >= BUSY:
        advice = "Add consumers, up to the partitions there are, or quicken the handler."
        yield ConsumerVerdict(Kind.TOO_FEW, f"{_capacity(one)}.", advice)


_JUDGES: tuple[Callable[[Evidence, float], Iterator[ConsumerVerdict]], ...] = (
    _expiring, _stopped, _rebalancing, _stalled, _draining, _slow, _burst, _too_few,
)  # fmt: skip


def _otherwise(one: Evidence) -> ConsumerVerdict:
    waiting = f"{_wait(one.backlog or 0)}{_since(one)}"
    if _is_behind(one) is None:
        return ConsumerVerdict(
            Kind.UNKNOWN, f"{waiting}; whether it keeps up is not known.", "Look again in ten minutes."
        )
    if not _is_behind(one):
        return ConsumerVerdict(Kind.WELL, f"{waiting}.", "")
    cause = f"{waiting}{_and(_rates(one))}{_failing(one)}."
    return ConsumerVerdict(Kind.BEHIND, cause, "The cause is not in the figures: look at its consumers.")


def _is_behind(one: Evidence) -> bool | None:
    """By age where it is known, else by what comes in and goes out; None where neither is."""
    if one.age is not None:
        return one.age >= BEHIND_SECONDS
    if one.rate_in is None or one.rate_out is None:
        return None
    return one.rate_in > one.rate_out


def _wait(backlog: float) -> str:
    return "1 event waits" if round(backlog) == 1 else f"{backlog:,.0f} events wait"


def _since(one: Evidence) -> str:
    return "" if one.age is None else f", the oldest for {duration(one.age)}"


def _rates(one: Evidence) -> str:
    known = ((one.rate_out, "leave"), (one.rate_in, "arrive"))
    told = [f"{rate:,.3g} a second {word}" for rate, word in known if rate is not None]
    return " and ".join(told)


def _capacity(one: Evidence) -> str:
    if busy(one) is None or one.rate_in is None or not one.mean or not one.consumers:
        return ""
    can = one.consumers / one.mean
    return f"{one.rate_in:,.3g} a second arrive, and {_consumers(one)} at {latency(one.mean)} a call can do {can:,.3g}"


def _consumers(one: Evidence) -> str:
    return "1 consumer" if one.consumers == 1 else f"{one.consumers:,.0f} consumers"


def _reason(one: Evidence) -> str:
    return f" with {one.reason}" if one.reason else ""


def _failing(one: Evidence) -> str:
    return f"; {one.failed_share:.0%} of its calls fail{_reason(one)}" if (one.failed_share or 0) >= FAILING else ""


def _and(text: str) -> str:
    return f"; {text}" if text else ""
