"""What `check` says of Event Grid: what can be read, which role is missing, and where events are lost. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from collectors import metrics as m
from collectors.base import Finding, Reading
from collectors.eventgrid import judge
from collectors.eventgrid.fetch import NO_METRIC
from collectors.eventgrid.grid import Grid
from collectors.eventgrid.settings import EventGridSettings

_HINTS = {
    judge.GONE: "make the container anew, or correct the dead-letter destination: until then dead letters are lost",
    judge.NO_ROLE: "give the topic's identity the role Storage Blob Data Contributor on the container",
    judge.NO_IDENTITY: "turn on the identity of the topic that its dead-letter destination names",
    judge.SHORT: "raise its time to live: a handler that is down for some minutes is given up before it is tried again",
    judge.INACTIVE: "activate the partner topic, else it gets no events",
    f"{judge.STATE} {judge.WAITS}": "its webhook waits for somebody to open the validation URL that was sent to it",
}


def findings(settings: EventGridSettings, grid: Grid, reading: Reading) -> list[Finding]:
    """From what was found and a reading of it."""
    return [
        *_found(settings, grid),
        *_faults(reading),
        *_without_store(grid),
        *(Finding(one.reason != NO_METRIC, f"{one.what} is left out: {one.reason}") for one in reading.skipped),
        *(Finding(False, f"{one.part}: {one.message}", _hint(one.message)) for one in reading.errors),
    ]


def _found(settings: EventGridSettings, grid: Grid) -> Iterator[Finding]:
    kinds = Counter(one.kind for one in grid.resources.values())
    streams = sum(1 for _ in grid.streams())
    if kinds:
        told = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        yield Finding(True, f"{told}, with {streams} subscriptions")
    else:
        hint = "are these the right subscription_id and resource_group, and may the agent's identity read them?"
        yield Finding(False, f"no topic, domain or namespace in {', '.join(settings.subscription_id)}", hint)


def _faults(reading: Reading) -> Iterator[Finding]:
    for sample in reading.samples:
        if sample.metric is m.CONFIGURATION_FAULT:
            name, reason = sample.labels
            yield Finding(True, f"{name}: {reason}", _HINTS.get(reason.rsplit(": ", 1)[-1], ""))


def _without_store(grid: Grid) -> Iterator[Finding]:
    for one in grid.streams():
        if one.subscription.store is None:
            what = f"{one.subscription.name} on {one.destination} has no dead-letter destination"
            yield Finding(True, what, "what it gives up is lost: name a container, if it should be kept")


def _hint(message: str) -> str:
    if "answered 401" in message or "answered 403" in message:
        return "docs/azure.md lists the least roles that the agent's identity needs"
    if "answered 404" in message:
        return "is the id right, and is it of this tenant and this cloud?"
    return ""
