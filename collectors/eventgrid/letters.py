"""The dead letters of a target: its containers listed and read, and told in the words of the vocabulary."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from collectors import metrics as m
from collectors.base import Finding, PartError, Reading, Skipped
from collectors.eventgrid.blobs import Blobs
from collectors.eventgrid.client import Client, ClientError
from collectors.eventgrid.containers import DeadLetterContainer, DeadLetterReads
from collectors.eventgrid.deadletters import UNSEEN, Contents, contents
from collectors.eventgrid.ledger import Blob, Ledger, Stream
from collectors.eventgrid.listing import Listing, changing, fresh
from collectors.eventgrid.origins import Origins

MEMORY = "blobs/"
#: The part of a container's time that goes into lists; what is left is for reading.
_LISTS = 0.6
#: A reading that comes this much too early is not left out, in seconds.
_JITTER = 1.0
#: Flaws that are told one by one.
_FLAWS = 20
_NOT_WHOLE = "counted as one event each at least, for they were not read as a whole: over the budget of bytes or time"

_HINTS = {
    "ContainerNotFound": "the container is gone or misspelt: dead letters that are to go there are lost after 4 hours",
    "AuthorizationPermissionMismatch": "give the agent's identity the role Storage Blob Data Reader on the container",
    "failed to authenticate": "the key or the signature is wrong or over, or the clocks differ",
    "AuthorizationFailure": "the account's firewall, or its rule against keys, keeps the agent out",
    "InvalidAuthenticationInfo": "the agent's identity is of another tenant, or its token is not for this cloud",
    "PublicAccessNotPermitted": "the agent came without an identity: docs/azure.md says how it gets one",
    "resolve": "there is no account of this name, or its name is not known to this machine",
}


class DeadLetterBlobs:
    """Reads containers of dead letters. Of what was counted it remembers so much that nothing is counted twice.

    The counters tell what came since a container was first listed: what was there before is depth, no arrival.
    """

    def __init__(self, containers: Sequence[DeadLetterContainer], reads: DeadLetterReads, client: Client) -> None:
        self.containers = [Container(Blobs(one, client), reads) for one in containers]
        self.reads, self._client = reads, client
        self._turn = 0

    def restore(self, memory: Mapping[str, bytes]) -> None:
        """Take back what earlier readings asked to remember; keys of others are left alone."""
        for one in self.containers:
            one.ledger.restore(memory)

    @property
    def counted(self) -> frozenset[str]:
        """The containers, as `account/container`, whose dead letters are counted: they were listed once."""
        return frozenset(one.name for one in self.containers if one.ledger.is_begun)

    def read(self, reading: Reading, now: float, deadline: float, origins: Origins) -> None:
        """Add what is known of all containers. One that fails is a PartError, and says nothing of itself."""
        self._turn += 1
        count = len(self.containers)
        for nth in range(count):
            one = self.containers[(self._turn + nth) % count]
            share = (deadline - time.monotonic()) / (count - nth)
            self._client.within(time.monotonic() + share)
            try:
                one.read(now, time.monotonic() + share, self.reads.bytes // count, self.reads.blobs // count)
            except ClientError as error:
                reading.errors.append(PartError(f"dead letters in {one.name}", _explained(error)))
            else:
                one.tell(reading, now, origins)
                reading.memory.update(one.ledger.take_changes())  # else with the next reading that can be kept

    @property
    def is_read(self) -> bool:
        """Whether the last reading could list any container."""
        return any(one.is_read for one in self.containers)

    def findings(self) -> Iterator[Finding]:
        """The containers that the last reading could list; of the others its errors tell."""
        for one in self.containers:
            if one.is_read:
                yield Finding(True, f"dead letters in {one.name}: {one.ledger.blobs} blobs")


class Container:
    """One container between its readings."""

    def __init__(self, blobs: Blobs, reads: DeadLetterReads) -> None:
        self.name, self.blobs, self.reads = blobs.name, blobs, reads
        self.ledger = Ledger(MEMORY + blobs.name, reads.known_blobs)
        self.is_read = False
        self._due = 0.0
        self.listings: list[Listing] = []
        self._planned_at = 0.0
        self._foreign = 0
        self._flaws: dict[str, str] = {}
        self._not_whole = 0

    def read(self, now: float, deadline: float, budget: int, count: int) -> None:
        """List and read what may be new, when it is time for it; raises ClientError."""
        if now < self._due:
            return
        began, self.is_read = time.monotonic(), False
        arrived: list[Blob] = []
        self._flaws, self._not_whole = {}, 0
        try:
            if not self.listings:
                self._plan(now)
            for page in range(self.reads.pages):
                late = page and time.monotonic() > began + (deadline - began) * _LISTS
                if not self.listings or late:
                    break
                arrived += self._list()
        except ClientError as error:
            if error.is_missing or error.is_refused:  # else it goes on where it stopped
                self.listings.clear()
                self.ledger.full_at = 0.0  # what it missed is found by listing all
            raise
        finally:
            self.ledger.count(self._read(arrived, deadline, budget, count))
        self.is_read = True
        if self.listings:
            return
        self._due = now + self.reads.interval - _JITTER
        self.ledger.is_begun = True
        self.ledger.read_at = self._planned_at

    def tell(self, reading: Reading, now: float, origins: Origins) -> None:
        """What lies there, in the words of the vocabulary; nothing before all of it was listed once."""
        if not self.ledger.is_begun:
            what = f"dead letters in {self.name}"
            reading.skipped.append(Skipped(what, f"the first listing goes on: {self.ledger.blobs} blobs so far"))
            return
        depths, totals = defaultdict[str, int](int), defaultdict[tuple[str, str], int](int)
        oldest = float("inf")
        for stream, depth in self.ledger.depths().items():
            source, group = origins.of(self.name, stream)
            depths[source] += depth.events
            oldest = min(oldest, depth.oldest)
            for reason, count in self.ledger.streams.get(stream, Stream()).totals.items():
                totals[source, f"{reason} ({group})"] += count
        reading.samples += (m.DEAD_LETTERS.sample(count, self.name, source) for source, count in depths.items())
        reading.samples += (m.DEAD_LETTERED_MESSAGES_TOTAL.sample(n, self.name, *key) for key, n in totals.items())
        if oldest < float("inf"):
            reading.samples.append(m.DEAD_LETTER_AGE_SECONDS.sample(max(0.0, now - oldest), self.name))
        self._tell_limits(reading)

    def _tell_limits(self, reading: Reading) -> None:
        """What is not known, or only at least."""
        limits = {
            f"{self._not_whole} new blobs in {self.name}": _NOT_WHOLE if self._not_whole else "",
            f"{self._foreign} blobs in {self.name}": "no dead letters by their names" if self._foreign else "",
            f"old blobs in {self.name}": "over the budget of known blobs: only their number is known"
            if any(one.old.blobs for one in self.ledger.streams.values())
            else "",
            **{f"subscription {name} in {self.name}": "over the budget of subscriptions" for name in self.ledger.over},
        }
        reading.skipped += (Skipped(what, reason) for what, reason in limits.items() if reason)
        told = list(self._flaws.items())
        reading.errors += (PartError(f"{self.name}/{blob}", f"{flaw}; counted so") for blob, flaw in told[:_FLAWS])
        if len(told) > _FLAWS:
            reading.errors.append(PartError(f"{len(told) - _FLAWS} more blobs in {self.name}", "as broken as these"))

    def _plan(self, now: float) -> None:
        """What is to be listed now."""
        prefixes = [""]
        if self.ledger.is_begun and now - self.ledger.full_at < self.reads.full_interval:
            prefixes = changing(self.ledger, now)
            if prefixes != [""]:
                prefixes += fresh(self.blobs.children, self.ledger.streams)
        if prefixes == [""]:
            self.ledger.began()
        self.listings = [Listing(prefix) for prefix in prefixes]
        self._planned_at = now

    def _list(self) -> Iterator[Blob]:
        """The next page: what of it is to be counted."""
        listing = self.listings[0]
        page = self.blobs.page(listing.prefix, listing.marker)
        for place, blobs in listing.took(page.blobs, page.marker):
            yield from self.ledger.listed(place, blobs)
        if listing.is_ended:
            self.ledger.ended(listing.prefix, listing.seen)
            if not listing.prefix:
                self.ledger.full_at, self._foreign = self._planned_at, listing.foreign
            del self.listings[0]

    def _read(self, arrived: list[Blob], deadline: float, budget: int, count: int) -> list[tuple[Blob, Contents]]:
        """What the blobs hold: the newest are read, the others are there, and more is not known of them."""
        found = []
        for blob in sorted(arrived, key=lambda blob: blob.created, reverse=True):
            held = UNSEEN
            length = min(blob.size, self.reads.blob_bytes, budget)
            if blob.size == 0:
                held = contents(b"", 0)
            elif length and count and time.monotonic() < deadline:
                try:
                    held = contents(self.blobs.head(blob.name, length), blob.size)
                except ClientError as error:
                    if not (error.is_late or error.is_missing):
                        self._flaws[blob.name] = f"it cannot be read: {_explained(error)}"
                    if error.is_late or error.is_refused:
                        count = 0
                budget, count = budget - length, max(0, count - 1)
            if held.flaw:
                self._flaws[blob.name] = held.flaw
            self._not_whole += not held.whole
            found.append((blob, held))
        return found


def _explained(error: ClientError) -> str:
    """An error, and what is to be done about it."""
    hint = next((hint for sign, hint in _HINTS.items() if sign in str(error)), "")
    return f"{error}: {hint}" if hint else str(error)
