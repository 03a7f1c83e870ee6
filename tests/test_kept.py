"""What the console asks a store is asked once, until someone writes to the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from collectors import metrics as m
from collectors.base import Reading, Scrape
from monitor.console.kept import LASTING, Moments, once
from monitor.console.source import Source
from monitor.store.reader import Reader, StoreError
from monitor.store.writer import Store

NOW = 1_700_000_000.0
NAME = m.DEAD_LETTERS.name


@pytest.fixture
def path(tmp_path: Path) -> str:
    write(tmp_path / "store.db", 5, NOW)
    return str(tmp_path / "store.db")


def write(path: Path | str, depth: float, at: float) -> None:
    with closing(Store(path)) as store:
        store.record(Scrape("k", "kafka", at, 0.1, Reading([m.DEAD_LETTERS.sample(depth, "orders.dlq", "orders")])))


class Counting(Reader):
    """A reader that counts how often it is asked."""

    asked = 0

    def latest(self, *args: Any, **named: Any) -> Any:
        Counting.asked += 1
        return super().latest(*args, **named)


def depth(moments: Moments, path: str, now: float) -> float:
    with closing(Counting(path)) as reader:
        moment = moments.at(path, now)
        (series,) = moment.over(reader).latest(NAME, moment.since, {"destination": "orders.dlq"})
        return series.points[-1][1]


def test_what_is_asked_again_is_not_read_again(path: str) -> None:
    moments, Counting.asked = Moments(), 0

    assert [depth(moments, path, NOW + later) for later in (1, 2, 3)] == [5, 5, 5]
    assert Counting.asked == 1


def test_ten_who_ask_at_the_same_time_are_told_from_one_read(path: str) -> None:
    moments, together, Counting.asked = Moments(), Barrier(10), 0

    def ask(_: int) -> float:
        together.wait(timeout=20)
        return depth(moments, path, NOW + 1)

    with ThreadPoolExecutor(10) as consoles:
        assert list(consoles.map(ask, range(10))) == [5] * 10
    assert Counting.asked == 1


def test_what_cannot_be_read_is_asked_again(path: str) -> None:
    moments, asked = Moments(), []

    def failing(source: Source, now: float) -> float:
        asked.append(now)
        raise StoreError("locked")

    with closing(Reader(path)) as reader:
        for _ in range(2):
            with pytest.raises(StoreError, match="locked"):
                once(failing)(moments.at(path, NOW).over(reader), NOW)
    assert asked == [NOW, NOW]


def test_what_is_made_of_the_answers_is_made_once_in_a_moment(path: str) -> None:
    moments, made = Moments(), []

    @once
    def summed(source: Source, now: float) -> float:
        made.append(now)
        return sum(one.points[-1][1] for one in source.latest(NAME, now))

    for number in (5, 6):
        write(path, number, NOW + number)
        with closing(Reader(path)) as reader:
            source = moments.at(path, NOW + number).over(reader)
            assert [summed(source, NOW + number) for _ in range(3)] == [number] * 3
    assert made == [NOW + 5, NOW + 6]


def test_without_a_moment_it_is_made_every_time(path: str) -> None:
    made: list[float] = []
    with closing(Reader(path)) as reader:
        for _ in range(2):
            once(lambda source, now: made.append(now))(reader, NOW)

    assert made == [NOW, NOW]


def test_what_is_written_is_seen_at_once(path: str) -> None:
    moments = Moments()
    before = depth(moments, path, NOW + 1)
    write(path, 6, NOW + 2)

    assert (before, depth(moments, path, NOW + 3)) == (5, 6)


def test_what_is_written_is_seen_at_once_through_a_link_too(path: str, tmp_path: Path) -> None:
    link, moments = tmp_path / "link.db", Moments()
    link.symlink_to(path)
    with closing(Reader(path)):  # so that what is written stays in the log
        assert depth(moments, str(link), NOW + 1) == 5
        write(path, 6, NOW + 2)

        assert depth(moments, str(link), NOW + 2) == 6


def test_a_moment_ends_though_nothing_is_written(path: str) -> None:
    moments = Moments()

    assert moments.at(path, NOW).since == NOW
    assert moments.at(path, NOW + LASTING - 1).since == NOW
    assert moments.at(path, NOW + LASTING).since == NOW + LASTING


def test_a_clock_that_is_set_back_ends_the_moment(path: str) -> None:
    moments = Moments()
    moments.at(path, NOW)

    assert moments.at(path, NOW - 60).since == NOW - 60


def test_a_store_that_is_replaced_is_read_anew(path: str, tmp_path: Path) -> None:
    moments = Moments()
    before = depth(moments, path, NOW + 1)
    write(tmp_path / "other.db", 9, NOW)
    (tmp_path / "other.db").replace(path)

    assert (before, depth(moments, path, NOW + 2)) == (5, 9)


def test_other_questions_have_their_own_answers(path: str) -> None:
    moments = Moments()
    with closing(Reader(path)) as reader:
        source = moments.at(path, NOW).over(reader)

        assert source.latest(NAME, NOW, {"target": "other"}) == []
        assert source.latest(NAME, NOW) != []


def test_what_is_given_as_none_is_the_same_question_as_what_is_not_given(path: str) -> None:
    Counting.asked = 0
    with closing(Counting(path)) as reader:
        source = Moments().at(path, NOW).over(reader)

        assert source.latest(NAME, NOW) is source.latest(NAME, NOW, None)
    assert Counting.asked == 1
