"""Counts of dead letters in a container that changes at random, against a naive listing of all that is there."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import metrics as m
from collectors.base import Reading
from collectors.eventgrid.blobs import Blobs, Page
from collectors.eventgrid.client import ClientError
from collectors.eventgrid.containers import DeadLetterReads
from collectors.eventgrid.deadletters import NOT_READ
from collectors.eventgrid.grid import Grid
from collectors.eventgrid.ledger import Blob
from collectors.eventgrid.letters import Container
from collectors.eventgrid.listing import FEW, HOUR
from collectors.eventgrid.origins import Origins
from monitor.demo.traffic.blobs import folder

START = 1_790_000_000.0
STREAMS = ("BILLING", "TOPIC/BILLING", "shop/orders/fulfilment", "shop/orders/returns", "shop/stock/count")


@dataclass
class World(Blobs):
    """A container in this process: blobs of so many events."""

    held: dict[str, tuple[Blob, int]] = field(default_factory=dict)
    size: int = 3
    lists: int = 0
    reads: int = 0
    listed: list[str] = field(default_factory=list)
    error: ClientError | None = None
    name: str = "shop/deadletters"

    def write(self, stream: str, at: float, events: int = 1, reason: str = "A") -> str:
        name = f"{folder(stream, at)}{len(self.held)}-{random.getrandbits(64):x}.json"
        text = "[" + ",".join([f'{{"deadLetterReason": "{reason}"}}'] * events) + "]"
        self.held[name] = Blob(name, len(text), at, text), events
        return name

    def page(self, prefix: str, marker: str | None) -> Page:
        if self.error is not None:
            raise self.error
        self.lists += 1
        self.listed.append(prefix)
        names = [name for name in sorted(self.held) if name.startswith(prefix) and name >= (marker or "")]
        return Page([self.held[n][0] for n in names[: self.size]], names[self.size] if len(names) > self.size else None)

    def children(self, prefix: str) -> list[str]:
        rests = {name[len(prefix) :] for name in self.held if name.startswith(prefix)}
        return sorted({prefix + rest.split("/")[0] + "/" for rest in rests if "/" in rest})

    def head(self, name: str, length: int) -> bytes:
        self.reads += 1
        return self.held[name][0].etag.encode()[:length]

    @property
    def events(self) -> int:
        return sum(events for _, events in self.held.values())


def reads(**changed: object) -> DeadLetterReads:
    return DeadLetterReads.model_validate({"blobs": 10_000, "interval": 2, **changed})


def look(container: Container, now: float) -> Reading:
    """Read until nothing is left to be listed."""
    far = time.monotonic() + 60
    while True:
        container.read(now, far, container.reads.bytes, container.reads.blobs)
        if not container.listings:
            break
    reading = Reading()
    container.tell(reading, now, Origins(Grid()))
    reading.memory.update(container.ledger.take_changes())
    return reading


def total(reading: Reading, metric: m.Metric = m.DEAD_LETTERED_MESSAGES_TOTAL) -> float:
    return sum(sample.value for sample in reading.samples if sample.metric is metric)


def depth(reading: Reading) -> float:
    return total(reading, m.DEAD_LETTERS)


step = st.one_of(
    st.tuples(
        st.just("write"), st.sampled_from(STREAMS), st.sampled_from([0, HOUR, 4 * HOUR, 90 * HOUR]), st.integers(1, 3)
    ),
    st.tuples(st.sampled_from(["delete", "read", "all", "restart", "fail"])),
    st.tuples(st.just("later"), st.sampled_from([60, HOUR, 30 * HOUR])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=40), st.integers(1, 4), st.integers(1, 3), st.sampled_from([0, 1, FEW]), st.randoms())
def test_depth_and_arrivals_are_those_of_a_naive_listing(
    steps: list[tuple[object, ...]], pages: int, size: int, few: int, chance: random.Random
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("collectors.eventgrid.listing.FEW", few)
        told = reads(pages=pages)
        world, now, memory = World(size=size), START, dict[str, bytes | None]()
        for nth in range(3):
            world.write(STREAMS[nth], now - nth * 100 * HOUR)
        container = Container(world, told)
        memory.update(look(container, now).memory)
        arrived, seen, before = 0, set(world.held), 0.0
        for what, *more in [*steps, ("all",)]:
            now += 2
            if what == "write":
                stream, ago, events = more
                name = world.write(str(stream), now - float(str(ago)), int(str(events)))
                arrived += int(str(events))
            elif what == "delete" and seen:
                name = chance.choice(sorted(seen))
                seen.discard(name)
                del world.held[name]
            elif what == "later":
                now += float(str(more[0]))
            elif what == "restart":
                container = Container(world, told)
                container.ledger.restore({key: value for key, value in memory.items() if value is not None})
            elif what == "fail":
                world.error = ClientError("no", chance.choice([404, 503]))
                with pytest.raises(ClientError):
                    look(container, now)
                world.error = None
                memory.update(look(container, now + 1).memory)  # it goes on with what it had planned
                now += 2
            elif what in ("read", "all"):
                now += told.full_interval if what == "all" else 0
                reading = look(container, now)
                memory.update(reading.memory)
                assert before <= total(reading) <= arrived
                before = total(reading)
                if what == "all":
                    assert (depth(reading), total(reading)) == (world.events, arrived)
                    seen = set(world.held)


def test_what_was_there_before_is_no_arrival() -> None:
    world = World()
    world.write("BILLING", START, 2)

    reading = look(Container(world, reads()), START)

    assert (depth(reading), total(reading)) == (2, 0)
    assert [s.labels for s in reading.samples if s.metric is m.DEAD_LETTERED_MESSAGES_TOTAL] == [
        ("shop/deadletters", "", "A (BILLING)")
    ]


def test_nothing_is_told_before_all_was_listed_once() -> None:
    world = World(size=1)
    for _ in range(3):
        world.write("BILLING", START)
    container, reading = Container(world, reads(pages=2)), Reading()

    container.read(START, time.monotonic() + 60, 1000, 10)
    container.tell(reading, START, Origins(Grid()))

    assert reading.samples == []
    assert reading.skipped[0].reason.startswith("the first listing goes on")


def test_the_age_is_that_of_the_oldest_blob_and_ends_with_it() -> None:
    world = World()
    first, _ = world.write("BILLING", START - 500), world.write("BILLING", START - 100)
    container = Container(world, reads())

    assert total(look(container, START), m.DEAD_LETTER_AGE_SECONDS) == 500
    del world.held[first]
    assert total(look(container, START + 10), m.DEAD_LETTER_AGE_SECONDS) == 110
    world.held.clear()
    assert not [s for s in look(container, START + 20).samples if s.metric is m.DEAD_LETTER_AGE_SECONDS]


def crowded(monkeypatch: pytest.MonkeyPatch) -> tuple[World, Container]:
    """A container of which not all is listed each time, read once."""
    monkeypatch.setattr("collectors.eventgrid.listing.FEW", 2)
    world = World(size=1000)
    for hour in range(100):
        world.write("BILLING", START - hour * HOUR)
    container = Container(world, reads())
    look(container, START)
    world.listed.clear()
    return world, container


def test_hours_that_cannot_change_are_not_listed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world, container = crowded(monkeypatch)

    look(container, START + 60)

    days = {folder("BILLING", at).rsplit("/", 2)[0] + "/" for at in (START, START - 5 * HOUR)}
    assert all(any(prefix.startswith(day) for day in days) for prefix in world.listed)
    assert len(world.listed) <= 8


def test_a_new_subscription_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    world, container = crowded(monkeypatch)
    world.write("shop/orders/fulfilment", START)

    assert total(look(container, START + 60)) == 1


def test_after_a_pause_the_days_since_then_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    world, container = crowded(monkeypatch)
    container.reads = reads(full_interval="30d")
    world.write("BILLING", START + 10 * HOUR)

    assert total(look(container, START + 40 * HOUR)) == 1


def test_the_newest_are_read_within_the_budget_and_the_others_are_one_event_at_least() -> None:
    world = World()
    container = Container(world, reads(blobs=2))
    look(container, START)
    for ago in (30, 10, 20):
        world.write("BILLING", START - ago, 3)

    reading = look(container, START + 60)

    assert world.reads == 2
    assert total(reading) == depth(reading) == 3 + 3 + 1
    assert f"{NOT_READ} (BILLING)" in {s.labels[-1] for s in reading.samples}
    assert [one.what for one in reading.skipped] == ["1 new blobs in shop/deadletters"]


def test_a_huge_blob_is_read_at_its_beginning() -> None:
    world = World()
    container = Container(world, reads(blob_bytes=100))
    look(container, START)
    world.write("BILLING", START, 1000)

    assert total(look(container, START + 60)) == 3


def test_a_broken_blob_is_named_counts_once_and_is_read_again_when_it_changes() -> None:
    world = World()
    container = Container(world, reads())
    look(container, START)
    name = world.write("BILLING", START, 3)
    whole = world.held[name]
    world.held[name] = whole[0]._replace(etag=whole[0].etag[:-1], size=whole[0].size - 1), 3

    broken = look(container, START + 60)
    again = look(container, START + 120)
    world.held[name] = whole
    mended = look(container, START + 180)

    assert [one.part for one in broken.errors] == [f"shop/deadletters/{name}"]
    assert again.errors == mended.errors == []
    assert (total(broken), total(again), total(mended)) == (3, 3, 3)


def test_of_the_oldest_over_the_budget_the_number_is_known() -> None:
    world = World(size=7)
    container = Container(world, reads(known_blobs=10, full_interval=1))
    for hour in range(30):
        world.write("BILLING", START - hour * HOUR)
    first = look(container, START)
    late = world.write("BILLING", START - 29 * HOUR, 2)
    second = look(container, START + 60)
    del world.held[late]
    third = look(container, START + 120)

    assert [depth(one) for one in (first, second, third)] == [30, 31, 30]
    assert [total(one) for one in (first, second, third)] == [0, 1, 1]
    assert sum(len(hour.known) for hour in container.ledger.hours.values()) <= 10
    assert "only their number is known" in third.skipped[0].reason


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STREAMS), st.integers(0, 60), st.booleans()), max_size=40), st.integers(1, 9))
def test_over_the_budget_counts_are_lower_bounds_and_memory_is_bounded(
    written: list[tuple[str, int, bool]], budget: int
) -> None:
    world, now, before, arrived = World(size=2), START, 0.0, 0
    container = Container(world, reads(known_blobs=budget, pages=1, full_interval=1))
    world.write("BILLING", now)
    look(container, now)
    for stream, hours, is_read in [*written, ("BILLING", 0, True)]:
        world.write(stream, now - hours * HOUR)
        arrived += 1
        if is_read:
            now += 60
            reading = look(container, now)
            assert depth(reading) == world.events
            assert before <= total(reading) <= arrived
            assert sum(len(hour.known) for hour in container.ledger.hours.values()) <= budget
            before = total(reading)
    assert before == arrived


def test_blobs_that_are_no_dead_letters_are_named() -> None:
    world = World()
    world.held["readme.txt"] = Blob("readme.txt", 5, START, "hello"), 0

    assert [one.what for one in look(Container(world, reads()), START).skipped] == ["1 blobs in shop/deadletters"]


def test_where_nothing_was_listed_since_nothing_is_stored_anew() -> None:
    world = World()
    world.write(STREAMS[0], START)
    container = Container(world, reads(interval=60))
    look(container, START)

    assert look(container, START + 5).memory == {}


def test_memory_that_cannot_be_read_is_as_if_it_had_never_been() -> None:
    world = World()
    world.write("BILLING", START)
    container = Container(world, reads())
    container.ledger.restore(
        {"blobs/shop/deadletters": b"{", f"blobs/shop/deadletters/{folder('BILLING', START)}": b"x", "other": b"y"}
    )

    assert depth(look(container, START)) == 1
